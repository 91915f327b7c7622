/**
 * What clients did with one key, as the history of a register whose values are dots.
 *
 * A write that was answered `unknown`, or not at all, is maybe. When the client never learned its dot it is known
 * only once a read shows it: by the value for a put; a tombstone that nobody else can have written belongs to
 * one of the unanswered deletes at the node that its dot names, and starts no earlier than the first of them.
 *
 * A write is *overtaken* when its stamp lies below a version that was acknowledged or read before the write
 * started. It loses although it came later: the one way in which keys are weaker than registers.
 */

import { compareDots, formatDot, nodeOfActor, type Dot } from '../../core/dot.ts';
import { VersionFloor } from '../checkers/version-floor.ts';
import {
  acknowledgedDot,
  dotRead,
  isWrite,
  mayHaveTakenEffect,
  mintedDot,
  type Operation,
  type ReadOperation,
  type WriteOperation,
} from '../history.ts';
import { writerOf } from '../unique-value.ts';
import type { RegisterOperation } from './register.ts';

interface StampedWrite {
  readonly id: number;
  readonly dot: Dot;
  readonly startMicros: number;
  readonly endMicros: number | undefined;
}

/** A write that lost against a version which was known before it started. */
export interface OvertakenWrite {
  readonly id: number;
  readonly dot: Dot;
  readonly by: { readonly operation: Operation; readonly dot: Dot };
}

/** The register of a key; `operations` are all that concern the key, in the order of their start. */
export class KeyRegister {
  readonly #writes: readonly StampedWrite[];
  readonly #reads: readonly RegisterOperation[];
  readonly #shown: VersionFloor;

  constructor(operations: readonly Operation[]) {
    const answered = operations.filter(isAnsweredRead);
    this.#writes = stampedWrites(operations, answered);
    this.#reads = answered.map((read) => ({
      id: read.id,
      kind: 'read',
      value: formatted(dotRead(read)),
      startMicros: read.startMicros,
      endMicros: read.end?.micros,
    }));
    this.#shown = new VersionFloor(
      operations,
      (operation) => acknowledgedDot(operation) ?? dotRead(operation),
    );
  }

  /** Writes and answered reads as they were. */
  operations(): RegisterOperation[] {
    return [...this.#writes.map(registerWrite), ...this.#reads];
  }

  /** The same, but an overtaken write may come before everything that it started after. */
  operationsOrderedByStamps(): RegisterOperation[] {
    const overtaken = new Set(this.overtakenWrites().map((write) => write.dot));
    const writes = this.#writes.map((write) => {
      const operation = registerWrite(write);
      return overtaken.has(write.dot) ? { ...operation, startMicros: Number.NEGATIVE_INFINITY } : operation;
    });
    return [...writes, ...this.#reads];
  }

  overtakenWrites(): OvertakenWrite[] {
    return this.#writes.flatMap(({ id, dot, startMicros }) => {
      const known = this.#shown.before(startMicros);
      return known !== undefined && compareDots(dot, known.dot) < 0 ? [{ id, dot, by: known }] : [];
    });
  }
}

function isAnsweredRead(operation: Operation): operation is ReadOperation {
  const kind = operation.end?.outcome.kind;
  return !isWrite(operation) && (kind === 'found' || kind === 'missing');
}

function stampedWrites(operations: readonly Operation[], reads: readonly ReadOperation[]): StampedWrite[] {
  const writes = operations.filter(isWrite).filter(mayHaveTakenEffect);
  const byDot = new Map<string, StampedWrite>();
  for (const write of writes) {
    const dot = mintedDot(write);
    if (dot === undefined) continue;
    const endMicros = acknowledgedDot(write) === undefined ? undefined : write.end?.micros;
    byDot.set(formatDot(dot), { id: write.id, dot, startMicros: write.startMicros, endMicros });
  }
  const unstamped = writes.filter((write) => mintedDot(write) === undefined);
  for (const read of reads) {
    const dot = dotRead(read);
    if (dot === undefined || byDot.has(formatDot(dot))) continue;
    const write = writeOfDot(read, dot, unstamped);
    if (write === undefined) continue;
    byDot.set(formatDot(dot), { id: write.id, dot, startMicros: write.startMicros, endMicros: undefined });
  }
  return [...byDot.values()];
}

/** The unanswered write that a read shows under `dot`, or the first of those that it can be. */
function writeOfDot(
  read: ReadOperation,
  dot: Dot,
  unstamped: readonly WriteOperation[],
): WriteOperation | undefined {
  const outcome = read.end?.outcome;
  if (outcome?.kind === 'found') {
    const id = writerOf(outcome.version.value);
    return unstamped.find((write) => write.id === id);
  }
  const isTombstone = outcome?.kind === 'missing' && outcome.digest?.tombstone === true;
  return unstamped.find(
    (write) => write.node === nodeOfActor(dot.actor) && (write.kind === 'delete') === isTombstone,
  );
}

function registerWrite(write: StampedWrite): RegisterOperation {
  const { id, dot, startMicros, endMicros } = write;
  return { id, kind: 'write', value: formatDot(dot), startMicros, endMicros };
}

function formatted(dot: Dot | undefined): string | undefined {
  return dot === undefined ? undefined : formatDot(dot);
}
