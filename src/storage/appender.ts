/**
 * Decides every change of the store and appends it to the log.
 *
 * A decision is made against the newest of what is staged and what the index holds, and there is no
 * await between the decision and the append: two merges of one key can never both believe that they
 * won. The index changes when the batch is durable, in batch order, so what a read or a
 * digest shows can no longer be lost.
 */

import { compareDots, type Dot } from '../core/dot.ts';
import { StoreError } from '../core/errors.ts';
import { supersedes } from '../core/merge.ts';
import type { StoredRecord, VersionDigest } from '../core/record.ts';
import type { Batch } from './batch.ts';
import type { EntryPlace } from './entry-reader.ts';
import type { GroupCommit } from './group-commit.ts';
import type { KeySpace } from './key-space.ts';
import type { LogIndex } from './log-index.ts';
import type { BatchPlace } from './log-writer.ts';
import { dropKind, encodeDrop, entryHeaderBytes, recordKind } from './segment-format.ts';
import { StagedEntry, StagingMap } from './staging.ts';
import type { MergeResult } from './store.ts';

export interface AppenderOptions {
  readonly index: LogIndex;
  readonly commit: GroupCommit;
  readonly recordBytesMax: number;
  readonly hintBytesPerTargetMax: number;
  readonly hintBytesMax: number;
}

/** What a change is decided against. */
type Held =
  | { readonly kind: 'nothing'; readonly replaces: StagedEntry | undefined }
  | { readonly kind: 'staged'; readonly entry: StagedEntry }
  | { readonly kind: 'indexed'; readonly slot: number };

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

  /** Merges a record into a space; see `Store.merge`. */
  async merge(space: KeySpace, record: StoredRecord): Promise<MergeResult> {
    const { index, recordBytesMax } = this.#options;
    const { key, token, version } = record;
    if (record.bytes.length > recordBytesMax) {
      throw new StoreError(
        'VALUE_TOO_LARGE',
        `a record of ${record.bytes.length} bytes; this store takes at most ${recordBytesMax}`,
      );
    }
    const held = this.#held(space, key, token);
    let replaces: EntryPlace | StagedEntry | undefined;
    if (held.kind === 'staged') {
      if (!supersedes(version, held.entry.parts.version)) return await this.#unchanged(held.entry);
      replaces = held.entry;
    } else if (held.kind === 'indexed') {
      const table = space.table(token);
      const order = index.compare(version, table, held.slot);
      // A damaged copy is healed by the very version it was.
      if (order < 0 || (order === 0 && !table.isDamagedAt(held.slot))) {
        const digest: VersionDigest = order === 0 ? version : index.digestOf(space, table, held.slot);
        this.#operations++;
        return { changed: false, held: digest };
      }
      replaces = index.placeOf(table, held.slot);
    } else {
      replaces = held.replaces;
    }
    if (!space.isOwn) this.#checkHintRoom(space, record, held);
    index.actors.intern(version.dot.actor);
    return await this.#append('record', space, record, record.bytes, replaces);
  }

  /** Drops what a space holds under a key up to the record's version; true when something was dropped. */
  async drop(space: KeySpace, record: StoredRecord): Promise<boolean> {
    const { index } = this.#options;
    const { key, token, version } = record;
    const held = this.#held(space, key, token);
    this.#operations++;
    let dot: Dot | undefined;
    let replaces: EntryPlace | StagedEntry | undefined;
    if (held.kind === 'staged') {
      dot = held.entry.parts.version.dot;
      replaces = held.entry;
    } else if (held.kind === 'indexed') {
      const table = space.table(token);
      dot = index.dotOf(table, held.slot);
      replaces = index.placeOf(table, held.slot);
    } else if (held.replaces !== undefined) {
      // It is being dropped already: this caller may go on once that is durable.
      await held.replaces.parts.batch.whenSettled();
    }
    if (dot === undefined || compareDots(dot, version.dot) > 0) return false;
    this.#operations--;
    await this.#append('drop', space, record, encodeDrop({ key, dot: version.dot }), replaces);
    return true;
  }

  /** Makes the entries of a durable batch visible, in log order, and answers those who wait. */
  settle(batch: Batch, batchPlace: BatchPlace): void {
    const { index } = this.#options;
    const { segment } = batchPlace;
    for (const entry of batch.entries) {
      const { parts } = entry;
      const { space, length } = parts;
      const place = { segment, offset: batchPlace.offset + parts.batchOffset, length };
      entry.place = place;
      segment.note(parts.kind === 'drop' ? dropKind : recordKind, space, length);
      if (parts.kind === 'record') {
        space.stagedBytes -= length;
        index.applyRecord(parts, place, entry.replacedPlace);
      } else {
        index.applyDrop({ ...parts, dot: parts.version.dot }, place, entry.replacedPlace);
      }
      this.#staging.settle(entry);
    }
    for (const entry of batch.entries) entry.parts.resolve({ changed: true, held: entry.parts.version });
  }

  /** Forgets the entries of a batch that did not become durable. */
  refuse(batch: Batch, error: StoreError): void {
    for (const entry of batch.entries) {
      const { parts } = entry;
      if (entry.place === undefined && parts.kind === 'record') parts.space.stagedBytes -= parts.length;
      this.#staging.settle(entry);
    }
    for (const entry of batch.entries) entry.parts.reject(error);
  }

  #held(space: KeySpace, key: Uint8Array, token: StoredRecord['token']): Held {
    const staged = this.#staging.find(space, key, token);
    if (staged !== undefined) {
      return staged.parts.kind === 'drop'
        ? { kind: 'nothing', replaces: staged }
        : { kind: 'staged', entry: staged };
    }
    const slot = this.#options.index.find(space, key, token);
    return slot < 0 ? { kind: 'nothing', replaces: undefined } : { kind: 'indexed', slot };
  }

  async #unchanged(entry: StagedEntry): Promise<MergeResult> {
    this.#operations++;
    await entry.parts.batch.whenSettled();
    return { changed: false, held: entry.parts.version };
  }

  #append(
    kind: 'record' | 'drop',
    space: KeySpace,
    record: StoredRecord,
    payload: Uint8Array,
    replaces: EntryPlace | StagedEntry | undefined,
  ): Promise<MergeResult> {
    return new Promise((resolve, reject) => {
      const logKind = kind === 'drop' ? dropKind : recordKind;
      const { batch, batchOffset } = this.#options.commit.append(logKind, space.nameBytes, payload);
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
        resolve,
        reject,
      });
      batch.entries.push(entry);
      this.#staging.put(entry);
      if (kind === 'record') space.stagedBytes += length;
      this.#operations++;
    });
  }

  /** Counts what is stored and what is on its way, less what the new hint takes the place of. */
  #checkHintRoom(space: KeySpace, record: StoredRecord, held: Held): void {
    const { index, hintBytesPerTargetMax, hintBytesMax } = this.#options;
    let freed = 0;
    if (held.kind === 'indexed') freed = space.table(record.token).lengthAt(held.slot);
    else if (held.kind === 'staged') freed = held.entry.parts.length;
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
