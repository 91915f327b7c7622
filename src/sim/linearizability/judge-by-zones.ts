/**
 * Whether a register's history is linearizable, in O(n log n): by zones (Gibbons and Korach, "Testing shared
 * memories", SIAM J. Comput. 1997, §4.1).
 *
 * Values are unique, so in any order a write and the reads of its value, its *cluster*, stand together. A
 * cluster's zone runs from the earliest end of its operations to their latest start. Cluster A has to come
 * before B when some operation of A ended before one of B started: when A's earliest end lies before B's latest
 * start. The history is linearizable exactly if no two clusters have to come before each other (longer
 * circles contain such a pair) and no read ended before the write of its value started.
 *
 * A maybe-write has no end of its own: its cluster ends with its first read, and never when nobody read it, so that
 * it has to come before nothing.
 */

import type { RegisterOperation, RegisterVerdict } from './register.ts';

interface Cluster {
  readonly value: string | undefined;
  /** Undefined for what was there before the first write. */
  readonly write: RegisterOperation | undefined;
  earliestEnd: { micros: number; operation: RegisterOperation | undefined };
  latestStart: { micros: number; operation: RegisterOperation | undefined };
}

/** Reads without an end say nothing and must be left out. Throws for two writes of one value. */
export function judgeByZones(operations: readonly RegisterOperation[]): RegisterVerdict {
  const clusters = clustersOfWrites(operations);
  for (const read of operations) {
    if (read.kind !== 'read') continue;
    const cluster = clusters.get(read.value);
    if (cluster === undefined) return violation([read, read], `#${read.id} read a value that nobody wrote`);
    const { write } = cluster;
    if (write !== undefined && endOf(read) < write.startMicros) {
      return violation([read, write], `#${read.id} read the value of #${write.id} before that was written`);
    }
    extend(cluster, read);
  }
  return judgeClusters([...clusters.values()]);
}

function clustersOfWrites(operations: readonly RegisterOperation[]): Map<string | undefined, Cluster> {
  const before = { micros: Number.NEGATIVE_INFINITY, operation: undefined };
  const clusters = new Map<string | undefined, Cluster>([
    [undefined, { value: undefined, write: undefined, earliestEnd: before, latestStart: before }],
  ]);
  for (const write of operations) {
    if (write.kind !== 'write') continue;
    if (clusters.has(write.value)) throw new RangeError(`#${write.id} writes a value for the second time`);
    clusters.set(write.value, {
      value: write.value,
      write,
      earliestEnd: { micros: endOf(write), operation: write },
      latestStart: { micros: write.startMicros, operation: write },
    });
  }
  return clusters;
}

function extend(cluster: Cluster, read: RegisterOperation): void {
  const end = endOf(read);
  if (end < cluster.earliestEnd.micros) cluster.earliestEnd = { micros: end, operation: read };
  if (read.startMicros > cluster.latestStart.micros) {
    cluster.latestStart = { micros: read.startMicros, operation: read };
  }
}

/**
 * Looks for two clusters of which each has to come before the other. Of those that have to come before a cluster,
 * which are the first ones by their earliest end, the one with the latest start is the one to fear. Where that
 * is the cluster itself, its conflict with one that started earlier shows when that one is looked at.
 */
function judgeClusters(clusters: Cluster[]): RegisterVerdict {
  clusters.sort((left, right) => left.earliestEnd.micros - right.earliestEnd.micros);
  const latest = latestOfPrefixes(clusters);
  for (const cluster of clusters) {
    const other = latest[countEndingBefore(clusters, cluster.latestStart.micros) - 1];
    if (other === undefined || other === cluster) continue;
    if (cluster.earliestEnd.micros < other.latestStart.micros) return describeConflict(other, cluster);
  }
  return { linearizable: true };
}

/** For each cluster that with the latest start among it and those before it. */
function latestOfPrefixes(clusters: readonly Cluster[]): Cluster[] {
  const prefixes: Cluster[] = [];
  for (const cluster of clusters) {
    const latest = prefixes.at(-1);
    const isLater = latest === undefined || cluster.latestStart.micros > latest.latestStart.micros;
    prefixes.push(isLater ? cluster : latest);
  }
  return prefixes;
}

/** How many clusters have an earliest end before an instant; they are sorted by it. */
function countEndingBefore(clusters: readonly Cluster[], micros: number): number {
  let low = 0;
  let high = clusters.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((clusters[middle]?.earliestEnd.micros ?? micros) < micros) low = middle + 1;
    else high = middle;
  }
  return low;
}

function describeConflict(one: Cluster, other: Cluster): RegisterVerdict {
  const [earlier, later] = one.earliestEnd.micros <= other.earliestEnd.micros ? [one, other] : [other, one];
  const ended = later.earliestEnd.operation;
  const started = earlier.latestStart.operation;
  const message =
    `${nameOf(later, 'end')} had ended before ${nameOf(earlier, 'start')} started, but ` +
    `${nameOf(earlier, 'end')} had ended before ${nameOf(later, 'start')} started: ` +
    'each of the two values would have to come wholly before the other';
  return violation([ended ?? started, started ?? ended], message);
}

function nameOf(cluster: Cluster, edge: 'end' | 'start'): string {
  const { operation } = edge === 'end' ? cluster.earliestEnd : cluster.latestStart;
  if (operation === undefined) return 'the empty beginning';
  const what = cluster.value === undefined ? 'nothing' : `“${cluster.value}”`;
  return `#${operation.id} (${operation.kind} of ${what})`;
}

function violation(
  pair: readonly [RegisterOperation | undefined, RegisterOperation | undefined],
  message: string,
): RegisterVerdict {
  const [first, second] = pair
    .filter((operation) => operation !== undefined)
    .toSorted((left, right) => left.startMicros - right.startMicros || left.id - right.id);
  return { linearizable: false, pair: [first?.id ?? 0, second?.id ?? 0], message };
}

function endOf(operation: RegisterOperation): number {
  return operation.endMicros ?? Number.POSITIVE_INFINITY;
}
