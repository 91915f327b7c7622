/**
 * The second storage engine: `Store` over LevelDB, by the `classic-level` package.
 *
 * It keeps no key in memory, so it is for key sets that outgrow the log engine's index, and the oracle of
 * the differential test. Slower in every other respect: see docs/decisions/0002-classic-level.md. It lies
 * in `platform/` because the package opens real paths by itself: there is no port to put under it, and
 * the simulator runs the log engine only.
 *
 * The promises are the same: acknowledged means synced (under `always`), in batches that all waiting
 * writes share; one decision at a time for each key; no value is served that fails its checksum.
 * A backup is a copy of all rows from one LevelDB snapshot, since the files of a running LevelDB cannot be linked
 * consistently from outside.
 */

import { join } from 'node:path';

import type { Durability, NodeId } from '../core/config.ts';
import type { Checksum } from '../core/crc32.ts';
import { StoreError, storeErrorOf } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import { compareVersions } from '../core/merge.ts';
import { compareDots } from '../core/dot.ts';
import type { StoredRecord, VersionDigest } from '../core/record.ts';
import type { Token, TokenRange } from '../core/token.ts';
import type { SummedVersion, VersionSum } from '../core/version-sum.ts';
import type { Clock } from '../ports/clock.ts';
import { checkDiskPath } from '../ports/disk-path.ts';
import type { Observer } from '../ports/observer.ts';
import type {
  DamagedVersion,
  EvidenceCause,
  FloorResult,
  HintSummary,
  MergeResult,
  OldestHint,
  RecordPage,
  ScanPage,
  ScrubOptions,
  ScrubReport,
  Store,
  StoreStatus,
  VersionPage,
} from '../storage/store.ts';
import type { FloorRaise, StabilityFloors } from '../storage/stability-floors.ts';
import { replaceDamagedRow } from './classic-level-damage-replacer.ts';
import { DamageList } from './classic-level-damage.ts';
import { ClassicLevelDatabase, type DatabaseSize } from './classic-level-database.ts';
import { openEvidence, type ClassicLevelEvidence } from './classic-level-evidence.ts';
import { ClassicLevelFloors, loadClassicLevelFloors } from './classic-level-floors.ts';
import { ClassicLevelReader, type ScanOptions } from './classic-level-reader.ts';
import { ownSpace } from './classic-level-rows.ts';
import { PartitionSums } from './classic-level-sums.ts';
import { ClassicLevelScrubber } from './classic-level-scrub.ts';
import { ClassicLevelTreeReader } from './classic-level-tree-reader.ts';
import { ClassicLevelWriter } from './classic-level-writer.ts';

export interface ClassicLevelStoreOptions {
  /** The node's data directory; the database lies in a folder of its own below it. */
  readonly dataDirectory: string;
  readonly clock: Clock;
  readonly observer: Observer;
  readonly checksum: Checksum;
  /** A power of two: the partitions that scans may be restricted to. */
  readonly partitions: number;
  readonly durability: Durability;
  /** Told once, when only a restart helps. */
  readonly onFailed?: (reason: string) => void;
  readonly hintBytesPerTargetMax?: number;
  readonly hintBytesMax?: number;
  /** Bytes of LevelDB's log before it becomes a table file; default LevelDB's own 4 MiB. */
  readonly writeBufferBytes?: number;
}

/** The folder of the database in the data directory. */
export const classicLevelFolder = 'classic-level';

/** Opens the store and recovers it. Throws `DIRECTORY_LOCKED`, `LOG_CORRUPT`, `FORMAT_UNSUPPORTED` and disk errors. */
export async function openClassicLevelStore(options: ClassicLevelStoreOptions): Promise<Store> {
  const location = join(options.dataDirectory, classicLevelFolder);
  const database = await ClassicLevelDatabase.open(location, { writeBufferBytes: options.writeBufferBytes });
  try {
    const damage = new DamageList({ observer: options.observer, location });
    for (const range of await database.droppedRanges()) damage.addRange(range);
    const { checksum, partitions } = options;
    const sums = new PartitionSums({ partitions });
    const reader = new ClassicLevelReader({ database, checksum, partitions, damage, sums });
    const tree = new ClassicLevelTreeReader({ database, checksum, partitions, reader, sums });
    await tree.countAllSums();
    const floors = await loadClassicLevelFloors({ database, checksum, partitions, damage });
    const writer = new ClassicLevelWriter({
      database,
      reader,
      clock: options.clock,
      checksum,
      durability: options.durability,
      figures: await reader.figures(),
      sums,
      tree,
      floors,
      hintBytesPerTargetMax: options.hintBytesPerTargetMax ?? limits.hintBytesPerTargetMax,
      hintBytesMax: options.hintBytesMax ?? limits.hintBytesMax,
      onFailed: options.onFailed ?? (() => {}),
    });
    // A count that fails leaves a sum that differs from the other owners', who are then asked for more than needed.
    sums.whenStale((partition) => void writer.recountSum(partition).catch(() => {}));
    const floorKeeper = new ClassicLevelFloors({ database, checksum, floors, writer });
    await floorKeeper.sweepAll();
    const evidence = await openEvidence({ database, writer, damage });
    const scrubber = new ClassicLevelScrubber({ ...options, database, reader, writer });
    const size = await database.size();
    const parts = {
      options,
      database,
      reader,
      tree,
      sums,
      floors,
      floorKeeper,
      writer,
      damage,
      evidence,
      scrubber,
      size,
    };
    return new ClassicLevelStore(parts);
  } catch (error) {
    await database.close();
    throw error;
  }
}

interface Parts {
  readonly options: ClassicLevelStoreOptions;
  readonly database: ClassicLevelDatabase;
  readonly reader: ClassicLevelReader;
  readonly tree: ClassicLevelTreeReader;
  readonly sums: PartitionSums;
  readonly floors: StabilityFloors;
  readonly floorKeeper: ClassicLevelFloors;
  readonly writer: ClassicLevelWriter;
  readonly damage: DamageList;
  readonly evidence: ClassicLevelEvidence;
  readonly scrubber: ClassicLevelScrubber;
  readonly size: DatabaseSize;
}

class ClassicLevelStore implements Store {
  readonly acknowledgesSynced: boolean;
  readonly #parts: Parts;
  readonly #underWay = new Set<Promise<unknown>>();
  #size: DatabaseSize;
  #lastFlushWallMs: number | undefined;
  #closing: Promise<void> | undefined;

  constructor(parts: Parts) {
    this.acknowledgesSynced = parts.options.durability.mode === 'always';
    this.#parts = parts;
    this.#size = parts.size;
  }

  get(key: Uint8Array, token: Token): Promise<StoredRecord | undefined> {
    return this.#run(({ reader }) => reader.record(ownSpace, key, token));
  }

  digest(key: Uint8Array, token: Token): Promise<VersionDigest | undefined> {
    return this.#run(async ({ reader }) => (await reader.digest(ownSpace, key, token))?.digest);
  }

  merge(record: StoredRecord): Promise<MergeResult> {
    return this.#run(({ writer }) => writer.merge(record));
  }

  mergeAll(records: readonly StoredRecord[]): Promise<readonly (MergeResult | StoreError)[]> {
    return Promise.all(records.map((record) => this.merge(record).catch(storeErrorOf)));
  }

  scan(options: ScanOptions): Promise<ScanPage> {
    return this.#run(({ reader }) => reader.scan(options));
  }

  partitionSum(partition: number): VersionSum {
    return this.#parts.sums.of(partition);
  }

  sumRanges(ranges: readonly TokenRange[], upToMs: number): Promise<readonly VersionSum[]> {
    return this.#run(({ tree }) => tree.sumRanges(ranges, upToMs));
  }

  listVersions(range: TokenRange, limit: number): Promise<VersionPage> {
    return this.#run(({ tree }) => tree.listVersions(range, limit));
  }

  listDamaged(range: TokenRange, limit: number): Promise<readonly DamagedVersion[]> {
    return this.#run(({ tree }) => tree.listDamaged(range, limit));
  }

  replaceDamaged(damaged: DamagedVersion, records: readonly StoredRecord[]): Promise<boolean> {
    return this.#run((parts) => replaceDamagedRow(parts, damaged, records));
  }

  readRange(range: TokenRange, bytesMax: number): Promise<RecordPage> {
    return this.#run(({ tree }) => tree.readRange(range, bytesMax));
  }

  readTokens(...[tokens, bytesMax]: Parameters<Store['readTokens']>): ReturnType<Store['readTokens']> {
    return this.#run(({ tree }) => tree.readTokens(tokens, bytesMax));
  }

  floorOf(partition: number): number {
    return this.#parts.floors.floorOf(partition);
  }

  raiseFloors(floors: readonly FloorRaise[]): Promise<FloorResult> {
    return this.#run(({ floorKeeper }) => floorKeeper.raise(floors));
  }

  setRefill(partition: number, refilling: boolean): void {
    this.#parts.floors.setRefill(partition, refilling);
  }

  dropStrays(partition: number, strays: readonly SummedVersion[]): Promise<number> {
    return this.#run(({ floorKeeper }) => floorKeeper.dropStrays(partition, strays));
  }

  async removeRecord(record: StoredRecord): Promise<void> {
    const isToForget = ({ dot }: VersionDigest): boolean => compareDots(dot, record.version.dot) <= 0;
    await this.#run(({ writer }) => writer.forget(record, isToForget));
  }

  oldestHint(): Promise<OldestHint | undefined> {
    return this.#run(({ reader, writer }) =>
      reader.oldestHint(writer.figures.hints().map(({ target }) => target)),
    );
  }

  /** LevelDB rewrites all its tables, and leaves out what was removed. */
  compactNow(): Promise<void> {
    return this.#run(async ({ writer, database }) => {
      await writer.sync();
      await database.compact();
      this.#size = await database.size();
    });
  }

  putHint(target: NodeId, record: StoredRecord): Promise<void> {
    return this.#run(({ writer }) => writer.putHint(target, record));
  }

  readHints(target: NodeId, limit: number): Promise<readonly StoredRecord[]> {
    return this.#run(async ({ reader, writer }) => {
      for (;;) {
        const { records, damaged } = await reader.hints(target, limit);
        for (const hint of damaged) await writer.quarantineHint(target, hint);
        // A page of nothing but damage says nothing about the hints behind it.
        if (records.length > 0 || damaged.length === 0) return records;
      }
    });
  }

  removeHint(target: NodeId, record: StoredRecord): Promise<void> {
    return this.#run(({ writer }) => writer.removeHint(target, record));
  }

  findHinted(key: Uint8Array, token: Token, only?: NodeId): Promise<StoredRecord | undefined> {
    return this.#run(async ({ reader, writer }) => {
      let newest: StoredRecord | undefined;
      for (const { target } of writer.figures.hints()) {
        if (only !== undefined && target !== only) continue;
        const record = await reader.record(target, key, token);
        if (record === undefined) continue;
        if (newest === undefined || compareVersions(record.version, newest.version) > 0) newest = record;
      }
      return newest;
    });
  }

  hints(): readonly HintSummary[] {
    return this.#parts.writer.figures.hints();
  }

  loseEvidence(cause: EvidenceCause): Promise<void> {
    return this.#run(({ evidence }) => evidence.lose(cause));
  }

  restoreEvidence(): Promise<void> {
    return this.#run(({ evidence }) => evidence.restore());
  }

  status(): StoreStatus {
    const { writer, damage, database } = this.#parts;
    const { figures, state } = writer;
    return {
      engine: 'classic-level',
      state: this.#closing === undefined ? state.kind : 'closed',
      reason: state.kind === 'open' ? '' : state.error.message,
      keys: figures.own.keys,
      // Sizes are those of the last checkpoint or start: asking for them means looking at every file.
      logBytes: this.#size.bytes,
      liveBytes: figures.own.bytes + figures.hintBytes(),
      segments: this.#size.files,
      logEntries: figures.entries,
      operations: writer.operations,
      queuedBytes: writer.queuedBytes,
      lastSyncWallMs: writer.lastSyncWallMs,
      lastSnapshotWallMs: this.#lastFlushWallMs,
      snapshotBytes: 0,
      // LevelDB tells how much its compactions wrote, not how many there were.
      compactions: 0,
      compactedBytes: compactedBytes(database.property('leveldb.stats')),
      quarantined: damage.ranges,
      evidenceLost: this.#parts.evidence.lost,
      collectedKeys: this.#parts.floorKeeper.collectedKeys,
      // How much of its tables LevelDB has not rewritten yet, it does not tell.
      collectedBytes: 0,
      ...this.#parts.floors.extremes,
    };
  }

  scrub(options: ScrubOptions): Promise<ScrubReport> {
    return this.#run(({ scrubber }) => scrubber.run(options));
  }

  /** LevelDB's counterpart: its log becomes a table file, so that there is nothing to replay. */
  checkpoint(): Promise<void> {
    return this.#run(() => this.#flush());
  }

  sync(): Promise<void> {
    return this.#run(({ writer }) => writer.sync());
  }

  backup(path: string): Promise<void> {
    return this.#run(({ database, options }) =>
      database.copyTo(join(options.dataDirectory, checkDiskPath(path), classicLevelFolder)),
    );
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const { writer, database } = this.#parts;
    this.#parts.scrubber.stop();
    await Promise.allSettled(this.#underWay);
    await writer.idle();
    try {
      if (writer.state.kind === 'open') await this.#flush();
    } finally {
      await database.close();
    }
  }

  async #flush(): Promise<void> {
    const { writer, database, options } = this.#parts;
    await writer.sync();
    await database.flush();
    this.#size = await database.size();
    this.#lastFlushWallMs = options.clock.wallNow();
  }

  /** Runs an operation unless the store is closed; closing waits for it. */
  async #run<Result>(body: (parts: Parts) => Promise<Result>): Promise<Result> {
    if (this.#closing !== undefined) {
      throw new StoreError('STORE_CLOSED', `the database ${this.#parts.database.location} is closed`);
    }
    const operation = body(this.#parts);
    this.#underWay.add(operation);
    try {
      return await operation;
    } finally {
      this.#underWay.delete(operation);
    }
  }
}

/** The sum of the column `Write(MB)` of LevelDB's table of levels. */
function compactedBytes(stats: string): number {
  const rows = stats.split('\n').map((line) => line.trim().split(/\s+/));
  const levels = rows.filter((columns) => columns.length === 6 && /^\d+$/.test(columns[0] ?? ''));
  return levels.reduce((sum, columns) => sum + Number(columns[5]) * 1024 * 1024, 0);
}
