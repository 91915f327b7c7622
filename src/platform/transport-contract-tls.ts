/** Certificates for tests of connections between nodes: those of `test/fixtures/peer-tls`, and members that use them. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { SecureContextOptions } from 'node:tls';
import type { NodeId } from '../core/config.ts';
import { silentObserver } from '../ports/observer.ts';
import { PeerCredentials, type CredentialFiles } from './peer-credentials.ts';
import { PeerTls, type PeerTlsOptions } from './peer-tls.ts';
import { SystemClock } from './system-clock.ts';
import { withTcpMembers, type MemberOptions, type TcpMember } from './transport-contract-members.ts';

export const certificateFolder = join(import.meta.dirname, '..', '..', 'test', 'fixtures', 'peer-tls');

/** The files of a certificate by its name, such as `n1` or `n1-expired`. */
export function filesOf(name: string, ca = 'ca'): CredentialFiles {
  const at = (file: string): string => join(certificateFolder, file);
  return { ca: at(`${ca}.crt`), cert: at(`${name}.crt`), key: at(`${name}.key`) };
}

/** The same for a peer that a test plays by hand, good or not. */
export function contextOf(name: string, ca = 'ca'): SecureContextOptions {
  const files = filesOf(name, ca);
  const read = (path: string): string => readFileSync(path, 'utf8');
  return { ca: read(files.ca), cert: read(files.cert), key: read(files.key) };
}

export function credentialsOf(name: string): PeerCredentials {
  const clock = new SystemClock();
  return new PeerCredentials({ files: filesOf(name), names: [name], clock, observer: silentObserver });
}

/** TLS for a node, by the certificate of its name unless told. */
export function tlsOf(id: NodeId, changes: Partial<PeerTlsOptions> = {}): PeerTls {
  const clock = new SystemClock();
  return new PeerTls({
    self: id,
    mode: 'required',
    credentials: credentialsOf(id),
    names: (peer) => [peer],
    clock,
    ...changes,
  });
}

/** `withTcpMembers` with a certificate for each; n1 to n4 have one. */
export function withTlsMembers(
  ids: readonly NodeId[],
  body: (members: readonly TcpMember[]) => Promise<void>,
  options: MemberOptions = {},
): Promise<void> {
  const { handshakeTimeoutMs } = options;
  const changes = handshakeTimeoutMs === undefined ? {} : { handshakeTimeoutMs };
  const made = new Map(ids.map((id) => [id, tlsOf(id, changes)]));
  return withTcpMembers(ids, body, { tlsOf: (id) => made.get(id), ...options });
}
