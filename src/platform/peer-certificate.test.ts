import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { certificateNames, credentialProblems, speaksFor, type CredentialTexts } from './peer-certificate.ts';
import { nodeId } from './transport-contract-raw-peer.ts';
import { filesOf } from './transport-contract-tls.ts';

const nowMs = Date.now();

function textsOf(name: string, changes: Partial<CredentialTexts> = {}): CredentialTexts {
  const { ca, cert, key } = filesOf(name);
  const read = (path: string): string => readFileSync(path, 'utf8');
  return { ca: read(ca), cert: read(cert), key: read(key), ...changes };
}

function problemsOf(texts: CredentialTexts, names = ['n1'], atMs = nowMs): string {
  return credentialProblems(texts, { names, nowMs: atMs })
    .map(({ file, problem }) => `${file} ${problem}`)
    .join('\n');
}

function certificateOf(name: string): X509Certificate {
  return new X509Certificate(textsOf(name).cert);
}

test('good files have no problem, also with an authority in between or under the name of the host', () => {
  assert.equal(problemsOf(textsOf('n1')), '');
  assert.equal(problemsOf(textsOf('n2-by-middle'), ['n2']), '');
  assert.equal(problemsOf(textsOf('by-host'), ['n7', 'db1.example']), '');
  assert.equal(problemsOf(textsOf('by-host'), ['n7', '192.0.2.7']), '');
  const several = `${textsOf('n1-other-ca', { ca: '' }).cert}${textsOf('n1').ca}`;
  assert.equal(problemsOf(textsOf('n1', { ca: several })), '', 'any of several authorities will do');
});

test('each thing that peers would refuse is found, with the file and what to do', () => {
  const { key, ca } = textsOf('n1');
  for (const [texts, problem] of [
    [textsOf('n1', { key: textsOf('n2').key }), /^key does not belong to the certificate$/],
    [textsOf('n1-expired'), /^cert expired on Nov .* GMT: make a new one$/],
    [textsOf('n1-other-ca'), /^cert was signed by CN=mini-dynamo test other-ca, which is not among/],
    [textsOf('n2'), /^cert names DNS:n2; its subjectAltName must have DNS:n1$/],
    [
      textsOf('n1-wildcard'),
      /^cert names DNS:\*, DNS:\*\.nodes\.example; its subjectAltName must have DNS:n1$/,
    ],
    [textsOf('n1-server-only'), /^cert is not for both ends .* serverAuth and clientAuth$/],
    [textsOf('n1', { ca: 'x' }), /^ca has no certificate: .*BEGIN CERTIFICATE/],
    [textsOf('n1', { cert: key }), /^cert has no certificate/],
    [textsOf('n1', { cert: ca.replace(/[A-Z]{5}/, '#####') }), /^cert has no certificate|cannot be read/],
    [textsOf('n1', { key: ca }), /^key has no private key: .*BEGIN PRIVATE KEY/],
    [textsOf('n1', { key: key.replace(/\n..../, '\nAAAA') }), /^key has a private key that cannot be read/],
    [
      textsOf('n1', { key: readFileSync(filesOf('n1').key.replace('.key', '-encrypted.key'), 'utf8') }),
      /^key is encrypted/,
    ],
  ] as const) {
    assert.match(problemsOf(texts), problem);
  }
  assert.match(
    problemsOf(textsOf('n1'), ['n1'], Date.UTC(2020, 0)),
    /^cert is valid only from .*: look at the clocks/,
  );
});

test('all problems are told at once', () => {
  const problems = problemsOf(textsOf('n1-expired', { key: 'none', ca: 'none' }), ['n2']);
  assert.match(problems, /^ca has no .*\nkey has no .*\ncert expired .*\ncert names DNS:n1;/);
});

test('a certificate without the authority that lies between is not by the one above it', () => {
  const [leaf = ''] = textsOf('n2-by-middle').cert.split(/(?<=END CERTIFICATE-----\n)/);
  assert.match(
    problemsOf(textsOf('n2-by-middle', { cert: leaf }), ['n2']),
    /^cert was signed by .*middle, which is not/,
  );
});

test('a certificate speaks for a name that it has word for word, and no other', () => {
  assert.equal(speaksFor(certificateOf('n1'), ['n1']), true);
  assert.equal(speaksFor(certificateOf('n1'), ['n2']), false);
  assert.equal(speaksFor(certificateOf('n1'), ['n11']), false);
  assert.equal(speaksFor(certificateOf('n1-wildcard'), ['n1', 'db1.nodes.example']), false);
  assert.equal(speaksFor(certificateOf('by-host'), ['by-host']), false, 'the common name counts for nothing');
  assert.equal(speaksFor(certificateOf('by-host'), ['n1', '192.0.2.7']), true);
  assert.equal(speaksFor(certificateOf('by-host'), ['192.0.2.8']), false);
});

test('a host stands for a node where no other machine has it, as its host or as its id', () => {
  const [a, b, c, d] = [nodeId('a'), nodeId('B'), nodeId('c'), nodeId('d')];
  const [e, e2] = [nodeId('e'), nodeId('e-2')];
  const names = certificateNames([
    { id: a, host: 'one.example', machine: a },
    { id: b, host: '10.0.0.1', machine: b },
    { id: c, host: '10.0.0.1', machine: c },
    { id: d, host: 'b', machine: d },
    { id: e, host: 'five.example', machine: e },
    { id: e2, host: 'five.example', machine: e },
  ]);
  assert.deepEqual(names(a), ['a', 'one.example']);
  assert.deepEqual(names(b), ['B']);
  assert.deepEqual(names(c), ['c']);
  assert.deepEqual(names(d), ['d']);
  assert.deepEqual(names(e2), ['e-2', 'e', 'five.example'], 'a worker may have the certificate of its node');
  assert.deepEqual(names(nodeId('f')), ['f']);
});
