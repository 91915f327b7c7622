/**
 * What a certificate says of a node, and whether the files that a node was given can serve it.
 *
 * A certificate speaks for a node when a subjectAltName of it is the node's id (`DNS:n1`), or the host under which the nodes
 * file has that node and no other. Wildcards and the common name count for nothing: one certificate for all
 * nodes would let each pass for any other. Everything that peers would refuse is found at the start, where it can be
 * said in full.
 */

import { createPrivateKey, X509Certificate, type KeyObject } from 'node:crypto';
import { isIP } from 'node:net';
import type { NodeId } from '../core/config.ts';
import { errorMessageOf } from '../core/errors.ts';

/** The text of the three files. */
export interface CredentialTexts {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

/** What one file must have and has not, a sentence; `file` names which. */
export interface CredentialProblem {
  readonly file: keyof CredentialTexts;
  readonly problem: string;
}

const serverUse = '1.3.6.1.5.5.7.3.1';
const clientUse = '1.3.6.1.5.5.7.3.2';
/** More authorities behind one another than anybody has. */
const chainLengthMax = 8;

/** A node as certificates may name it. */
export interface NamedNode {
  readonly id: NodeId;
  readonly host: string;
  /** The node whose worker it is, or itself: workers of one node share its certificate. */
  readonly machine: NodeId;
}

/** By which names each node may be called in a certificate: its id, its machine's, and its host where no other machine has it. */
export function certificateNames(nodes: readonly NamedNode[]): (id: NodeId) => readonly string[] {
  const machinesOf = new Map<string, Set<NodeId>>();
  for (const { id, host, machine } of nodes) {
    for (const name of [id.toLowerCase(), host]) {
      const machines = machinesOf.get(name) ?? new Set();
      machinesOf.set(name, machines.add(machine));
    }
  }
  const names = new Map<NodeId, readonly string[]>();
  for (const { id, host, machine } of nodes) {
    const hasHostAlone = machinesOf.get(host)?.size === 1;
    names.set(id, [...new Set([id, machine, ...(hasHostAlone ? [host] : [])])]);
  }
  return (id) => names.get(id) ?? [id];
}

/** Whether a certificate names one of these, word for word. */
export function speaksFor(certificate: X509Certificate, names: readonly string[]): boolean {
  return names.some((name) =>
    isIP(name) === 0
      ? certificate.checkHost(name, { subject: 'never', wildcards: false }) !== undefined
      : certificate.checkIP(name) !== undefined,
  );
}

/** The names in a certificate, for a message. */
export function namesIn(certificate: X509Certificate): string {
  return certificate.subjectAltName ?? 'nobody (it has no subjectAltName)';
}

/** All that is wrong with the files of a node that may be called `names`; nothing when peers will take them. */
export function credentialProblems(
  texts: CredentialTexts,
  { names, nowMs }: { readonly names: readonly string[]; readonly nowMs: number },
): CredentialProblem[] {
  const problems: CredentialProblem[] = [];
  const inFile = (file: keyof CredentialTexts) => (problem: string) => void problems.push({ file, problem });
  const authorities = certificatesIn(texts.ca, inFile('ca'));
  const [certificate, ...chain] = certificatesIn(texts.cert, inFile('cert'));
  const key = privateKeyIn(texts.key, inFile('key'));
  if (certificate === undefined) return problems;
  if (key !== undefined && !certificate.checkPrivateKey(key))
    inFile('key')('does not belong to the certificate');
  for (const problem of certificateProblems(certificate, { names, nowMs })) inFile('cert')(problem);
  if (authorities.length > 0 && !isSignedBy(certificate, chain, authorities)) {
    inFile('cert')(
      `was signed by ${oneLine(certificate.issuer)}, which is not among the authorities of the ca file; ` +
        'authorities between the two belong behind the certificate, in its file',
    );
  }
  return problems;
}

function certificateProblems(
  certificate: X509Certificate,
  { names, nowMs }: { readonly names: readonly string[]; readonly nowMs: number },
): string[] {
  const problems: string[] = [];
  if (expiryOf(certificate) <= nowMs) problems.push(`expired on ${certificate.validTo}: make a new one`);
  if (Date.parse(certificate.validFrom) > nowMs) {
    problems.push(`is valid only from ${certificate.validFrom}: look at the clocks`);
  }
  if (!speaksFor(certificate, names)) {
    problems.push(`names ${namesIn(certificate)}; its subjectAltName must have ${namesWanted(names)}`);
  }
  const uses: readonly string[] | undefined = certificate.keyUsage;
  if (uses !== undefined && !(uses.includes(serverUse) && uses.includes(clientUse))) {
    problems.push(
      'is not for both ends of a connection: its extendedKeyUsage must be serverAuth and clientAuth',
    );
  }
  return problems;
}

/** `DNS:n1 or IP:10.0.0.1`, as openssl wants them. */
export function namesWanted(names: readonly string[]): string {
  return names.map((name) => `${isIP(name) === 0 ? 'DNS' : 'IP'}:${name}`).join(' or ');
}

/** Wall milliseconds. */
export function expiryOf(certificate: X509Certificate): number {
  return Date.parse(certificate.validTo);
}

/** The certificates of a PEM file in their order. */
export function certificatesIn(text: string, report: (problem: string) => void): X509Certificate[] {
  const blocks = text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g);
  if (blocks === null) {
    report('has no certificate: it must have lines from -----BEGIN CERTIFICATE----- on (PEM)');
    return [];
  }
  try {
    return blocks.map((block) => new X509Certificate(block));
  } catch (error) {
    report(`has a certificate that cannot be read: ${errorMessageOf(error)}`);
    return [];
  }
}

function privateKeyIn(text: string, report: (problem: string) => void): KeyObject | undefined {
  if (!/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(text)) {
    report('has no private key: it must have lines from -----BEGIN PRIVATE KEY----- on (PEM)');
    return undefined;
  }
  if (/-----BEGIN ENCRYPTED PRIVATE KEY-----|^Proc-Type: 4,ENCRYPTED/m.test(text)) {
    report(
      'is encrypted, and nobody is there to give the password: keep it readable for this user alone instead',
    );
    return undefined;
  }
  try {
    return createPrivateKey(text);
  } catch (error) {
    report(`has a private key that cannot be read: ${errorMessageOf(error)}`);
    return undefined;
  }
}

function isSignedBy(
  certificate: X509Certificate,
  chain: readonly X509Certificate[],
  authorities: readonly X509Certificate[],
): boolean {
  const signs = (issuer: X509Certificate, signed: X509Certificate): boolean =>
    signed.checkIssued(issuer) && signed.verify(issuer.publicKey);
  let signed = certificate;
  for (let length = 0; length < chainLengthMax; length++) {
    if (authorities.some((authority) => signs(authority, signed))) return true;
    const between = chain.find((issuer) => issuer !== signed && signs(issuer, signed));
    if (between === undefined) return false;
    signed = between;
  }
  return false;
}

/** OpenSSL puts each part of a name on a line of its own. */
function oneLine(name: string): string {
  return name.replaceAll('\n', ', ');
}
