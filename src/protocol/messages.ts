/**
 * What nodes say to each other.
 *
 * A request names what it wants and how long the asker will wait from when it was sent; a reply carries the request's correlation id.
 * The id is (incarnation of the asker, sequence): a reply to a request of a past life matches nothing.
 * Every message also carries the placement epoch and the sender's clock reading, so that clocks of
 * nodes that talk stay together (Kulkarni et al. 2014).
 */

import type { NodeId } from '../core/config.ts';
import type { ErrorCode } from '../core/errors.ts';
import type { HlcTime } from '../core/hybrid-logical-clock.ts';
import type { StoredRecord, VersionDigest } from '../core/record.ts';
import type { VersionSum } from '../core/version-sum.ts';
import type { FloorReply, FloorRequest } from './floor-messages.ts';
import type { HealingReply, HealingRequest } from './healing-messages.ts';
import type { ManyReply, ManyRequest } from './many-messages.ts';

export interface MessageHeader {
  readonly epoch: number;
  /** The asker's incarnation, in a request and in its reply. */
  readonly incarnation: number;
  readonly sequence: number;
  /** The asker's monotonic time, by which a receiver sees how long a request has waited on its way. 16 bits. */
  readonly sentTick: number;
  /** The sender's greatest clock reading. */
  readonly clock: HlcTime;
}

export interface PutRequestMessage {
  readonly kind: 'put';
  readonly timeoutMs: number;
  /** The owner this record is kept for; undefined when the receiver owns it. */
  readonly hintFor: NodeId | undefined;
  /** A client waits for this write: it was stamped just now, so a stamp far behind tells of a clock that lags. */
  readonly fresh: boolean;
  readonly record: StoredRecord;
}

export interface GetRequestMessage {
  readonly kind: 'get';
  readonly timeoutMs: number;
  /** The full record, or only what decides a merge. */
  readonly want: 'record' | 'digest';
  readonly key: Uint8Array;
}

/** Records that their owner missed; each is answered for by itself. At most `limits.hintReplayBatchMax`. */
export interface MergeRequestMessage {
  readonly kind: 'merge';
  readonly timeoutMs: number;
  readonly records: readonly StoredRecord[];
}

/** For each record in order why it was refused; undefined where it, or a later version, is durable at the sender. */
export interface MergedReply {
  readonly kind: 'merged';
  readonly refusals: readonly (ErrorCode | undefined)[];
}

/**
 * A sign of life. `logEntries`: the durable entries of the sender's log, by which its peers notice when its disk comes
 * back without some of them. `sharedSum` adds up all that the sender holds in the partitions that both ends own: as long as
 * it equals the receiver's own, nothing else is exchanged to keep them equal. Absent when they share none.
 */
export interface Ping {
  readonly kind: 'ping';
  readonly logEntries: number;
  readonly sharedSum?: VersionSum;
}

export type Request =
  | PutRequestMessage
  | GetRequestMessage
  | MergeRequestMessage
  | ManyRequest
  | Ping
  | HealingRequest
  | FloorRequest;

/**
 * Answer to a get. `evidence` says whether the answer counts toward R: an owner's does; a fallback's only when
 * it holds a hint for the key, since its silence says nothing about what the owners hold.
 */
export type GetReply =
  | { readonly kind: 'nothing'; readonly evidence: boolean }
  | { readonly kind: 'digest'; readonly evidence: boolean; readonly digest: VersionDigest }
  | { readonly kind: 'record'; readonly evidence: boolean; readonly record: StoredRecord };

export type Reply =
  | { readonly kind: 'pong'; readonly sharedSum?: VersionSum }
  /** The record, or a later version, is durable at the sender. */
  | { readonly kind: 'stored' }
  | GetReply
  | MergedReply
  | ManyReply
  | HealingReply
  | FloorReply
  /** The request was not carried out. */
  | { readonly kind: 'refused'; readonly code: ErrorCode; readonly message: string };

export type Message =
  | { readonly type: 'request'; readonly header: MessageHeader; readonly request: Request }
  | { readonly type: 'reply'; readonly header: MessageHeader; readonly reply: Reply };
