/**
 * Decides every change of the store and appends it to the log.
 *
 * A decision is made against the newest of what is staged and what the index holds, and there is no
 * await between the decision and the append: two merges of one key can never both believe that they
 * won. The index changes when the batch is durable, in batch order, so what a read or a
 * digest shows can no longer be lost.
 */

import type { Checksum } from '../core/crc32.ts';
import { compareDots, type Dot } from '../core/dot.ts';
import { StoreError, storeErrorOf } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import { supersedes } from '../core/merge.ts';
import { recordChecksum, type StoredRecord, type VersionDigest } from '../core/record.ts';
import type { Batch } from './batch.ts';
import type { EntryPlace } from './entry-reader.ts';
import type { GroupCommit } from './group-commit.ts';
import type { KeySpace } from './key-space.ts';
import type { LogIndex } from './log-index.ts';
import { LoneMerge, MergeGroup } from './merge-group.ts';
import type { BatchPlace } from './log-writer.ts';
import { dropKind, encodeDrop, entryHeaderBytes, recordKind } from './segment-format.ts';
import type { Token } from '../core/token.ts';
import { StagedEntry, StagingMap, type MergeWaiter } from './staging.ts';
import type { StabilityFloors } from './stability-floors.ts';
import type { MergeResult } from './store.ts';

export interface AppenderOptions {
  readonly index: LogIndex;
  readonly commit: GroupCommit;
  readonly floors: StabilityFloors;
  readonly checksum: Checksum;
  readonly recordBytesMax: number;
  readonly hintBytesPerTargetMax: number;
  readonly hintBytesMax: number;
  /** Tries to read again what a record lost against although it could not be read. */
  readonly lookAgain: (space: KeySpace, record: StoredRecord) => void;
}

export class Appender {
  readonly #options: AppenderOptions;
  readonly #staging = new StagingMap();
  #operations = 0;

  constructor(options: AppenderOptions) {
    this.#options = options;
  }

  /** Changes accepted so far, those that changed nothing included. */
  get operations(): number {
    return this.#operations;
  }

  /** Bytes of entries that are not on the disk yet. */
  get queuedBytes(): number {
    return this.#options.commit.queuedBytes;
  }

  /** Merges a record into a space; see `Store.merge`. */
  merge(space: KeySpace, record: StoredRecord): Promise<MergeResult> {
    this.#options.commit.beginArrival();
    return new Promise((resolve, reject) => this.#merge(space, record, new LoneMerge(resolve, reject), 0));
  }

  /** The same for each of many records; see `Store.mergeAll`. */
  mergeAll(
    space: KeySpace,
    records: readonly StoredRecord[],
  ): Promise<readonly (MergeResult | StoreError)[]> {
    this.#options.commit.beginArrival();
    const group = new MergeGroup(records.length);
    let index = 0;
    for (const record of records) {
      try {
        this.#merge(space, record, group, index);
      } catch (error) {
        group.decide(index, storeErrorOf(error));
      }
      index++;
    }
    return group.outcomes;
  }

  /** Decides, and tells the waiter at once or when it is durable. Throws what is refused at once. */
  #merge(space: KeySpace, record: StoredRecord, waiter: MergeWaiter, waiterIndex: number): void {
    const { index, recordBytesMax } = this.#options;
    const { key, token, version } = record;
    if (record.bytes.length > recordBytesMax) {
      throw new StoreError(
        'VALUE_TOO_LARGE',
        `a record of ${record.bytes.length} bytes; this store takes at most ${recordBytesMax}`,
      );
    }
    let replaces: EntryPlace | StagedEntry | undefined;
    let heals = false;
    const staged = this.#staging.find(space, key, token);
    if (staged !== undefined) {
      if (staged.kind === 'record' && !supersedes(version, staged.version)) {
        this.#unchanged(staged, waiter, waiterIndex);
        return;
      }
      replaces = staged;
    } else {
      const slot = index.find(space, key, token);
      if (slot >= 0) {
        const table = space.table(token);
        const order = index.compare(version, table, slot);
        // A damaged copy is healed by the very version it was.
        if (order < 0 || (order === 0 && !table.isDamagedAt(slot))) {
          const held: VersionDigest = order === 0 ? version : index.digestOf(space, table, slot);
          this.#operations++;
          // Owners would bring the older version again and again, and never get the newer one.
          if (!table.isDamagedAt(slot)) {
            waiter.decide(waiterIndex, { changed: false, held });
            return;
          }
          this.#options.lookAgain(space, record);
          waiter.decide(waiterIndex, { changed: false, held, isDamaged: true });
          return;
        }
        heals = order === 0;
        replaces = index.placeOf(table, slot);
      }
    }
    // Nothing waits between this and the append: a sweep finds what was decided before, or is before this decision.
    const { floors } = this.#options;
    const isHeld = replaces !== undefined && !(replaces instanceof StagedEntry && replaces.kind === 'drop');
    if (space.isOwn && !heals && floors.admit(record, isHeld) === 'forgotten') {
      this.#operations++;
      waiter.decide(waiterIndex, { changed: false, held: version });
      return;
    }
    if (!space.isOwn) {
      floors.checkHint(record);
      this.#checkHintRoom(space, record, replaces);
    }
    index.rememberKey(record);
    const payloadChecksum = this.#checksumOf(record);
    const written = { payload: record.bytes, replaces, waiter, waiterIndex, payloadChecksum };
    this.#append('record', space, record, written);
  }

  /**
   * Puts a record in the place of a damaged version, though that was newer; see `Store.replaceDamaged`. False, and
   * nothing is done, when another one is on its way there.
   */
  async supplant(record: StoredRecord, damaged: EntryPlace): Promise<boolean> {
    const { index } = this.#options;
    const { key, token, bytes } = record;
    if (this.#staging.find(index.own, key, token) !== undefined) return false;
    index.rememberKey(record);
    await new Promise<MergeResult>((resolve, reject) => {
      const waiter = new LoneMerge(resolve, reject);
      const written = { payload: bytes, replaces: damaged, supplants: true, waiter, waiterIndex: 0 };
      this.#append('record', index.own, record, written);
    });
    return true;
  }

  /** Drops what a space holds under a key up to the record's version, unless that is a later one. */
  async drop(
    space: KeySpace,
    record: { readonly key: Uint8Array; readonly token: Token; readonly dot: Dot },
  ): Promise<void> {
    const { index } = this.#options;
    const { key, token } = record;
    const staged = this.#staging.find(space, key, token);
    if (staged?.kind === 'drop') {
      // It is being dropped already: this caller may go on once that is durable.
      this.#operations++;
      return await staged.batch.whenSettled();
    }
    let dot: Dot | undefined;
    let replaces: EntryPlace | StagedEntry | undefined;
    if (staged !== undefined) {
      dot = staged.dot;
      replaces = staged;
    } else {
      const slot = index.find(space, key, token);
      if (slot >= 0) {
        const table = space.table(token);
        dot = index.dotOf(table, slot);
        replaces = index.placeOf(table, slot);
      }
    }
    if (dot === undefined || compareDots(dot, record.dot) > 0) {
      this.#operations++;
      return;
    }
    const version = { dot: record.dot, tombstone: false, expiresAtMs: 0, checksum: 0 };
    const payload = encodeDrop({ key, dot: record.dot });
    await new Promise<MergeResult>((resolve, reject) => {
      const written = { payload, replaces, waiter: new LoneMerge(resolve, reject), waiterIndex: 0 };
      this.#append('drop', space, { key, token, version }, written);
    });
  }

  /** Makes the entries of a durable batch visible, in log order, and answers those who wait. */
  settle(batch: Batch, batchPlace: BatchPlace): void {
    const { index } = this.#options;
    const { segment } = batchPlace;
    for (const entry of batch.entries) {
      const { space, length } = entry;
      const place = { segment, offset: batchPlace.offset + entry.batchOffset, length };
      entry.place = place;
      if (entry.kind === 'record') {
        segment.note(recordKind, space, length);
        space.stagedBytes -= length;
        const { replacedPlace } = entry;
        if (entry.supplants && replacedPlace !== undefined) {
          index.forgetDamaged(space, entry.token, replacedPlace);
        }
        index.applyRecord(entry, place, replacedPlace);
      } else {
        segment.note(dropKind, space, length);
        index.applyDrop(entry, place, entry.replacedPlace);
      }
      entry.replaces = undefined;
      this.#staging.settle(entry);
    }
    for (const { waiter, waiterIndex, version } of batch.entries) {
      waiter.decide(waiterIndex, { changed: true, held: version });
    }
  }

  /** Forgets the entries of a batch that did not become durable. */
  refuse(batch: Batch, error: StoreError): void {
    for (const entry of batch.entries) {
      if (entry.place === undefined && entry.kind === 'record') entry.space.stagedBytes -= entry.length;
      this.#staging.settle(entry);
    }
    for (const { waiter, waiterIndex } of batch.entries) waiter.decide(waiterIndex, error);
  }

  /** What it lost against is on its way: nothing is known before that is durable. */
  #unchanged(entry: StagedEntry, waiter: MergeWaiter, waiterIndex: number): void {
    this.#operations++;
    entry.batch.whenSettled().then(
      () => waiter.decide(waiterIndex, { changed: false, held: entry.version }),
      (error: unknown) => waiter.decide(waiterIndex, storeErrorOf(error)),
    );
  }

  #append(
    kind: 'record' | 'drop',
    space: KeySpace,
    record: { readonly key: Uint8Array; readonly token: Token; readonly version: VersionDigest },
    written: {
      readonly payload: Uint8Array;
      readonly replaces: EntryPlace | StagedEntry | undefined;
      readonly supplants?: boolean;
      readonly waiter: MergeWaiter;
      readonly waiterIndex: number;
      readonly payloadChecksum?: number | undefined;
    },
  ): void {
    const { payload, replaces, supplants = false, waiter, waiterIndex, payloadChecksum } = written;
    const logKind = kind === 'drop' ? dropKind : recordKind;
    const follows = replaces instanceof StagedEntry ? 'staged' : 'nothing';
    const { commit } = this.#options;
    const { batch, batchOffset } = commit.append(logKind, space.nameBytes, payload, follows, payloadChecksum);
    const length = entryHeaderBytes + space.nameBytes.length + payload.length;
    const entry = new StagedEntry({
      kind,
      space,
      key: record.key,
      token: record.token,
      version: record.version,
      batch,
      batchOffset,
      length,
      replaces,
      supplants,
      waiter,
      waiterIndex,
    });
    batch.entries.push(entry);
    this.#staging.put(entry);
    if (kind === 'record') space.stagedBytes += length;
    this.#operations++;
  }

  /** Of a long record, whose version has been verified; a short one is quicker read once more. */
  #checksumOf(record: StoredRecord): number | undefined {
    if (record.bytes.length <= limits.batchCopyBytesMax) return undefined;
    return recordChecksum(record, this.#options.checksum);
  }

  /** Counts what is stored and what is on its way, less what the new hint takes the place of. */
  #checkHintRoom(
    space: KeySpace,
    record: StoredRecord,
    replaces: EntryPlace | StagedEntry | undefined,
  ): void {
    const { index, hintBytesPerTargetMax, hintBytesMax } = this.#options;
    const isDrop = replaces instanceof StagedEntry && replaces.kind === 'drop';
    const freed = replaces === undefined || isDrop ? 0 : replaces.length;
    const added = entryHeaderBytes + space.nameBytes.length + record.bytes.length - freed;
    const ofTarget = space.bytes + space.stagedBytes + added;
    let ofAll = added;
    for (const hints of index.hints.values()) ofAll += hints.bytes + hints.stagedBytes;
    if (ofTarget > hintBytesPerTargetMax || ofAll > hintBytesMax) {
      const limit = ofTarget > hintBytesPerTargetMax ? hintBytesPerTargetMax : hintBytesMax;
      throw new StoreError(
        'HINTS_FULL',
        `hints for ${space.name} would take ${ofTarget} bytes, those for all ${ofAll}; at most ${limit} are kept. ` +
          'Bring the absent owner back; anti-entropy brings it what it misses.',
        { retryable: true },
      );
    }
  }
}
