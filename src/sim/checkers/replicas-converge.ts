/**
 * Promise 3: some time after the last fault all owners of a key hold the same bytes, whether or not anyone reads.
 *
 * The sums that anti-entropy compares are checked beside the bytes: equal sums could hide a fault of the sums, and equal
 * bytes one that makes owners compare for ever.
 */

import { equalBytes } from '../../core/bytes.ts';
import type { StoredRecord } from '../../core/record.ts';
import { describeVersion } from '../narrator.ts';
import { equalSums, type VersionSum } from '../../core/version-sum.ts';
import type { BrokenPromise } from './broken-promise.ts';

export interface CopiesOfKey {
  readonly key: string;
  /** What each owner holds on its own disk. */
  readonly copies: readonly { readonly node: string; readonly record: StoredRecord | undefined }[];
}

export interface SumsOfPartition {
  readonly partition: number;
  /** What each owner's hash tree says of the partition. */
  readonly sums: readonly { readonly node: string; readonly sum: VersionSum }[];
}

export function replicasConverge(evidence: {
  readonly copies: readonly CopiesOfKey[];
  readonly sums?: readonly SumsOfPartition[];
}): BrokenPromise[] {
  const broken: BrokenPromise[] = (evidence.sums ?? []).flatMap(({ partition, sums }) => {
    const [first] = sums;
    if (first === undefined || sums.every(({ sum }) => equalSums(sum, first.sum))) return [];
    const counts = sums.map(({ node, sum }) => `${node}: ${sum.count} versions`).join(', ');
    const message = `the sums of partition ${partition} differ: ${counts}`;
    return [{ promise: 'replicas-converge', key: undefined, message }];
  });
  for (const { key, copies } of evidence.copies) {
    const first = copies[0]?.record;
    if (copies.every(({ record }) => isSame(record, first))) continue;
    const held = copies.map(
      ({ node, record }) => `${node}: ${record === undefined ? 'nothing' : describeVersion(record.version)}`,
    );
    broken.push({ promise: 'replicas-converge', key, message: `the owners differ: ${held.join(', ')}` });
  }
  return broken;
}

function isSame(left: StoredRecord | undefined, right: StoredRecord | undefined): boolean {
  if (left === undefined || right === undefined) return left === right;
  return equalBytes(left.bytes, right.bytes);
}
