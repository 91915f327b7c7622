/**
 * What nodes say to each other to raise stability floors.
 *
 * The leader of some partitions asks every member for its promise, compares the owners up to the least of
 * them (`partition-sums` of healing-messages.ts), and tells all members the floors that come of it.
 */

import type { NodeId } from '../core/config.ts';
import type { PartitionFloor } from './healing-messages.ts';

export type FloorRequest =
  | { readonly kind: 'floor-report'; readonly timeoutMs: number }
  | {
      readonly kind: 'raise-floors';
      readonly timeoutMs: number;
      /** At most `limits.floorsPerMessage`. */
      readonly floors: readonly PartitionFloor[];
    };

export interface FloorReport {
  readonly kind: 'floor-report';
  /**
   * The sender coordinates no write stamped until then any more, and takes no new write and no new hint stamped until
   * then, in this life and the next ones.
   */
  readonly promiseMs: number;
  /** The hint with the earliest stamp that it keeps. */
  readonly oldestHint: { readonly target: NodeId; readonly wallMs: number } | undefined;
  /** Partitions of which it holds records although it does not own them: those may be older than anything. */
  readonly foreign: readonly number[];
}

export type FloorReply = FloorReport | { readonly kind: 'floors-raised'; readonly dropped: number };
