/**
 * A value with an expiry is there until that instant of its coordinator's clock and never after, and a value
 * without one does not expire: expiry travels inside the version, so it is the same at every replica.
 *
 * Whoever answers a read goes by its own wall clock, so each read is judged by that clock, as it stood when the
 * read came in and when it was answered.
 */

import { formatDot } from '../../core/dot.ts';
import { isWrite, type Operation, type ReadOperation } from '../history.ts';
import { writerOf } from '../unique-value.ts';
import type { BrokenPromise } from './broken-promise.ts';

const promise = 'values-expire-on-time';

export function valuesExpireOnTime(evidence: { readonly history: readonly Operation[] }): BrokenPromise[] {
  const byId = new Map(evidence.history.map((operation) => [operation.id, operation]));
  const broken: BrokenPromise[] = [];
  for (const read of evidence.history) {
    const problem = isWrite(read) ? undefined : problemOf(read, byId);
    if (problem === undefined) continue;
    broken.push({ promise, key: read.key, message: `read #${read.id} at ${read.node} ${problem}` });
  }
  return broken;
}

function problemOf(read: ReadOperation, byId: ReadonlyMap<number, Operation>): string | undefined {
  const outcome = read.end?.outcome;
  const { wallMs } = read;
  if (outcome?.kind === 'found') {
    const { dot, expiresAtMs, value } = outcome.version;
    const write = byId.get(writerOf(value) ?? 0);
    if (write?.kind === 'put' && (write.expiresAtMs ?? 0) !== expiresAtMs) {
      return `showed ${formatDot(dot)} to expire at ${expiresAtMs}, and #${write.id} said ${write.expiresAtMs}`;
    }
    if (expiresAtMs !== 0 && wallMs !== undefined && expiresAtMs <= wallMs.from) {
      return `showed ${formatDot(dot)}, which had expired ${wallMs.from - expiresAtMs} ms before it came`;
    }
  }
  if (outcome?.kind === 'missing' && outcome.digest?.tombstone === false) {
    const { dot, expiresAtMs } = outcome.digest;
    if (expiresAtMs === 0) return `took ${formatDot(dot)} for expired, which never does`;
    if (wallMs !== undefined && expiresAtMs > wallMs.to) {
      return `took ${formatDot(dot)} for expired, ${expiresAtMs - wallMs.to} ms too early`;
    }
  }
  return undefined;
}
