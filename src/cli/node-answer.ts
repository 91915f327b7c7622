/** What a node says of itself under `/health` and `/ready`: yes, no with a reason, or nothing. */

import type { Address } from './address.ts';
import { requestNode } from './node-client.ts';
import { replyMessage } from './reply-fields.ts';

/** How long a node that runs may take to say that it is well. */
const probeTimeoutMs = 1_000;

export type NodeAnswer =
  | { readonly kind: 'yes' }
  | { readonly kind: 'no'; readonly message: string }
  | { readonly kind: 'silent'; readonly message: string };

/** Whether the node at an address is well. */
export function healthOfAddress(address: Address): Promise<NodeAnswer> {
  return ask(address, '/health');
}

/** Whether the node at an address can meet the read and the write quorum. */
export function readinessOfAddress(address: Address): Promise<NodeAnswer> {
  return ask(address, '/ready');
}

async function ask(address: Address, path: string): Promise<NodeAnswer> {
  const reply = await requestNode(address, {
    method: 'GET',
    path,
    headers: { accept: 'text/plain' },
    timeoutMs: probeTimeoutMs,
  });
  if (reply.kind !== 'answered') return { kind: 'silent', message: reply.message };
  if (reply.status === 200) return { kind: 'yes' };
  return { kind: 'no', message: replyMessage(reply.body) || `status ${reply.status}` };
}
