/**
 * Promise 3, as far as hints and read repair carry it: once a key was read at all its owners after the last
 * fault, they hold the same bytes.
 */

import { equalBytes } from '../../core/bytes.ts';
import type { StoredRecord } from '../../core/record.ts';
import { describeVersion } from '../narrator.ts';
import type { BrokenPromise } from './broken-promise.ts';

export interface CopiesOfKey {
  readonly key: string;
  /** What each owner holds on its own disk. */
  readonly copies: readonly { readonly node: string; readonly record: StoredRecord | undefined }[];
}

export function replicasConverge(evidence: { readonly copies: readonly CopiesOfKey[] }): BrokenPromise[] {
  const broken: BrokenPromise[] = [];
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
