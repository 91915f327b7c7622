/** Who owns what, as shown to the operator. */

import type { NodeConfig, NodeId } from '../core/config.ts';
import type { PlacementTable } from '../core/placement.ts';
import { partitionOf, textOfToken, tokenOf } from '../core/token.ts';
import type { KeyPlacement, RingStatus } from './node-api.ts';

/** How many partitions each member owns. */
export function ringStatus(options: {
  readonly config: NodeConfig;
  readonly placement: PlacementTable;
}): RingStatus {
  const { config, placement } = options;
  const counts = new Map<NodeId, number>(config.members.map((member) => [member.id, 0]));
  for (let partition = 0; partition < placement.partitions; partition++) {
    for (const owner of placement.owners(partition)) counts.set(owner, (counts.get(owner) ?? 0) + 1);
  }
  return {
    epoch: placement.epoch,
    partitions: placement.partitions,
    quorum: config.quorum,
    partitionsPerNode: [...counts].map(([id, partitions]) => ({ id, partitions })),
  };
}

/** Where a key belongs. */
export function keyPlacement(placement: PlacementTable, key: Uint8Array): KeyPlacement {
  const token = tokenOf(key);
  const partition = partitionOf(token, placement.partitions);
  return {
    token: textOfToken(token),
    partition,
    owners: placement.owners(partition),
    fallbacks: placement.fallbacks(partition),
  };
}
