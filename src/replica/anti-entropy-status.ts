/**
 * What an operator sees of anti-entropy: per owner and partition, when they were last compared and how that went.
 */

import type { NodeId } from '../core/config.ts';
import type { CatchUp } from './catch-up.ts';
import type { IncompleteCause } from './evidence.ts';
import type { Evidence } from './evidence.ts';
import type { PartitionRound } from './healing-session.ts';
import type { HygieneStatus } from './ownership-hygiene.ts';

/** One other owner, as this node's rounds with it have gone. */
export interface ComparedOwner {
  readonly peer: NodeId;
  /** What both own. */
  readonly partitions: readonly number[];
  readonly rounds: Map<number, PartitionRound & { readonly atMs: number }>;
  /** Whether the latest heartbeat, or a reason of its own, says that there is something to compare. */
  isDifferent: boolean;
  dueAtMs: number;
  /** That of the life in which the peer last came up. */
  incarnation: number | undefined;
  readonly catchUp: CatchUp;
  /** Pauses of the usual length until the next round, once one was fruitless. */
  pauses: number;
  /** When a heartbeat last showed that all is equal. */
  equalAtMs: number | undefined;
  roundsDone: number;
  errors: number;
  lastError: string;
  fetched: number;
  refused: number;
  sentBytes: number;
  receivedBytes: number;
}

export interface OwnerStatus {
  readonly peer: NodeId;
  readonly partitions: number;
  /** Partitions in which the last comparison left something to be fetched. */
  readonly unfinished: number;
  /** Partitions in which the owner lacks something that this node holds. */
  readonly ahead: number;
  readonly isEqual: boolean;
  /** Since a comparison, or a heartbeat that showed all to be equal; undefined when there was none. */
  readonly lastComparedMs: number | undefined;
  readonly rounds: number;
  readonly errors: number;
  readonly lastError: string;
  readonly fetched: number;
  readonly refused: number;
  readonly sentBytes: number;
  readonly receivedBytes: number;
  /** Those that are not known to be equal. */
  readonly different: readonly {
    readonly partition: number;
    readonly state: 'unfinished' | 'ahead' | 'not-compared';
    readonly lastComparedMs: number | undefined;
  }[];
}

export interface AntiEntropyStatus {
  readonly isEnabled: boolean;
  readonly intervalMs: number;
  /** Why this node is no witness for some partitions, and for how many; undefined when it is for all. */
  readonly evidence: { readonly cause: IncompleteCause; readonly incompletePartitions: number } | undefined;
  readonly lastRound:
    | {
        readonly peer: NodeId;
        readonly atWallMs: number;
        readonly tookMs: number;
        /** Partitions. */
        readonly compared: number;
        readonly fetched: number;
        readonly error: string;
      }
    | undefined;
  readonly owners: readonly OwnerStatus[];
  /** Records that this node holds and others own. */
  readonly hygiene: HygieneStatus;
}

/** How far a repair is with one other owner. */
export interface RepairedPeer {
  readonly peer: NodeId;
  readonly partitions: number;
  state: 'running' | 'done' | 'failed' | 'unreachable';
  /** Records that this node fetched from the peer. */
  fetched: number;
  /** Records that the peer fetched from this node. */
  sent: number;
  error: string;
}

export interface RepairReport {
  readonly peers: readonly RepairedPeer[];
}

export function statusOf(options: {
  readonly owners: readonly ComparedOwner[];
  readonly evidence: Evidence;
  readonly isEnabled: boolean;
  readonly intervalMs: number;
  readonly nowMs: number;
  readonly lastRound: AntiEntropyStatus['lastRound'];
  readonly hygiene: HygieneStatus;
}): AntiEntropyStatus {
  const { owners, evidence, isEnabled, intervalMs, nowMs, lastRound, hygiene } = options;
  const { cause, incomplete } = evidence;
  return {
    isEnabled,
    intervalMs,
    evidence: cause === undefined ? undefined : { cause, incompletePartitions: incomplete },
    lastRound,
    owners: owners.map((owner) => ownerStatus(owner, nowMs)),
    hygiene,
  };
}

function ownerStatus(owner: ComparedOwner, nowMs: number): OwnerStatus {
  const { peer, partitions, errors, lastError, fetched, refused, sentBytes, receivedBytes } = owner;
  const different: OwnerStatus['different'][number][] = [];
  let comparedAtMs = owner.equalAtMs;
  for (const partition of partitions) {
    const round = owner.rounds.get(partition);
    if (round !== undefined) comparedAtMs = Math.max(comparedAtMs ?? 0, round.atMs);
    // A heartbeat that shows all to be equal is about every partition.
    if (owner.equalAtMs !== undefined && owner.equalAtMs >= (round?.atMs ?? 0)) continue;
    if (round?.kind === 'equal') continue;
    const state = round === undefined ? 'not-compared' : round.kind === 'failed' ? 'unfinished' : 'ahead';
    different.push({
      partition,
      state,
      lastComparedMs: round === undefined ? undefined : nowMs - round.atMs,
    });
  }
  const count = (state: string): number => different.filter((row) => row.state === state).length;
  return {
    ...{ peer, partitions: partitions.length, unfinished: count('unfinished'), ahead: count('ahead') },
    isEqual: different.length === 0 && !owner.isDifferent,
    lastComparedMs: comparedAtMs === undefined ? undefined : nowMs - comparedAtMs,
    ...{ rounds: owner.roundsDone, errors, lastError, fetched, refused, sentBytes, receivedBytes },
    different,
  };
}
