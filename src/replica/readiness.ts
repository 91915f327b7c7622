/**
 * Whether a read and a write quorum can be met for every partition with the nodes that are up now.
 *
 * A read rests on owners (a fallback counts only if it holds a hint, which nobody can know beforehand); a write
 * under `sloppy` may count any healthy node once.
 */

import type { NodeConfig, NodeId } from '../core/config.ts';
import type { PlacementTable } from '../core/placement.ts';
import type { Readiness } from './node-api.ts';

export function readinessOf(options: {
  readonly config: NodeConfig;
  readonly placement: PlacementTable;
  readonly isUp: (node: NodeId) => boolean;
}): Readiness {
  const { config, placement, isUp } = options;
  const up = new Set(config.members.map((member) => member.id).filter(isUp));
  let ownersUpMin = placement.owners(0).length;
  for (let partition = 0; partition < placement.partitions; partition++) {
    const ownersUp = placement.owners(partition).filter((owner) => up.has(owner)).length;
    ownersUpMin = Math.min(ownersUpMin, ownersUp);
  }
  const { n, r, w } = config.quorum;
  const read = ownersUpMin >= r;
  const write = (config.quorumMode === 'sloppy' ? Math.min(up.size, n) : ownersUpMin) >= w;
  const down = config.members.map((member) => member.id).filter((id) => !up.has(id));
  const message =
    down.length === 0
      ? 'all nodes are up'
      : `down: ${down.join(', ')}; of the ${n} owners of some partition ${ownersUpMin} are up`;
  return { ready: read && write, read, write, message };
}
