/**
 * The segmented log engine: one log is the write-ahead log, the data and the snapshot, and an index in
 * memory says where in it the newest version of each key lies (Sheehy & Smith, "Bitcask", 2010;
 * Rosenblum & Ousterhout, "The design and implementation of a log-structured file system", 1992).
 *
 * This file puts the parts together: `appender.ts` decides and stages, `group-commit.ts` and `log-writer.ts` make durable, `log-index.ts`
 * finds, `log-reader.ts`, `token-scan.ts` and `tree-reader.ts` read, `recovery.ts` starts, `maintenance.ts` keeps it small.
 * Simplified: all segments stay open, and all of the index stays in memory.
 */

import type { NodeId } from '../core/config.ts';
import { errorMessageOf, StoreError, storeErrorOf } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import { rejecting, type MaybePromise } from '../core/maybe-promise.ts';
import type { StoredRecord, VersionDigest } from '../core/record.ts';
import type { Token, TokenRange } from '../core/token.ts';
import type { SummedVersion, VersionSum } from '../core/version-sum.ts';
import type { Observer } from '../ports/observer.ts';
import { Appender } from './appender.ts';
import type { Batch } from './batch.ts';
import { Checkpointer } from './checkpointer.ts';
import type { EntryReader } from './entry-reader.ts';
import { loadFloors } from './floor-file.ts';
import { FloorKeeper } from './floor-keeper.ts';
import { GroupCommit } from './group-commit.ts';
import type { LogIndex } from './log-index.ts';
import { LogReader } from './log-reader.ts';
import { LogTail } from './log-tail.ts';
import { recordBytesMaxOf, type LogStoreOptions } from './log-store-options.ts';
import { logStatus } from './log-status.ts';
import type { AppliedPosition } from './log-replay.ts';
import { LogWriter, type BatchPlace } from './log-writer.ts';
import { Maintenance } from './maintenance.ts';
import { PlaceReader } from './place-reader.ts';
import { Quarantine } from './quarantine.ts';
import { recoverLog, replayedBytes, type RecoveredLog } from './recovery.ts';
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
} from './store.ts';
import { Scrubber } from './scrub.ts';
import type { FloorRaise, StabilityFloors } from './stability-floors.ts';
import { replaceDamaged } from './damage-replacer.ts';
import { dropStrays } from './stray-dropper.ts';
import { scanPage, type ScanOptions } from './token-scan.ts';
import { TreeReader } from './tree-reader.ts';

/** Recovers the log in `disk` and opens it. Rejects only when the disk does not let it. */
export async function openLogStore(options: LogStoreOptions): Promise<LogStore> {
  const { disk, observer, checksum, partitions } = options;
  const quarantine = new Quarantine({ disk, observer });
  const recovered = await recoverLog({ disk, observer, checksum, partitions, quarantine });
  const floors = await loadFloors({ disk, checksum, partitions, quarantine });
  const store = new LogStore(options, recovered, quarantine, floors);
  await store.start();
  return store;
}

export class LogStore implements Store {
  readonly acknowledgesSynced: boolean;
  readonly #quarantine: Quarantine;
  readonly #index: LogIndex;
  readonly #entries: EntryReader;
  readonly #reader: LogReader;
  readonly #tree: TreeReader;
  readonly #scrubber: Scrubber;
  readonly #writer: LogWriter;
  readonly #commit: GroupCommit;
  readonly #appender: Appender;
  readonly #checkpointer: Checkpointer;
  readonly #maintenance: Maintenance;
  readonly #floors: StabilityFloors;
  readonly #floorKeeper: FloorKeeper;
  readonly #observer: Observer;
  /** Up to where the index holds the log. */
  #position: AppliedPosition;
  #closing: Promise<void> | undefined;

  /** Only `openLogStore` has what this takes. */
  constructor(
    options: LogStoreOptions,
    recovered: RecoveredLog,
    quarantine: Quarantine,
    floors: StabilityFloors,
  ) {
    const { clock, checksum, index, reader } = { ...options, ...recovered };
    const segmentBytesMax = options.segmentBytesMax ?? limits.segmentBytesDefault;
    this.acknowledgesSynced = options.durability.mode === 'always';
    this.#observer = options.observer;
    this.#quarantine = quarantine;
    this.#index = index;
    this.#entries = reader;
    this.#position = recovered.position;
    const tail = new LogTail(options.tailBytes ?? limits.logTailBytes);
    this.#reader = new LogReader({ index, reader, tail });
    const places = new PlaceReader({ entries: reader, reader: this.#reader, clock });
    this.#tree = new TreeReader({ index, places, clock });
    this.#scrubber = new Scrubber({ ...options, index, places, quarantine });
    this.#writer = new LogWriter({
      ...options,
      segmentBytesMax,
      segments: index.segments,
      tail,
      active: recovered.active,
      lastId: recovered.lastId,
      sequence: recovered.position.sequence,
      onSealed: (segment) => this.#maintenance.sealed(segment),
      onFailed: (reason) => options.onFailed?.(reason),
    });
    this.#commit = new GroupCommit({
      clock,
      checksum,
      syncsEach: this.acknowledgesSynced,
      write: (batch) => this.#writer.write(batch),
      onDurable: (batch, place) => this.#settle(batch, place),
      onRefused: (batch, error) => this.#appender.refuse(batch, error),
    });
    this.#floors = floors;
    this.#floorKeeper = new FloorKeeper({
      ...options,
      index,
      floors,
      settled: () => this.#commit.between(() => this.#writer.sync()),
    });
    this.#appender = new Appender({
      index,
      floors,
      checksum: options.checksum,
      commit: this.#commit,
      recordBytesMax: recordBytesMaxOf(options),
      hintBytesPerTargetMax: options.hintBytesPerTargetMax ?? limits.hintBytesPerTargetMax,
      hintBytesMax: options.hintBytesMax ?? limits.hintBytesMax,
      lookAgain: (space, record) => this.#reader.lookAgain(space, record),
    });
    const shared = {
      ...options,
      index,
      floors,
      quarantine,
      position: (): AppliedPosition => this.#position,
      syncLog: (): Promise<void> => this.#writer.sync(),
    };
    this.#checkpointer = new Checkpointer({
      ...shared,
      number: recovered.checkpointNumber,
      bytes: recovered.checkpoint?.bytes ?? 0,
    });
    this.#maintenance = new Maintenance({
      ...shared,
      checkpointer: this.#checkpointer,
      segmentBytesMax,
      bytesSinceCheckpoint: replayedBytes(recovered),
    });
  }

  /** Called once, before anything else. */
  async start(): Promise<void> {
    await this.#floorKeeper.start();
  }

  get(key: Uint8Array, token: Token): MaybePromise<StoredRecord | undefined> {
    return this.#closing ? Promise.reject(closedError()) : this.#reader.get(this.#index.own, key, token);
  }

  digest(key: Uint8Array, token: Token): MaybePromise<VersionDigest | undefined> {
    return this.#closing ? Promise.reject(closedError()) : this.#reader.digest(this.#index.own, key, token);
  }

  merge(record: StoredRecord): Promise<MergeResult> {
    return rejecting(() => this.#openAppender.merge(this.#index.own, record));
  }

  mergeAll(records: readonly StoredRecord[]): Promise<readonly (MergeResult | StoreError)[]> {
    try {
      return this.#openAppender.mergeAll(this.#index.own, records);
    } catch (error) {
      return Promise.resolve(records.map(() => storeErrorOf(error)));
    }
  }

  async scan(options: ScanOptions): Promise<ScanPage> {
    this.#checkOpen();
    return await Promise.resolve(scanPage(this.#index, this.#entries, options));
  }

  partitionSum(partition: number): VersionSum {
    const table = this.#index.own.tables[partition];
    if (table === undefined) throw new StoreError('BAD_REQUEST', `there is no partition ${partition}`);
    return table.sum;
  }

  async sumRanges(ranges: readonly TokenRange[], upToMs: number): Promise<readonly VersionSum[]> {
    this.#checkOpen();
    return await this.#tree.sumRanges(ranges, upToMs);
  }

  async listVersions(range: TokenRange, limit: number): Promise<VersionPage> {
    this.#checkOpen();
    return await Promise.resolve(this.#tree.listVersions(range, limit));
  }

  async listDamaged(range: TokenRange, limit: number): Promise<readonly DamagedVersion[]> {
    this.#checkOpen();
    return await Promise.resolve(this.#tree.listDamaged(range, limit));
  }

  async readRange(range: TokenRange, bytesMax: number): Promise<RecordPage> {
    this.#checkOpen();
    return await this.#tree.readRange(range, bytesMax);
  }

  async readTokens(
    tokens: readonly Token[],
    bytesMax: number,
  ): Promise<{ readonly records: readonly StoredRecord[]; readonly rest: readonly Token[] }> {
    this.#checkOpen();
    return await this.#tree.readTokens(tokens, bytesMax);
  }

  async putHint(target: NodeId, record: StoredRecord): Promise<void> {
    this.#checkWritable();
    await this.#appender.merge(this.#index.space(target), record);
  }

  async readHints(target: NodeId, limit: number): Promise<readonly StoredRecord[]> {
    this.#checkOpen();
    return await this.#reader.hints(target, limit);
  }

  async removeHint(target: NodeId, record: StoredRecord): Promise<void> {
    this.#checkWritable();
    await this.#appender.drop(this.#index.space(target), { ...record, dot: record.version.dot });
  }

  async removeRecord(record: StoredRecord): Promise<void> {
    this.#checkWritable();
    await this.#appender.drop(this.#index.own, { ...record, dot: record.version.dot });
  }

  async findHinted(key: Uint8Array, token: Token, target?: NodeId): Promise<StoredRecord | undefined> {
    this.#checkOpen();
    return await this.#reader.findHinted(key, token, target);
  }

  hints(): readonly HintSummary[] {
    return [...this.#index.hints].flatMap(([target, { keys, bytes }]) =>
      keys > 0 ? [{ target, count: keys, bytes }] : [],
    );
  }

  floorOf(partition: number): number {
    return this.#floors.floorOf(partition);
  }

  async raiseFloors(floors: readonly FloorRaise[]): Promise<FloorResult> {
    this.#checkWritable();
    return await this.#floorKeeper.raise(floors);
  }

  setRefill(partition: number, refilling: boolean): void {
    this.#floorKeeper.setRefill(partition, refilling);
  }

  async dropStrays(partition: number, strays: readonly SummedVersion[]): Promise<number> {
    this.#checkWritable();
    const [index, entries, appender, floors] = [this.#index, this.#entries, this.#appender, this.#floors];
    return await dropStrays({ index, entries, appender, floors }, partition, strays);
  }

  async replaceDamaged(damaged: DamagedVersion, records: readonly StoredRecord[]): Promise<boolean> {
    this.#checkWritable();
    const [index, reader, appender, floors] = [this.#index, this.#reader, this.#appender, this.#floors];
    if (!(await replaceDamaged({ index, reader, appender, floors }, damaged, records))) return false;
    // The log can't tell a replay to forget what it can't read: the checkpoint does.
    await this.#maintenance.checkpoint();
    return true;
  }

  async oldestHint(): Promise<OldestHint | undefined> {
    this.#checkOpen();
    return await Promise.resolve(this.#reader.oldestHint());
  }

  async compactNow(): Promise<void> {
    this.#checkWritable();
    await this.#floorKeeper.idle();
    await this.#commit.between(() => this.#writer.seal());
    await this.#maintenance.compactNow();
  }

  status(): StoreStatus {
    return logStatus({
      isClosed: this.#closing !== undefined,
      index: this.#index,
      writer: this.#writer,
      appender: this.#appender,
      checkpointer: this.#checkpointer,
      maintenance: this.#maintenance,
      quarantine: this.#quarantine,
      floors: this.#floors,
      floorKeeper: this.#floorKeeper,
    });
  }

  async scrub(options: ScrubOptions): Promise<ScrubReport> {
    this.#checkOpen();
    return await this.#scrubber.run(options);
  }

  async checkpoint(): Promise<void> {
    this.#checkOpen();
    await this.#maintenance.checkpoint();
  }

  async sync(): Promise<void> {
    this.#checkOpen();
    // What was put before is waited for, not all that comes meanwhile.
    await this.#commit.between(() => this.#writer.sync());
  }

  async backup(path: string): Promise<void> {
    this.#checkOpen();
    await this.#maintenance.backup(path);
  }

  async loseEvidence(cause: EvidenceCause): Promise<void> {
    this.#checkOpen();
    await this.#quarantine.markEvidenceLost(cause);
  }

  async restoreEvidence(): Promise<void> {
    this.#checkOpen();
    await this.#quarantine.restoreEvidence();
    // The last checkpoint may say that evidence is lost, and without one an empty log passes for a fresh one.
    await this.#maintenance.checkpoint();
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await this.#scrubber.stop();
    await this.#floorKeeper.stop();
    await this.#commit.drained();
    this.#writer.stop();
    await this.#maintenance.stop();
    try {
      if (this.#writer.state !== 'failed') {
        await this.#writer.sync();
        await this.#maintenance.finish();
      }
    } catch (error) {
      const reason = errorMessageOf(error);
      this.#observer.log('warn', 'log.close-incomplete', `the next start replays the log: ${reason}`);
    }
    for (const segment of this.#index.segments.inOrder()) segment.retire();
  }

  #settle(batch: Batch, place: BatchPlace): void {
    this.#appender.settle(batch, place);
    this.#position = {
      segmentId: place.segment.firstId,
      offset: place.offset + batch.bytes,
      sequence: this.#writer.sequence,
    };
    this.#maintenance.appended(batch.bytes);
  }

  get #openAppender(): Appender {
    this.#checkWritable();
    return this.#appender;
  }

  #checkOpen(): void {
    if (this.#closing !== undefined) throw closedError();
  }

  #checkWritable(): void {
    this.#checkOpen();
    if (this.#writer.state === 'failed') throw this.#writer.failedError();
  }
}

function closedError(): StoreError {
  return new StoreError('STORE_CLOSED', 'the store is closed');
}
