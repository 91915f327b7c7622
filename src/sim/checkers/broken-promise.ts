/**
 * What a checker finds: which promise was broken, for which key, and how.
 */

import type { Operation } from '../history.ts';

export interface BrokenPromise {
  /** The promise, as a name: that of the checker's file. */
  readonly promise: string;
  readonly key: string | undefined;
  readonly message: string;
}

/** Operations by key, in the order of their start. */
export function byKey(operations: readonly Operation[]): Map<string, Operation[]> {
  const keys = new Map<string, Operation[]>();
  for (const operation of operations) {
    const held = keys.get(operation.key);
    if (held === undefined) keys.set(operation.key, [operation]);
    else held.push(operation);
  }
  return keys;
}
