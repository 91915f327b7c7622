/** Three real nodes that speak mutual TLS: they lose a node and get it back, and one without a certificate stays outside. */

import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { hasStatus, statusText } from '../../src/cli/key-client.ts';
import { logPathOf } from '../../src/cli/node-log.ts';
import { ThrowawayCluster } from '../../src/cli/throwaway-cluster.ts';
import { waitUntil } from '../../src/cli/wait-until.ts';
import { eachInParallel, numbered } from './load.ts';
import { repositoryRoot, runCommand } from './run-command.ts';
import { serveNode } from './serve-process.ts';

const boundMs = 30_000;
const certificates = join(repositoryRoot, 'test', 'fixtures', 'peer-tls');
const at = (file: string): string => join(certificates, file);

interface PeersSaid {
  readonly tls: { readonly mode: string; readonly certificate_expires_ms: number };
  readonly peers: readonly { readonly encrypted: boolean }[];
}

let cluster: ThrowawayCluster;
before(async () => {
  cluster = await ThrowawayCluster.create({
    nodes: 3,
    settings: { peerTls: { ca: at('ca.crt'), cert: at('{id}.crt'), key: at('{id}.key') } },
  });
  await cluster.start();
  await cluster.connected();
});
after(() => cluster.remove());

async function putAll(id: string, keys: readonly string[]): Promise<void> {
  await eachInParallel(keys, 16, async (key) => {
    const reply = await cluster.client(id).put(key, `value of ${key}`);
    assert.ok(hasStatus(reply, 204), statusText(reply));
  });
}

async function holdsAll(id: string, keys: readonly string[]): Promise<void> {
  const missing = new Set(keys);
  const complete = await waitUntil(
    async () => {
      for (const key of missing) {
        if ((await cluster.client(id).localRecord(key)).kind === 'value') missing.delete(key);
      }
      return missing.size === 0;
    },
    { boundMs },
  );
  assert.ok(complete, `${id} lacks ${missing.size} of ${keys.length} records`);
}

function logOf(id: string): Promise<string> {
  return readFile(logPathOf(cluster.dataDirectory(id)), 'utf8');
}

test('what is written at one node is read at another, and all of it travelled by TLS', async () => {
  const keys = numbered('encrypted', 100);
  await putAll('n1', keys);
  const large = Buffer.alloc(3_000_000, 'large');
  assert.ok(hasStatus(await cluster.client('n2').put('large', large), 204));
  for (const id of cluster.ids) await holdsAll(id, [...keys, 'large']);
  const reply = await cluster.client('n3').get('large');
  assert.ok(hasStatus(reply, 200) && reply.body.equals(large), statusText(reply));

  const { stdout } = await runCommand(['status', '--config', cluster.local.configPath]);
  assert.equal(stdout.match(/^n\d .* 256 +TLS /gm)?.length, 3, stdout);
  const page = await cluster.client('n1').request('GET', '/debug/peers');
  assert.ok(hasStatus(page, 200));
  const said: PeersSaid = JSON.parse(page.body.toString());
  assert.equal(said.tls.mode, 'required');
  assert.ok(said.tls.certificate_expires_ms > Date.UTC(2100, 0));
  assert.deepEqual(
    said.peers.map((peer) => peer.encrypted),
    [true, true],
  );
});

test('a node that was killed is given what it missed', async () => {
  await cluster.kill('n2');
  const keys = numbered('missed', 100);
  await putAll('n3', keys);
  await cluster.start('n2');
  await holdsAll('n2', keys);
  await cluster.connected();
});

test('a node without TLS is refused, and both ends say why', async () => {
  await cluster.stop('n2');
  const { peerTls, ...plain } = JSON.parse(await readFile(cluster.local.configPath, 'utf8'));
  assert.ok(peerTls !== undefined);
  const path = join(cluster.folder, 'plain.json');
  await writeFile(path, JSON.stringify(plain));
  // The later --config wins.
  const { child, ended } = await serveNode(cluster, 'n2', '--config', path);
  // n2 dials n3 and is dialled by n1.
  const areTold = await waitUntil(
    async () =>
      /peer\.refused .*TLS_REQUIRED: n3 speaks with peers by TLS only/.test(await logOf('n3')) &&
      /peer\.unreachable .*the other end does not speak TLS/.test(await logOf('n1')),
    { boundMs },
  );
  assert.deepEqual(await cluster.client('n2').peersUp(), []);
  const metrics = await cluster.client('n3').request('GET', '/metrics');
  assert.ok(hasStatus(metrics, 200));
  assert.match(metrics.body.toString(), /^mini_dynamo_events_total\{event="peers\.refused"\} [1-9]/m);
  child.kill('SIGTERM');
  const { stderr } = await ended;
  assert.ok(areTold, `${await logOf('n1')}\n${await logOf('n3')}`);
  assert.match(stderr, /peer\.refused-us .*TLS_REQUIRED/);
});

test('files that peers would refuse are refused at the start, with all that is wrong with them', async () => {
  const serve = ['serve', '--id', 'n1', '--config', cluster.local.configPath, '--data-dir', 'unused'];
  const options = ['--peer-cert', at('n1-expired.crt'), '--peer-ca', at('other-ca.crt')];
  const { code, stderr } = await runCommand([...serve, ...options]);
  assert.equal(code, 2, stderr);
  assert.match(stderr, /n1-expired\.crt expired on .*: make a new one/);
  assert.match(stderr, /n1\.key does not belong to the certificate/);
  assert.match(stderr, /n1-expired\.crt was signed by CN=mini-dynamo test ca, which is not among/);
});
