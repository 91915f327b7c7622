/**
 * What each node holds, looked at from outside: the evidence of checkers that compare disks, trees and indexes.
 */

import type { NodeId } from '../core/config.ts';
import { formatDot } from '../core/dot.ts';
import { errorCodeOf } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import type { StoredRecord } from '../core/record.ts';
import type { ScanCursor } from '../storage/store.ts';
import type { KeysOfNode } from './checkers/copies-are-exactly-n.ts';
import type { IndexOfNode } from './checkers/index-survives-restarts.ts';
import type { CopiesOfKey, SumsOfPartition } from './checkers/replicas-converge.ts';
import type { SimCluster } from './sim-cluster.ts';
import type { SimNode } from './sim-node.ts';

const [encoder, decoder] = [new TextEncoder(), new TextDecoder()];

export function ownersOf(cluster: SimCluster, key: string): readonly NodeId[] {
  return cluster.nodes[0]?.api?.placementOf(encoder.encode(key)).owners ?? [];
}

/**
 * What each owner of each key holds on its own disk. What has rotted there is no copy: where another owner has one it was
 * to be healed, and the two differ; where nobody has, it was never acknowledged and is gone.
 */
export async function copiesOf(cluster: SimCluster, keys: readonly string[]): Promise<CopiesOfKey[]> {
  return await Promise.all(
    keys.map(async (key) => {
      const copies = ownersOf(cluster, key).map(async (owner) => ({
        node: owner,
        record: await readableCopy(cluster, owner, key),
      }));
      return { key, copies: await Promise.all(copies) };
    }),
  );
}

/** Reads each key where it lies, whatever comes of it: what can't be read is found by that. */
export async function readKeys(nodes: readonly SimNode[], keys: readonly string[]): Promise<void> {
  const reads = nodes.flatMap(({ api }) => keys.map((key) => api?.local.get(encoder.encode(key))));
  await Promise.allSettled(reads.map(async (read) => await read));
}

/** Reads everything that some nodes hold, as a scrub does, but without pauses. */
export async function scrubAll(nodes: readonly SimNode[]): Promise<void> {
  await Promise.allSettled(nodes.map(async ({ store }) => await store?.scrub({ bytesPerSecond: 1e9 })));
}

async function readableCopy(
  cluster: SimCluster,
  owner: NodeId,
  key: string,
): Promise<StoredRecord | undefined> {
  try {
    return await cluster.nodes.find((node) => node.id === owner)?.api?.local.get(encoder.encode(key));
  } catch (error) {
    if (errorCodeOf(error) === 'RECORD_CORRUPT') return undefined;
    throw error;
  }
}

/** What each owner's hash trees say. */
export function sumsOf(cluster: SimCluster, partitions: number): SumsOfPartition[] {
  return Array.from({ length: partitions }, (_, partition) => ({
    partition,
    sums: cluster.placement.owners(partition).flatMap((owner) => {
      const sum = cluster.nodes.find(({ id }) => id === owner)?.store?.partitionSum(partition);
      return sum === undefined ? [] : [{ node: owner, sum }];
    }),
  }));
}

/** All that lies in the own space of each node. */
export async function keysOf(cluster: SimCluster): Promise<KeysOfNode[]> {
  return await Promise.all(
    cluster.nodes.map(async ({ id, api }) => {
      const entries = (await api?.local.keys({ limit: limits.keysPageMax }))?.entries ?? [];
      return { node: id, keys: entries.map(({ key }) => decoder.decode(key)) };
    }),
  );
}

/** Every version and hint that a node's store knows of, in the order of its index. */
export async function indexOf({ store, id }: SimNode): Promise<IndexOfNode> {
  const lines: string[] = [];
  if (store === undefined) return { node: id, lines };
  let after: ScanCursor | undefined;
  do {
    const { entries, next } = await store.scan({ after, limit: limits.scanPageMax });
    for (const { key, digest, recordBytes } of entries) {
      const { dot, tombstone, expiresAtMs, checksum } = digest;
      lines.push(
        [decoder.decode(key), formatDot(dot), tombstone, expiresAtMs, checksum, recordBytes].join(' '),
      );
    }
    after = next;
  } while (after !== undefined);
  for (const { target, count, bytes } of store.hints()) {
    lines.push(`${count} hints for ${target}, ${bytes} bytes`);
  }
  return { node: id, lines };
}
