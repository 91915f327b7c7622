/**
 * What a node does when a peer shows that its disk was lost or set back to an older copy.
 *
 * The order is the point: the store has lost its evidence, durably, before the node has the incarnation that its
 * peers let in. Were it the other way round, a crash in between would leave a disk that lacks
 * acknowledged writes under an incarnation to which nobody objects. As it is, a crash before the end
 * leaves the old incarnation, and the next start is refused like this one.
 */

import type { NodeLife } from '../core/node-life.ts';
import type { Store } from '../storage/store.ts';
import type { NodeIdentity } from './node-identity.ts';

/** Begins the life after `known`. The node of the former life must have stopped. */
export async function beginNextLife(
  identity: NodeIdentity,
  store: Store,
  known: NodeLife,
): Promise<NodeIdentity> {
  // A store that began empty did not lose part of what it had, but all.
  await store.loseEvidence(store.status().evidenceLost === 'fresh' ? 'lost' : 'rolled-back');
  return await identity.nextLife(known, store.status().logEntries);
}
