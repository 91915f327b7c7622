/**
 * Which of the files in the log's folder make up the log. Pure.
 *
 * A compaction leaves its result beside the files it replaces until a checkpoint names the result, so
 * after a crash both may be there. With a checkpoint, exactly the files it names count, and whatever
 * was written after them; a result that it does not name is deleted, and the compaction done again.
 * Without one the higher generation of a range counts, since a result is complete before it gets its name.
 */

import type { SegmentName } from './segment-name.ts';

export interface RecoveryPlan {
  /** In log order. */
  readonly keep: readonly SegmentName[];
  readonly remove: readonly SegmentName[];
}

/** The plan without a checkpoint. */
export function planWithoutCheckpoint(found: readonly SegmentName[]): RecoveryPlan {
  const keep: SegmentName[] = [];
  const remove: SegmentName[] = [];
  const newestFirst = [...found].sort(
    (left, right) => right.generation - left.generation || left.firstId - right.firstId,
  );
  for (const name of newestFirst) {
    const isReplaced = keep.some((kept) => kept.firstId <= name.firstId && name.lastId <= kept.lastId);
    (isReplaced ? remove : keep).push(name);
  }
  return { keep: inLogOrder(keep), remove };
}

/** The plan with a checkpoint; undefined when a file it names is gone. */
export function planWithCheckpoint(
  found: readonly SegmentName[],
  named: readonly SegmentName[],
): RecoveryPlan | undefined {
  const isFound = (name: SegmentName): boolean => found.some((other) => isSame(other, name));
  if (!named.every(isFound)) return undefined;
  const lastNamed = named.reduce((last, name) => Math.max(last, name.lastId), 0);
  const unnamed = found.filter((name) => !named.some((other) => isSame(other, name)));
  const tail = planWithoutCheckpoint(unnamed.filter((name) => name.firstId > lastNamed));
  return {
    keep: inLogOrder([...named, ...tail.keep]),
    remove: [...unnamed.filter((name) => name.firstId <= lastNamed), ...tail.remove],
  };
}

function inLogOrder(names: readonly SegmentName[]): SegmentName[] {
  return [...names].sort((left, right) => left.firstId - right.firstId || left.generation - right.generation);
}

function isSame(left: SegmentName, right: SegmentName): boolean {
  return (
    left.firstId === right.firstId && left.lastId === right.lastId && left.generation === right.generation
  );
}
