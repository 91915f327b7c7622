/** The files with which one node speaks TLS with its peers: those of the nodes file, or of its command line. */

import type { ClusterNode, PeerTlsSettings } from './cluster-settings.ts';
import { UsageFailure } from './command-failure.ts';

/** The command line wins, file by file. Undefined: without TLS. Throws `UsageFailure` when one of three is missing. */
export function peerTlsFor(
  node: ClusterNode,
  inFile: PeerTlsSettings | undefined,
  given: { readonly peerCa?: string; readonly peerCert?: string; readonly peerKey?: string },
): PeerTlsSettings | undefined {
  const ca = given.peerCa ?? inFile?.ca;
  const cert = given.peerCert ?? inFile?.cert;
  const key = given.peerKey ?? inFile?.key;
  if (ca === undefined && cert === undefined && key === undefined) return undefined;
  if (ca === undefined || cert === undefined || key === undefined) {
    throw new UsageFailure(
      'Give all of --peer-ca, --peer-cert and --peer-key, or none: both ends of a connection show a certificate.',
    );
  }
  // Workers of a node share its certificate.
  const id = node.worker?.node ?? node.id;
  const ofNode = (path: string): string => path.replaceAll('{id}', id);
  return { ca: ofNode(ca), cert: ofNode(cert), key: ofNode(key), mode: inFile?.mode ?? 'required' };
}
