/**
 * The placement table: which nodes own which partition (the paper's strategy 3, §6.2).
 *
 * First form: owners in rotation, equal weights, no zones. The balanced, zone-aware form replaces it.
 */

import type { Member, NodeId } from './config.ts';

export interface PlacementTable {
  readonly epoch: number;
  readonly partitions: number;
  readonly replicas: number;
  /** The N owners in preference order. */
  owners(partition: number): readonly NodeId[];
  /** All other members, in the order in which they stand in for an owner. */
  fallbacks(partition: number): readonly NodeId[];
}

export function computePlacement(options: {
  readonly members: readonly Member[];
  readonly partitions: number;
  readonly replicas: number;
  readonly epoch: number;
  readonly previous?: PlacementTable;
}): PlacementTable {
  const ids = options.members.map((member) => member.id);
  const rotate = (partition: number): NodeId[] => {
    const start = partition % ids.length;
    return [...ids.slice(start), ...ids.slice(0, start)];
  };
  const { epoch, partitions, replicas } = options;
  return {
    epoch,
    partitions,
    replicas,
    owners: (partition) => rotate(partition).slice(0, replicas),
    fallbacks: (partition) => rotate(partition).slice(replicas),
  };
}

/** A number that two tables share only if they are the same; compared in the handshake. */
export function placementFingerprint(table: PlacementTable): number {
  let hash = table.partitions;
  for (let partition = 0; partition < table.partitions; partition++) {
    const text = [...table.owners(partition), ...table.fallbacks(partition)].join();
    for (let index = 0; index < text.length; index++) {
      hash = (Math.imul(hash, 31) + text.charCodeAt(index)) >>> 0;
    }
  }
  return hash;
}
