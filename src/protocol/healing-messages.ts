/**
 * What owners say to each other to find and carry what differs between them (anti-entropy).
 *
 * All of it is asked by the node that heals itself: it compares sums, lists what a range holds where they differ,
 * and fetches what it lacks. Nothing here changes the node that is asked, except `compare-now`, which asks it
 * to heal itself in turn. Requests and replies are bounded by `limits.tree…`, and the codec checks them.
 */

import type { HlcTime } from '../core/hybrid-logical-clock.ts';
import type { Token, TokenRange } from '../core/token.ts';
import type { SummedVersion, VersionSum } from '../core/version-sum.ts';
import type { StoredRecord } from '../core/record.ts';
import type { KeyTraceReply, TraceKeyRequest } from './key-trace-messages.ts';

/**
 * What an owner can vouch for in one partition: `complete` holds all that it ever acknowledged, `fresh` started on an
 * empty disk and nobody knew it, `incomplete` has lost something and is being filled.
 */
export type Completeness = 'complete' | 'fresh' | 'incomplete';

/** A partition and the stability floor that the sender has for it; 0 means none. */
export interface PartitionFloor {
  readonly partition: number;
  readonly floorMs: number;
}

/** One partition at its owner. */
export interface PartitionState {
  readonly completeness: Completeness;
  readonly floorMs: number;
  readonly sum: VersionSum;
}

export interface PartitionSumsRequest {
  readonly kind: 'partition-sums';
  readonly timeoutMs: number;
  /** Counts only versions stamped until then; undefined counts all, and costs the receiver nothing. */
  readonly upToMs: number | undefined;
  readonly partitions: readonly PartitionFloor[];
}

export type HealingRequest =
  | PartitionSumsRequest
  | {
      readonly kind: 'range-sums';
      readonly timeoutMs: number;
      readonly upToMs: number | undefined;
      /** Disjoint, ascending. */
      readonly ranges: readonly TokenRange[];
    }
  | {
      readonly kind: 'list-versions';
      readonly timeoutMs: number;
      /** Disjoint, ascending. */
      readonly ranges: readonly TokenRange[];
    }
  | { readonly kind: 'fetch-range'; readonly timeoutMs: number; readonly range: TokenRange }
  | {
      readonly kind: 'fetch-tokens';
      readonly timeoutMs: number;
      /** Ascending, each once. */
      readonly tokens: readonly Token[];
    }
  /** Asks the receiver to heal itself from the sender now; asked again with the same session it tells how far it is. */
  | {
      readonly kind: 'compare-now';
      readonly timeoutMs: number;
      readonly session: number;
      /** All that both own when it is empty. */
      readonly partitions: readonly number[];
    }
  | {
      /** Asks what the receiver can testify of tokens of which the sender holds something that it can't read. */
      readonly kind: 'testify';
      readonly timeoutMs: number;
      /** Ascending, each once. */
      readonly tokens: readonly Token[];
    }
  | TraceKeyRequest;

/** What an owner says of one token. */
export interface Testimony {
  /** It holds all that it ever acknowledged of the partition, and can read all that it holds of the token. */
  readonly isWitness: boolean;
  /** The time of the newest version that it holds of the token, readable or not; zeros when there is none. */
  readonly newest: HlcTime;
  /** The sum of what it can read of the token. */
  readonly sum: VersionSum;
}

export interface VersionsReply {
  readonly kind: 'versions';
  /** In token order. */
  readonly versions: readonly SummedVersion[];
  /** All that the ranges hold below this token is listed; undefined when that is everything. */
  readonly next: Token | undefined;
}

export interface RecordsReply {
  readonly kind: 'records';
  readonly records: readonly StoredRecord[];
  /** The first token that was not reached; undefined when all was. */
  readonly next: Token | undefined;
}

export interface CompareProgress {
  readonly kind: 'compare-progress';
  readonly state: 'running' | 'done' | 'failed';
  readonly compared: number;
  readonly fetched: number;
}

export type HealingReply =
  /** In the order in which they were asked. */
  | { readonly kind: 'partition-sums'; readonly states: readonly PartitionState[] }
  | { readonly kind: 'range-sums'; readonly sums: readonly VersionSum[] }
  | VersionsReply
  | RecordsReply
  /** In the order in which they were asked. */
  | { readonly kind: 'testimonies'; readonly testimonies: readonly Testimony[] }
  | CompareProgress
  | KeyTraceReply;
