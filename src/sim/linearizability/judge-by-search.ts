/**
 * Whether a register's history is linearizable, by trying: the search of Wing and Gong (1993) with the
 * memory of visited states that Lowe added ("Testing for linearizability", 2017).
 *
 * An operation may come next when none that is still to come has ended before it started. Two ways to the same
 * set of operations and the same value have the same future, so the second is not followed. This is exponential
 * in the worst case and knows nothing of zones: it is there to check `judgeByZones` on small histories.
 */

import type { RegisterOperation } from './register.ts';

/** Sets of operations are bits of one integer. */
export const searchOperationsMax = 30;

/** Throws for more than `searchOperationsMax` operations. */
export function isLinearizableBySearch(operations: readonly RegisterOperation[]): boolean {
  if (operations.length > searchOperationsMax) {
    throw new RangeError(`the search takes ${searchOperationsMax} operations, not ${operations.length}`);
  }
  const visited = new Set<string>();
  const canEnd = (done: number, value: string | undefined): boolean => {
    const state = `${done} ${value ?? ''}`;
    if (visited.has(state)) return false;
    visited.add(state);
    const remaining = operations
      .map((operation, index) => ({ operation, bit: 1 << index }))
      .filter(({ bit }) => (done & bit) === 0);
    // What has no end need not happen.
    if (remaining.every(({ operation }) => operation.endMicros === undefined)) return true;
    const firstEnd = Math.min(...remaining.map(({ operation }) => endOf(operation)));
    return remaining.some(({ operation, bit }) => {
      if (operation.startMicros > firstEnd) return false;
      if (operation.kind === 'write') return canEnd(done | bit, operation.value);
      return operation.value === value && canEnd(done | bit, value);
    });
  };
  return canEnd(0, undefined);
}

function endOf(operation: RegisterOperation): number {
  return operation.endMicros ?? Number.POSITIVE_INFINITY;
}
