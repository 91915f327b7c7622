/**
 * Requests of clients that come together: many writes, or many reads, of one turn of the event loop in one message.
 *
 * Each record and each key is judged and answered by itself, as if it had come alone. Only what every client waits for goes
 * this way: fresh writes to an owner, and reads.
 */

import type { ErrorCode } from '../core/errors.ts';
import type { StoredRecord } from '../core/record.ts';
import type { GetReply } from './messages.ts';

/** Records stamped just now, all owned by the receiver. At most `limits.keysAtOnceMax`. */
export interface PutManyRequest {
  readonly kind: 'put-many';
  readonly timeoutMs: number;
  readonly records: readonly StoredRecord[];
}

export interface GetManyRequest {
  readonly kind: 'get-many';
  readonly timeoutMs: number;
  readonly want: 'record' | 'digest';
  /** At most `limits.keysAtOnceMax`. */
  readonly keys: readonly Uint8Array[];
}

export interface RefusedRecord {
  /** Its position among the records of the request. */
  readonly index: number;
  readonly code: ErrorCode;
  readonly message: string;
}

/** Every record of the request that is not refused, or a later version of its key, is durable at the sender. */
export interface StoredManyReply {
  readonly kind: 'stored-many';
  /** Records that were judged: all of the request. */
  readonly count: number;
  readonly refusals: readonly RefusedRecord[];
}

export type GetManyAnswer =
  GetReply | { readonly kind: 'refused'; readonly code: ErrorCode; readonly message: string };

/** One answer for each key, in their order. */
export interface GotManyReply {
  readonly kind: 'got-many';
  readonly answers: readonly GetManyAnswer[];
}

export type ManyRequest = PutManyRequest | GetManyRequest;
export type ManyReply = StoredManyReply | GotManyReply;
