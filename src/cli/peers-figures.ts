/** What `status` says of how a node speaks with its peers: by TLS or plainly, and how long its certificate lasts. */

import { z } from 'zod';

import { nothing } from './healing-figures.ts';
import { formatDuration } from './terminal.ts';

export const peersSchema = z.object({
  id: z.string(),
  tls: z.object({ mode: z.string(), certificate_expires_ms: z.number() }).nullable(),
  peers: z.array(z.object({ id: z.string(), up: z.boolean(), encrypted: z.boolean() })),
});
export type PeersPage = z.infer<typeof peersSchema>;

/** Time to make new certificates and bring them everywhere, at ease. */
const renewBeforeMs = 21 * 86_400_000;

/** `TLS` or `plain`; with peers of both kinds, how many are which. */
export function peersCell(page: PeersPage | undefined): string {
  if (page === undefined || page.peers.length === 0) return nothing;
  const up = page.peers.filter((peer) => peer.up);
  const plain = up.filter((peer) => !peer.encrypted).length;
  if (page.tls === null) return 'plain';
  return plain === 0 ? 'TLS' : `TLS (${plain} plain)`;
}

/** A sentence when the certificate ends soon. */
export function certificateRemarks(
  name: string,
  page: PeersPage | undefined,
  nowMs: number,
): readonly string[] {
  const expiresMs = page?.tls?.certificate_expires_ms;
  if (expiresMs === undefined || expiresMs - nowMs > renewBeforeMs) return [];
  if (expiresMs <= nowMs) return [`${name}: its certificate has expired: peers refuse new connections`];
  return [`${name}: its certificate expires in ${formatDuration(expiresMs - nowMs)}: replace its files`];
}
