/** Which partitions this node owns, and with whom. */

import type { NodeId } from '../core/config.ts';
import type { PlacementTable } from '../core/placement.ts';
import type { OwnedPartition } from './evidence.ts';

/** The partitions that a node owns, ascending, each with its other owners. */
export function ownedPartitions(placement: PlacementTable, self: NodeId): OwnedPartition[] {
  const owned: OwnedPartition[] = [];
  for (let partition = 0; partition < placement.partitions; partition++) {
    const owners = placement.owners(partition);
    if (!owners.includes(self)) continue;
    owned.push({ partition, others: owners.filter((owner) => owner !== self) });
  }
  return owned;
}

/** For each other owner, by name, the partitions that the node owns too, ascending. */
export function sharedPartitions(placement: PlacementTable, self: NodeId): Map<NodeId, number[]> {
  const shared = new Map<NodeId, number[]>();
  for (const { partition, others } of ownedPartitions(placement, self)) {
    for (const owner of others) {
      const partitions = shared.get(owner);
      if (partitions === undefined) shared.set(owner, [partition]);
      else partitions.push(partition);
    }
  }
  return new Map([...shared].sort(([left], [right]) => (left < right ? -1 : 1)));
}
