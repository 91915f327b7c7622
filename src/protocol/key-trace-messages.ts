/** A question that an operator asks of every member: what it holds of one key, and how that came there. */

import type { NodeId } from '../core/config.ts';
import type { ErrorCode } from '../core/errors.ts';
import type { VersionDigest } from '../core/record.ts';

/**
 * By which way a version came to a node. `write`: of a client, by its coordinator. `read`: a read found the node behind
 * (read repair, write-back). `handoff`: it was handed over, as a hint or by a node that doesn't own it.
 * `anti-entropy`: the node fetched it. `inspection`: an operator put it there.
 */
export const arrivalPaths = ['write', 'read', 'handoff', 'anti-entropy', 'inspection'] as const;
export type ArrivalPath = (typeof arrivalPaths)[number];

export interface Arrival {
  readonly path: ArrivalPath;
  readonly from: NodeId;
  readonly atWallMs: number;
}

export interface TracedCopy {
  readonly digest: VersionDigest;
  readonly valueBytes: number;
  /** Undefined when it is not remembered: the version was on the disk at the start, or came long ago. */
  readonly arrival: Arrival | undefined;
}

export interface TraceKeyRequest {
  readonly kind: 'trace-key';
  readonly timeoutMs: number;
  readonly key: Uint8Array;
}

export interface KeyTraceReply {
  readonly kind: 'key-trace';
  /** Whether the sender still has all that it acknowledged of the key's partition. */
  readonly isWitness: boolean;
  /** Why the copy here can't be read, such as `RECORD_CORRUPT`. */
  readonly failure: ErrorCode | undefined;
  readonly copy: TracedCopy | undefined;
  /** What the sender keeps for owners that missed it. */
  readonly hints: readonly { readonly target: NodeId; readonly copy: TracedCopy }[];
}
