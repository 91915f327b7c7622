/**
 * What a replica needs of a storage engine. Two implement it: the segmented log (the default)
 * and `classic-level`; one contract suite (`store-contract.ts`) runs on both.
 *
 * A store is a set of *spaces*: its own records, and for each absent owner the hints kept for it.
 * The only way to change a record is to merge one into it, so applying the same record twice, or
 * late, is harmless. A read sees only what is as durable as the configured level promises.
 */

import type { NodeId } from '../core/config.ts';
import type { StoreError } from '../core/errors.ts';
import type { MaybePromise } from '../core/maybe-promise.ts';
import type { StoredRecord, VersionDigest } from '../core/record.ts';
import type { Token, TokenRange } from '../core/token.ts';
import type { SummedVersion, VersionSum } from '../core/version-sum.ts';

export interface MergeResult {
  /** False when the store already held this version or a later one. */
  readonly changed: boolean;
  /** What the store holds now. */
  readonly held: VersionDigest;
  /** What the record lost against is known to be unreadable: nobody can rely on it. */
  readonly isDamaged?: boolean;
}

/** A version that is held and can't be read. */
export interface DamagedVersion extends SummedVersion {
  /**
   * How often a version of this store that had been unreadable was read after all. While that does not change, this
   * one has been damaged all the time.
   */
  readonly recoveries: number;
}

/** One entry of a scan. */
export interface ScanEntry {
  readonly key: Uint8Array;
  readonly token: Token;
  readonly digest: VersionDigest;
  /** Length of the encoded record. */
  readonly recordBytes: number;
}

/** Where a scan goes on; opaque, and valid over restarts of the scan but not of the store. */
export type ScanCursor = string & { readonly __brand: 'ScanCursor' };

export interface ScanPage {
  /** In token order; keys of one token in no particular order. */
  readonly entries: readonly ScanEntry[];
  /** Undefined at the end. */
  readonly next: ScanCursor | undefined;
}

/** What comparing two owners needs to know of a version. */
export interface ListedVersion {
  readonly token: Token;
  readonly wallMs: number;
  readonly counter: number;
  readonly checksum: number;
  readonly tombstone: boolean;
  /** Whether it expires at some time, not whether it has. */
  readonly expires: boolean;
}

export interface VersionPage {
  /** In token order; those of one token are all in one page, in no particular order. */
  readonly versions: readonly ListedVersion[];
  /** The first token that is not listed; undefined when all are. */
  readonly next: Token | undefined;
}

export interface RecordPage {
  /** In token order; those of one token are all in one page, in no particular order. */
  readonly records: readonly StoredRecord[];
  /** The first token that was not reached; undefined when all were. */
  readonly next: Token | undefined;
}

export interface HintSummary {
  readonly target: NodeId;
  readonly count: number;
  readonly bytes: number;
}

/**
 * Why a store may miss what this node, or one of its name before it, has acknowledged. `fresh`: its disk was empty
 * when it started. `lost`: so it was, but peers had known the node before. `rolled-back`: the disk is one of an
 * earlier time. `damaged`: bytes of it could not be believed.
 */
export type EvidenceCause = 'fresh' | 'lost' | 'rolled-back' | 'damaged';

/** What the operator sees under `/debug/persist` and `/health`. Sizes in bytes, times in wall ms. */
export interface StoreStatus {
  readonly engine: 'log' | 'classic-level';
  /** `full`: writes are refused until there is space. `failed`: a sync failed, only a restart helps. */
  readonly state: 'open' | 'full' | 'read-only' | 'failed' | 'closed';
  /** Why the state is not `open`; empty otherwise. */
  readonly reason: string;
  /** Keys in the store's own space, tombstones included. */
  readonly keys: number;
  /** Bytes of all log files, live or not. */
  readonly logBytes: number;
  readonly liveBytes: number;
  readonly segments: number;
  /** Entries in the log, over restarts: never reset to 0 by one. */
  readonly logEntries: number;
  /** Operations accepted since the start. */
  readonly operations: number;
  /** Bytes of entries that are not on the disk yet; at most `limits.logQueueBytesMax`, or one entry. */
  readonly queuedBytes: number;
  readonly lastSyncWallMs: number | undefined;
  readonly lastSnapshotWallMs: number | undefined;
  readonly snapshotBytes: number;
  readonly compactions: number;
  readonly compactedBytes: number;
  /** Damage found on this disk, newest last, at most 100. */
  readonly quarantined: readonly QuarantinedRange[];
  /**
   * Why something that was acknowledged may be missing here, false when nothing is: this store's "nothing" is
   * then no evidence until the owners have been compared. Remembered over restarts.
   */
  readonly evidenceLost: false | EvidenceCause;
  /** Keys forgotten below the stability floor since the start. */
  readonly collectedKeys: number;
  /** Bytes of forgotten entries that are still on the disk, as far as known; `compactNow` frees them. */
  readonly collectedBytes: number;
  /** The least and the greatest stability floor of a partition; 0 is none. */
  readonly floorMinMs: number;
  readonly floorMaxMs: number;
}

export interface OldestHint {
  readonly target: NodeId;
  readonly wallMs: number;
}

/** What a raise of stability floors made the store forget. */
export interface FloorResult {
  readonly dropped: number;
  readonly droppedBytes: number;
}

/** Bytes that could not be believed; a copy lies in the `quarantine` folder when they could be read. */
export interface QuarantinedRange {
  readonly file: string;
  readonly offset: number;
  readonly bytes: number;
  readonly reason: string;
}

/** What a scrub has found so far. */
export interface ScrubReport {
  /** Records read again, those of hints included, and their bytes. */
  readonly records: number;
  readonly bytes: number;
  /** Of them, those that are not what was written. They are marked and out of the sums, so that owners heal them. */
  readonly corrupt: number;
  /** Partitions whose sum was not that of their versions; it is now. */
  readonly sumMismatches: number;
}

export interface ScrubOptions {
  /** What is read in a second, at most. */
  readonly bytesPerSecond: number;
  /** Ends the scrub early; it then resolves to what it has found so far. */
  readonly signal?: AbortSignal;
  readonly onProgress?: (report: ScrubReport) => void;
}

export interface Store {
  /** Whether what is acknowledged has been synced; false at the levels `interval` and `never`, until `sync`. */
  readonly acknowledgesSynced: boolean;
  /**
   * The record under a key, verified: at once where that needs no wait. Rejects with `RECORD_CORRUPT` or `DISK_READ_FAILED`,
   * never a guess; throws nothing.
   */
  get(key: Uint8Array, token: Token): MaybePromise<StoredRecord | undefined>;
  /** What merging needs to know of a key, without reading its value; answers as `get` does. */
  digest(key: Uint8Array, token: Token): MaybePromise<VersionDigest | undefined>;
  /**
   * Merges a record into the store's own space and resolves once the result is as durable as configured
   * (also when nothing changed: what it lost against is durable then). Rejects with `DISK_FULL`,
   * `DISK_WRITE_FAILED`, `DISK_SYNC_FAILED`, `OVERLOADED` or `STORE_CLOSED`; the record may or may not be kept.
   * Also with `STALE_VERSION`, and then it is not: a version at or below the stability floor that would change
   * what is held. One that could be forgotten at once, where nothing is held, changes nothing and is not kept.
   * The record's bytes must not change until then.
   */
  merge(record: StoredRecord): Promise<MergeResult>;
  /** The same for each of many records, which wait together; what one is refused for stands in its place. */
  mergeAll(records: readonly StoredRecord[]): Promise<readonly (MergeResult | StoreError)[]>;
  /** Pages through the own space; without a cursor from the start. `partition` restricts it to one. */
  scan(options: {
    readonly after?: ScanCursor | undefined;
    readonly partition?: number;
    readonly limit: number;
  }): Promise<ScanPage>;

  /** The sum over all versions of a partition of the own space, as of now. What is known to be damaged is not in it. */
  partitionSum(partition: number): VersionSum;
  /**
   * The same for ranges of tokens, counting only versions with `wallMs <= upToMs`. Long ranges are taken in portions,
   * with turns in between: what changes meanwhile may be counted or not.
   */
  sumRanges(ranges: readonly TokenRange[], upToMs: number): Promise<readonly VersionSum[]>;
  /** What is held in a range of tokens, without reading values; at most `limit` versions, but all of one token. */
  listVersions(range: TokenRange, limit: number): Promise<VersionPage>;
  /**
   * What is held in a range of tokens and known to be unreadable, in token order, at most `limit`. Where not even its
   * stamp can be read that is 0.
   */
  listDamaged(range: TokenRange, limit: number): Promise<readonly DamagedVersion[]>;
  /** Verified records of a range, up to `bytesMax` of them, but all of one token. What is unreadable is left out. */
  readRange(range: TokenRange, bytesMax: number): Promise<RecordPage>;
  /** The same for single tokens, in the order given; `rest` are those that were not reached. */
  readTokens(
    tokens: readonly Token[],
    bytesMax: number,
  ): Promise<{ readonly records: readonly StoredRecord[]; readonly rest: readonly Token[] }>;

  /** The stability floor of a partition, in wall ms; 0 when it has none. */
  floorOf(partition: number): number;
  /**
   * Raises stability floors; a lower one changes nothing. First they are durable, then merges are held against
   * them, then all tombstones and values that the floor lets go (`core/stability.ts`) are forgotten.
   */
  raiseFloors(
    floors: readonly { readonly partition: number; readonly floorMs: number }[],
  ): Promise<FloorResult>;
  /**
   * Whether a partition is being refilled, and so takes versions from below its floor; at first, whether
   * evidence is lost.
   */
  setRefill(partition: number, refilling: boolean): void;
  /**
   * Forgets versions at or below the floor that no complete owner holds, of a partition that was refilled: the disk
   * had kept them from a time before the owners agreed. Durable when it resolves; returns how many there were.
   */
  dropStrays(partition: number, strays: readonly SummedVersion[]): Promise<number>;
  /**
   * Forgets a record of the own space, unless a newer version has taken its place; durable when it resolves. For what
   * this node does not own and the owners have: anywhere else it would be a lost write.
   */
  removeRecord(record: StoredRecord): Promise<void>;
  /**
   * Forgets a damaged version and puts in its place, though they are older, the records of its token that other owners
   * hold; in one step, so that nobody finds nothing meanwhile. Returns whether it did: not when the version is another
   * by now, or was readable since it was listed. Durable when it resolves; until then a crash brings the damage back.
   * For what certainly was not acknowledged: anywhere else it would be a lost write.
   */
  replaceDamaged(damaged: DamagedVersion, records: readonly StoredRecord[]): Promise<boolean>;
  /** Rewrites whatever keeps superseded or forgotten entries on the disk. */
  compactNow(): Promise<void>;

  /** Keeps a record for an absent owner (the newest version only), durable when it resolves. Also `HINTS_FULL`. */
  putHint(target: NodeId, record: StoredRecord): Promise<void>;
  /** Some of the hints for a target, at least one if there is any, at most `limit`. */
  readHints(target: NodeId, limit: number): Promise<readonly StoredRecord[]>;
  /** Forgets a delivered hint, unless a newer version for the same key has taken its place. */
  removeHint(target: NodeId, record: StoredRecord): Promise<void>;
  /** The newest version of a key among all hints, or those for one target: for a fallback that answers a read. */
  findHinted(key: Uint8Array, token: Token, target?: NodeId): Promise<StoredRecord | undefined>;
  hints(): readonly HintSummary[];
  /** The hint with the earliest stamp, among those that are durable; after `sync` all that were put before it. */
  oldestHint(): Promise<OldestHint | undefined>;

  /**
   * Notes, durably, why this store may miss what was acknowledged. Only `fresh` gives way to another cause: where
   * something was lost it stays lost, whatever is found out later.
   */
  loseEvidence(cause: EvidenceCause): Promise<void>;
  /** Notes, durably, that the owners have been compared: "nothing" is evidence again. */
  restoreEvidence(): Promise<void>;

  status(): StoreStatus;
  /**
   * Reads every record again in the background, verifies it, and counts the sums anew. The bytes of what is corrupt are
   * copied aside. Rejects with `OVERLOADED` while another scrub is under way.
   */
  scrub(options: ScrubOptions): Promise<ScrubReport>;
  /** Writes the index checkpoint now, so that the next start is quick. */
  checkpoint(): Promise<void>;
  /** Makes everything written so far durable, whatever the durability level. */
  sync(): Promise<void>;
  /** A consistent copy in a new folder of the data directory, by hard links; writes go on meanwhile. */
  backup(path: string): Promise<void>;
  /** Finishes what is under way, syncs, writes a checkpoint and releases the files. */
  close(): Promise<void>;
}
