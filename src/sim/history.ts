/**
 * What clients did and what they were told: the evidence that checkers judge.
 *
 * An operation without an answer is *maybe*: it may have taken effect, or do so later. `not-sent` and a
 * refusal mean that it never will.
 */

import type { NodeId } from '../core/config.ts';
import type { Dot } from '../core/dot.ts';
import type { ReadOutcome, WriteOutcome } from '../replica/node-api.ts';

/** The client heard nothing: `lost` when the node may have got the request, `not-sent` when it did not. */
export type NoAnswer = { readonly kind: 'lost' } | { readonly kind: 'not-sent' };

interface OperationBase {
  /** Unique in a run, rising with the time of the start. */
  readonly id: number;
  readonly key: string;
  readonly node: NodeId;
  readonly startMicros: number;
}

export interface WriteOperation extends OperationBase {
  readonly kind: 'put' | 'delete';
  /** Length of the value; 0 for a delete. */
  readonly valueBytes: number;
  /** The version that the client named as seen before. */
  readonly context: Dot | undefined;
  /** Wall milliseconds from which the value counts as deleted; 0 for never, as when it is missing. */
  readonly expiresAtMs?: number;
  end: { readonly micros: number; readonly outcome: WriteOutcome | NoAnswer } | undefined;
}

export interface ReadOperation extends OperationBase {
  readonly kind: 'get';
  /** What the node's wall clock showed when the read came to it and when it was answered; undefined when it was set meanwhile. */
  wallMs?: { readonly from: number; readonly to: number };
  end: { readonly micros: number; readonly outcome: ReadOutcome | NoAnswer } | undefined;
}

export type Operation = WriteOperation | ReadOperation;

export class History {
  readonly #operations: Operation[] = [];

  get operations(): readonly Operation[] {
    return this.#operations;
  }

  /** The id of the next operation. */
  get nextId(): number {
    return this.#operations.length + 1;
  }

  add<Kind extends Operation>(operation: Kind): Kind {
    this.#operations.push(operation);
    return operation;
  }
}

export function isWrite(operation: Operation): operation is WriteOperation {
  return operation.kind !== 'get';
}

/** The dot of a write that the store promised to keep; undefined for every other operation. */
export function acknowledgedDot(operation: Operation): Dot | undefined {
  if (!isWrite(operation) || operation.end?.outcome.kind !== 'stored') return undefined;
  return operation.end.outcome.dot;
}

/** The dot that a write was given, whether or not it was acknowledged; undefined when none is known. */
export function mintedDot(operation: Operation): Dot | undefined {
  if (!isWrite(operation)) return undefined;
  const outcome = operation.end?.outcome;
  return outcome?.kind === 'stored' || outcome?.kind === 'unknown' ? outcome.dot : undefined;
}

/** Whether a write may have taken effect somewhere. */
export function mayHaveTakenEffect(operation: WriteOperation): boolean {
  const kind = operation.end?.outcome.kind;
  return kind !== 'refused' && kind !== 'not-sent';
}

/** The version that a read answered with; undefined when it answered nothing at all. */
export function dotRead(operation: Operation): Dot | undefined {
  if (isWrite(operation)) return undefined;
  const outcome = operation.end?.outcome;
  if (outcome?.kind === 'found') return outcome.version.dot;
  return outcome?.kind === 'missing' ? outcome.digest?.dot : undefined;
}
