/**
 * A record lies on exactly its N owners once all is healed: on each of them, and on nobody else's disk.
 */

import type { NodeId } from '../../core/config.ts';
import type { BrokenPromise } from './broken-promise.ts';

/** The keys in a node's own space; hints are none of its records. */
export interface KeysOfNode {
  readonly node: NodeId;
  readonly keys: readonly string[];
}

export function copiesAreExactlyN(evidence: {
  readonly holdings: readonly KeysOfNode[];
  readonly ownersOf: (key: string) => readonly NodeId[];
}): BrokenPromise[] {
  const holders = new Map<string, NodeId[]>();
  for (const { node, keys } of evidence.holdings) {
    for (const key of keys) {
      const known = holders.get(key);
      if (known === undefined) holders.set(key, [node]);
      else known.push(node);
    }
  }
  return [...holders].flatMap(([key, nodes]) => {
    const owners = evidence.ownersOf(key);
    const missing = owners.filter((owner) => !nodes.includes(owner));
    const strangers = nodes.filter((node) => !owners.includes(node));
    if (missing.length === 0 && strangers.length === 0) return [];
    const text = (ids: readonly NodeId[]): string => (ids.length === 0 ? 'nobody' : ids.join(', '));
    return [
      {
        promise: 'copies-are-exactly-n',
        key,
        message: `its owners are ${text(owners)}; lacking it: ${text(missing)}; holding it besides: ${text(strangers)}`,
      },
    ];
  });
}
