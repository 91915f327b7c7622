/** Puts together what a node needs to speak TLS with its peers. */

import type { NodeId } from '../core/config.ts';
import type { PeerTlsStatus } from '../frontends/status-routes.ts';
import { certificateNames } from '../platform/peer-certificate.ts';
import { PeerCredentials } from '../platform/peer-credentials.ts';
import { PeerTls } from '../platform/peer-tls.ts';
import type { TcpTransport } from '../platform/tcp-transport.ts';
import type { Clock } from '../ports/clock.ts';
import type { Observer } from '../ports/observer.ts';
import type { ServeSettings } from './serve-settings.ts';

/** Reads the certificate of a node; undefined when its peers speak without TLS. Throws `CONFIG_INVALID`. */
export function openPeerTls(settings: ServeSettings, clock: Clock, observer: Observer): PeerTls | undefined {
  const { peerTls, node, nodes } = settings;
  if (peerTls === undefined) return undefined;
  const names = certificateNames(
    nodes.map(({ id, address, peerAddress, worker }) => ({
      id,
      host: (peerAddress ?? address).host,
      machine: worker?.node ?? id,
    })),
  );
  const credentials = new PeerCredentials({ files: peerTls, names: names(node.id), clock, observer });
  return new PeerTls({ self: node.id, mode: peerTls.mode, credentials, names, clock });
}

/** For the operator; undefined without TLS. */
export function peerTlsStatus(
  tls: PeerTls | undefined,
  transport: TcpTransport,
): (() => PeerTlsStatus) | undefined {
  if (tls === undefined) return undefined;
  const isEncrypted = (peer: NodeId): boolean => transport.isEncrypted(peer);
  return () => ({ mode: tls.mode, certificateExpiresMs: tls.certificateExpiresMs, isEncrypted });
}
