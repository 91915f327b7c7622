/**
 * Reads that answered with nothing at all, told as what they are: once a delete lies below the stability floor its
 * tombstone is forgotten, and "nothing" is how it reads.
 *
 * A read of nothing after something had been shown is given the delete that it can have read: the version known
 * when it began, if that is a delete, else the earliest delete that wins over it and may have taken effect. Where that
 * can be one whose stamp nobody was told, the read says nothing and is left out. A read for which there is no delete is
 * left as it was, for the checkers to find.
 */

import { compareDots, type Dot } from '../core/dot.ts';
import { VersionFloor } from './checkers/version-floor.ts';
import { byKey } from './checkers/broken-promise.ts';
import {
  acknowledgedDot,
  dotRead,
  isWrite,
  mayHaveTakenEffect,
  mintedDot,
  type Operation,
  type ReadOperation,
} from './history.ts';

/** The same operations, in the same order, but for reads of forgotten deletes. */
export function withForgottenDeletes<Kind extends Operation>(
  operations: readonly Kind[],
  history: readonly Operation[] = operations,
): Kind[] {
  const ofKey = byKey(history);
  const floors = new Map<string, VersionFloor>();
  const shownBefore = (key: string, micros: number): ReturnType<VersionFloor['before']> => {
    let floor = floors.get(key);
    if (floor === undefined) {
      const shown = (operation: Operation): Dot | undefined =>
        acknowledgedDot(operation) ?? dotRead(operation);
      floor = new VersionFloor(ofKey.get(key) ?? [], shown);
      floors.set(key, floor);
    }
    return floor.before(micros);
  };
  return operations.flatMap((operation) => {
    if (!isOfNothing(operation)) return [operation];
    const known = shownBefore(operation.key, operation.startMicros);
    if (known === undefined) return [operation];
    if (showsDelete(known.operation)) return [readingOf(operation, known.dot)];
    const ofSameKey = ofKey.get(operation.key) ?? [];
    if (ofSameKey.some((write) => isUnstampedDelete(write, operation))) return [];
    const dot = earliestDeleteAfter(known.dot, operation, ofSameKey);
    return [dot === undefined ? operation : readingOf(operation, dot)];
  });
}

function isOfNothing(operation: Operation): operation is ReadOperation {
  const outcome = operation.end?.outcome;
  return !isWrite(operation) && outcome?.kind === 'missing' && outcome.digest === undefined;
}

/** Whether what an operation showed is a tombstone, or a value that ends as one. */
export function showsDelete(operation: Operation): boolean {
  if (isWrite(operation)) return operation.kind === 'delete' || (operation.expiresAtMs ?? 0) > 0;
  const outcome = operation.end?.outcome;
  return outcome?.kind === 'missing' || (outcome?.kind === 'found' && outcome.version.expiresAtMs > 0);
}

/** Whether a write may have deleted the key before a read ended, under a stamp that its client was not told. */
function isUnstampedDelete(write: Operation, read: Operation): boolean {
  const endMicros = read.end?.micros ?? Number.POSITIVE_INFINITY;
  return (
    isWrite(write) &&
    showsDelete(write) &&
    write.startMicros <= endMicros &&
    mintedDot(write) === undefined &&
    mayHaveTakenEffect(write)
  );
}

function earliestDeleteAfter(dot: Dot, read: Operation, operations: readonly Operation[]): Dot | undefined {
  const endMicros = read.end?.micros ?? Number.POSITIVE_INFINITY;
  let earliest: Dot | undefined;
  for (const write of operations) {
    if (!isWrite(write) || !showsDelete(write) || write.startMicros > endMicros) continue;
    const minted = mintedDot(write);
    if (minted === undefined || !mayHaveTakenEffect(write) || compareDots(minted, dot) <= 0) continue;
    if (earliest === undefined || compareDots(minted, earliest) < 0) earliest = minted;
  }
  return earliest;
}

function readingOf<Kind extends Operation>(operation: Kind, dot: Dot): Kind {
  const { end } = operation;
  if (isWrite(operation) || end?.outcome.kind !== 'missing') return operation;
  const digest = { dot, tombstone: true, expiresAtMs: 0, checksum: 0 };
  return { ...operation, end: { ...end, outcome: { ...end.outcome, digest } } };
}
