/** What a node can vouch for when it starts, from what its store remembers. */

import type { NodeConfig } from '../core/config.ts';
import type { PlacementTable } from '../core/placement.ts';
import type { Clock } from '../ports/clock.ts';
import type { Store } from '../storage/store.ts';
import { Evidence } from './evidence.ts';
import { ownedPartitions } from './owned-partitions.ts';

/** Without anti-entropy a first start has nothing to wait for; what was lost stays lost. */
export function evidenceOf(options: {
  readonly config: NodeConfig;
  readonly placement: PlacementTable;
  readonly store: Store;
  readonly clock: Clock;
}): Evidence {
  const { config, placement, store, clock } = options;
  const { evidenceLost } = store.status();
  const isTaken = evidenceLost === false || (evidenceLost === 'fresh' && config.antiEntropy === false);
  return new Evidence({
    owned: ownedPartitions(placement, config.id),
    w: config.quorum.w,
    cause: isTaken ? undefined : evidenceLost,
    startedAtMs: clock.monotonicNow(),
    requestTimeoutMs: config.timing.requestTimeoutMs,
  });
}
