/**
 * No read ever returns what nobody wrote: a value that is torn or mixed, of another key, of a write that was
 * refused or that had not begun, or under another dot than its write was given.
 */

import { compareDots, formatDot } from '../../core/dot.ts';
import { isWrite, mayHaveTakenEffect, type Operation, type ReadOperation } from '../history.ts';
import { writerOf } from '../unique-value.ts';
import type { BrokenPromise } from './broken-promise.ts';

const promise = 'no-invented-values';

export function noInventedValues(evidence: { readonly history: readonly Operation[] }): BrokenPromise[] {
  const byId = new Map(evidence.history.map((operation) => [operation.id, operation]));
  const broken: BrokenPromise[] = [];
  for (const read of evidence.history) {
    if (isWrite(read)) continue;
    const problem = problemOf(read, byId);
    if (problem !== undefined) {
      broken.push({
        promise,
        key: read.key,
        message: `read #${read.id} at ${read.node} returned ${problem}`,
      });
    }
  }
  return broken;
}

function problemOf(read: ReadOperation, byId: ReadonlyMap<number, Operation>): string | undefined {
  const outcome = read.end?.outcome;
  if (outcome?.kind !== 'found') return undefined;
  const { value, dot } = outcome.version;
  const write = byId.get(writerOf(value) ?? 0);
  if (write?.kind !== 'put') return `${value.length} bytes that nobody wrote`;
  if (write.key !== read.key) return `the value of #${write.id}, which wrote ${write.key}`;
  if (!mayHaveTakenEffect(write)) return `the value of #${write.id}, which was ${write.end?.outcome.kind}`;
  if (write.startMicros > (read.end?.micros ?? 0)) return `the value of #${write.id} before it was written`;
  const given = write.end?.outcome;
  if (given !== undefined && 'dot' in given && compareDots(given.dot, dot) !== 0) {
    return `the value of #${write.id} under ${formatDot(dot)} instead of ${formatDot(given.dot)}`;
  }
  return undefined;
}
