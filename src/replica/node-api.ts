/**
 * What a node offers to its frontends (HTTP, later Redis) and to its operator: the client
 * operations with their outcomes as values, inspection of this node's own disk, and status.
 *
 * Outcomes never lie: a write that missed its quorum is `unknown`, because some replicas may have it;
 * `refused` means that it was certainly applied nowhere.
 */

import type { NodeConfig, NodeId, QuorumSettings } from '../core/config.ts';
import type { Dot } from '../core/dot.ts';
import type { ErrorCode } from '../core/errors.ts';
import type { StoredRecord, Version, VersionDigest } from '../core/record.ts';
import type { Token } from '../core/token.ts';
import type { HintSummary, ScanCursor, StoreStatus } from '../storage/store.ts';
import type { AdmissionStatus, WaitingClient } from './admission-gate.ts';
import type { AntiEntropyStatus } from './anti-entropy-status.ts';
import type { OperatorApi } from './operator-api.ts';

/** Per-request overrides of the configured quorum; `r` and `w` between 1 and N. */
export interface RequestOptions {
  readonly r?: number;
  readonly w?: number;
  /** Under `strict` only owners count; under `sloppy` also those that keep a hint for one. */
  readonly quorumMode?: NodeConfig['quorumMode'];
  readonly timeoutMs?: number;
  /** The newest version that the client has seen of this key: its write is stamped later. */
  readonly context?: Dot;
  /** Who waits for the answer: what has not begun when it is gone does not begin. */
  readonly client?: WaitingClient;
}

/** Whether a request takes the cluster's settings in everything, and so may be carried out together with others. */
export function goesWithOthers({ r, w, quorumMode, timeoutMs, context }: RequestOptions): boolean {
  return (
    r === undefined &&
    w === undefined &&
    quorumMode === undefined &&
    timeoutMs === undefined &&
    context === undefined
  );
}

export interface PutRequest extends RequestOptions {
  readonly key: Uint8Array;
  /** Not changed by anyone after the call. */
  readonly value: Uint8Array;
  readonly contentType?: string;
  /** Wall milliseconds from which the version counts as deleted. */
  readonly expiresAtMs?: number;
}

export type WriteOutcome =
  | {
      readonly kind: 'stored';
      readonly dot: Dot;
      /** Durable holders that had answered when the quorum was met. */
      readonly acknowledged: number;
      readonly required: number;
    }
  | {
      /** Some replicas may have the write, and it may win later. */
      readonly kind: 'unknown';
      readonly code: 'QUORUM_NOT_MET' | 'DISK_FULL';
      readonly dot: Dot;
      readonly acknowledged: number;
      readonly required: number;
      readonly message: string;
    }
  | {
      /** Applied nowhere. */
      readonly kind: 'refused';
      readonly code: ErrorCode;
      readonly message: string;
    };

export type ReadOutcome =
  | {
      readonly kind: 'found';
      readonly version: Version;
      /** Replicas whose answer this rests on. */
      readonly answered: number;
      readonly required: number;
    }
  | {
      /** R replicas answered that they hold nothing, a tombstone, or an expired version. */
      readonly kind: 'missing';
      /** The tombstone or expired version, where there is one. */
      readonly digest: VersionDigest | undefined;
      readonly answered: number;
      readonly required: number;
    }
  | {
      readonly kind: 'unavailable';
      readonly code: ErrorCode;
      readonly answered: number;
      readonly required: number;
      readonly message: string;
    };

/** A read that came with others: with the configured quorum. */
export interface KeyRequest extends Pick<RequestOptions, 'client'> {
  readonly key: Uint8Array;
}

/** Told what became of one of many requests, by its position among them. Must not throw. */
export type OnOutcome<Outcome> = (index: number, outcome: Outcome) => void;

/**
 * Requests that came together, each with an outcome of its own, as if it had come alone, at a fraction of the cost.
 * `onOutcome` is called once for each, in any order, perhaps before the call returns.
 */
export interface RequestsTogether {
  put(requests: readonly PutRequest[], onOutcome: OnOutcome<WriteOutcome>): void;
  get(requests: readonly KeyRequest[], onOutcome: OnOutcome<ReadOutcome>): void;
}

export interface KeyEntry {
  readonly key: Uint8Array;
  readonly digest: VersionDigest;
}

export interface ScanRequest extends Pick<RequestOptions, 'r' | 'timeoutMs' | 'client'> {
  readonly from: Token;
  readonly limit: number;
}

/** One page of a scan over the whole cluster. */
export type ScanOutcome =
  | {
      readonly kind: 'page';
      /** In token order, tombstones and expired versions included. */
      readonly entries: readonly KeyEntry[];
      /** Where the next page begins; undefined at the end. */
      readonly next: Token | undefined;
    }
  | Extract<ReadOutcome, { readonly kind: 'unavailable' }>;

/** Inspection of what this very node holds; it never asks another. */
export interface LocalInspection {
  get(key: Uint8Array): Promise<StoredRecord | undefined>;
  /**
   * Merges a record stamped by the caller, here only, or keeps it as a hint for another member.
   * Throws `CLOCK_SKEW` for a stamp too far ahead, `UNKNOWN_NODE` for a hint target or writer that is not a member.
   */
  put(record: InspectionRecord, hintFor?: string): Promise<{ readonly changed: boolean }>;
  keys(options: {
    readonly after?: ScanCursor | undefined;
    readonly limit: number;
  }): Promise<{ readonly entries: readonly KeyEntry[]; readonly next: ScanCursor | undefined }>;
}

export interface InspectionRecord {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
  readonly wallMs: number;
  readonly counter: number;
  readonly writerId: string;
  readonly deleted: boolean;
  readonly contentType?: string;
  readonly expiresAtMs?: number;
}

export interface PeerStatus {
  readonly id: NodeId;
  readonly up: boolean;
  /** It answers slowly, or not at all: reads ask others first. */
  readonly suspect: boolean;
  /** What a short reply takes on average; undefined before the first. */
  readonly latencyMs: number | undefined;
  readonly incarnation: number | undefined;
  /** Milliseconds since the peer was last heard; undefined when never. */
  readonly silentMs: number | undefined;
  readonly hintsPending: number;
}

export type Health =
  { readonly ok: true } | { readonly ok: false; readonly code: ErrorCode; readonly message: string };

/** Whether the quorums can be met for every partition with the nodes that are up now. */
export interface Readiness {
  readonly ready: boolean;
  readonly read: boolean;
  readonly write: boolean;
  readonly message: string;
}

export interface RingStatus {
  readonly epoch: number;
  readonly partitions: number;
  readonly quorum: QuorumSettings;
  readonly partitionsPerNode: readonly { readonly id: NodeId; readonly partitions: number }[];
}

export interface KeyPlacement {
  /** 16 hexadecimal digits. */
  readonly token: string;
  readonly partition: number;
  readonly owners: readonly NodeId[];
  readonly fallbacks: readonly NodeId[];
}

/** Stability floors of the partitions that a node owns; times in wall ms. */
export interface FloorStatus {
  /** No new write and no new hint stamped until then is taken by this node any more. */
  readonly promiseMs: number;
  readonly partitions: readonly {
    readonly partition: number;
    /** 0 for none. */
    readonly floorMs: number;
    readonly leader: NodeId | undefined;
    /** Why it stood still at the last attempt, as far as this node leads it; empty when it rose. */
    readonly reason: string;
  }[];
  /** Versions from below a floor that were refused, and those that were dropped at the end of a refill. */
  readonly straysRefused: number;
  readonly straysDropped: number;
  /** New writes and hints that came after the promise. */
  readonly lateWritesRefused: number;
  /** Keys forgotten since the start, and what is still on the disk of them. */
  readonly collectedKeys: number;
  readonly collectedBytes: number;
}

export interface HintStatus {
  /** Hints this node keeps for others now. */
  readonly count: number;
  readonly bytes: number;
  readonly targets: readonly HintSummary[];
  readonly written: number;
  readonly delivered: number;
  /** Dropped because their owner had acknowledged the write after all. */
  readonly cancelled: number;
  /** Dropped because their owner knows them to be past: they lie below the stability floor. */
  readonly stale: number;
  /** Not kept, because no node could; and not kept, because their owner is up but overloaded. */
  readonly refused: number;
  readonly leftOut: number;
  /** Refused here because a limit of bytes was hit: anti-entropy takes over. */
  readonly full: number;
  readonly lastError: string;
}

export interface NodeApi {
  readonly id: NodeId;
  readonly incarnation: number;
  put(request: PutRequest): Promise<WriteOutcome>;
  get(request: RequestOptions & { readonly key: Uint8Array }): Promise<ReadOutcome>;
  delete(request: RequestOptions & { readonly key: Uint8Array }): Promise<WriteOutcome>;
  readonly together: RequestsTogether;

  /**
   * Keys from a token on, each partition as R of its owners know it. A page ends once it has `limit` keys; it may have
   * many more, or none although there is a next one.
   */
  scan(request: ScanRequest): Promise<ScanOutcome>;

  readonly local: LocalInspection;
  readonly operator: OperatorApi;
  health(): Health;
  readiness(): Readiness;
  ring(): RingStatus;
  placementOf(key: Uint8Array): KeyPlacement;
  hints(): HintStatus;
  /** How far deletes are forgotten, and what keeps them. */
  floor(): FloorStatus;
  antiEntropy(): AntiEntropyStatus;
  peers(): readonly PeerStatus[];
  storage(): StoreStatus;
  /** How many client requests are under way and wait, and how many may. */
  admission(): AdmissionStatus;
  /** So many requests wait that frontends should not read on from a connection that has one under way. */
  readonly isCrowded: boolean;
  /** Counters since the start, by name. */
  counters(): Readonly<Record<string, number>>;
}
