/** What a node can vouch for when it starts, from what its disk remembers. */

import type { NodeConfig, NodeId } from '../core/config.ts';
import type { PlacementTable } from '../core/placement.ts';
import type { Clock } from '../ports/clock.ts';
import type { Disk } from '../ports/disk.ts';
import type { Observer } from '../ports/observer.ts';
import type { Store } from '../storage/store.ts';
import { VouchedPartitions } from '../storage/vouched-partitions.ts';
import { Evidence } from './evidence.ts';
import { ownedPartitions } from './owned-partitions.ts';

/** Which of its partitions a node can vouch for as far as a change of the placement goes. */
export function vouchedPartitions(options: {
  readonly disk: Disk;
  readonly observer: Observer;
  readonly placement: PlacementTable;
  readonly self: NodeId;
}): Promise<VouchedPartitions> {
  const { disk, observer, placement, self } = options;
  const owned = ownedPartitions(placement, self).map(({ partition }) => partition);
  return VouchedPartitions.open({ disk, observer, owned });
}

/** Without anti-entropy a first start has nothing to wait for; what was lost stays lost. */
export function evidenceOf(options: {
  readonly config: NodeConfig;
  readonly placement: PlacementTable;
  readonly store: Store;
  readonly clock: Clock;
  readonly vouched?: Pick<VouchedPartitions, 'gained'> | undefined;
}): Evidence {
  const { config, placement, store, clock, vouched } = options;
  const { evidenceLost } = store.status();
  const isTaken = evidenceLost === false || (evidenceLost === 'fresh' && config.antiEntropy === false);
  return new Evidence({
    owned: ownedPartitions(placement, config.id),
    w: config.quorum.w,
    cause: isTaken ? undefined : evidenceLost,
    gained: config.antiEntropy === false ? undefined : vouched?.gained,
    startedAtMs: clock.monotonicNow(),
    requestTimeoutMs: config.timing.requestTimeoutMs,
  });
}
