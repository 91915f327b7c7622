/** Small load for the end-to-end tests, and waiting for a cluster to be whole. */

import type { ThrowawayCluster } from '../../src/cli/throwaway-cluster.ts';
import { waitUntil } from '../../src/cli/wait-until.ts';

/** `name-1` to `name-<count>`. */
export function numbered(name: string, count: number): readonly string[] {
  return Array.from({ length: count }, (_, index) => `${name}-${index + 1}`);
}

/** Calls `action` for every item, so many at a time; rejects with the first failure. */
export async function eachInParallel<Item>(
  items: readonly Item[],
  concurrency: number,
  action: (item: Item) => Promise<void>,
): Promise<void> {
  const queue = items.values();
  async function work(): Promise<void> {
    for (const item of queue) await action(item);
  }
  await Promise.all(Array.from({ length: concurrency }, work));
}

/** Waits until every node counts every other as up. */
export async function allConnected(cluster: ThrowawayCluster): Promise<void> {
  const others = cluster.ids.length - 1;
  const connected = await waitUntil(
    async () => {
      const up = await Promise.all(cluster.ids.map((id) => cluster.client(id).peersUp()));
      return up.every((peers) => peers.length === others);
    },
    { boundMs: 30_000 },
  );
  if (!connected) throw new Error('the nodes of the cluster did not find each other');
}
