/**
 * Reads of the log engine: what the index points to, verified, and nothing that is not durable yet.
 *
 * A read that has to wait for the disk first notes every place it may need, because slots move
 * meanwhile, and pins the segments, because compaction may replace them meanwhile.
 */

import { equalBytes } from '../core/bytes.ts';
import type { NodeId } from '../core/config.ts';
import { mergeRecords } from '../core/merge.ts';
import { errorCodeOf } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import { rejection, type MaybePromise } from '../core/maybe-promise.ts';
import type { StoredRecord, VersionDigest } from '../core/record.ts';
import type { Token } from '../core/token.ts';
import type { EntryPlace, EntryReader } from './entry-reader.ts';
import type { KeySpace } from './key-space.ts';
import type { LogIndex } from './log-index.ts';
import type { LogTail } from './log-tail.ts';
import type { PartitionIndex } from './partition-index.ts';
import type { OldestHint } from './store.ts';

export class LogReader {
  readonly #index: LogIndex;
  readonly #reader: EntryReader;
  readonly #tail: LogTail;
  /** Until something was unreadable no slot needs a look at whether it is so no longer. */
  #hasDamage = false;

  constructor(options: { readonly index: LogIndex; readonly reader: EntryReader; readonly tail: LogTail }) {
    this.#index = options.index;
    this.#reader = options.reader;
    this.#tail = options.tail;
  }

  /** The record under a key. Rejects rather than to answer "nothing" when one of its token is unreadable. */
  get(space: KeySpace, key: Uint8Array, token: Token): MaybePromise<StoredRecord | undefined> {
    try {
      return this.#get(space, key, token);
    } catch (error) {
      return rejection(error);
    }
  }

  #get(space: KeySpace, key: Uint8Array, token: Token): MaybePromise<StoredRecord | undefined> {
    const table = space.table(token);
    const first = table.find(token);
    if (first < 0) return undefined;
    // Nearly all reads: one short entry, which is read before anything else can happen.
    if (table.lengthAt(first) <= limits.synchronousReadBytesMax && table.findNext(first) < 0) {
      const record = this.#recordNow(space, token, first);
      return equalBytes(record.key, key) ? record : undefined;
    }
    return this.#getOneOf(space, key, token, first);
  }

  async #getOneOf(
    space: KeySpace,
    key: Uint8Array,
    token: Token,
    first: number,
  ): Promise<StoredRecord | undefined> {
    const table = space.table(token);
    const places: EntryPlace[] = [];
    for (let slot = first; slot >= 0; slot = table.findNext(slot)) {
      places.push(this.#placeOf(table, slot));
    }
    let failure: unknown;
    for (const place of places) place.segment.pin();
    try {
      for (const place of places) {
        try {
          const record = await this.recordAt(space, token, place);
          if (equalBytes(record.key, key)) return record;
        } catch (error) {
          failure = error;
        }
      }
    } finally {
      for (const place of places) place.segment.release();
    }
    if (failure !== undefined) throw failure;
    return undefined;
  }

  /** Reads a key again that could not be read; when it can be, it is intact from then on. */
  lookAgain(space: KeySpace, { key, token }: StoredRecord): void {
    this.#getAgain(space, key, token).catch(() => undefined);
  }

  /** Whether what lies at a place is read and is wrong; false also when the disk does not hand it out. */
  async isCorrupt(space: KeySpace, token: Token, place: EntryPlace): Promise<boolean> {
    this.#hasDamage = true;
    place.segment.pin();
    try {
      await this.recordAt(space, token, place);
      return false;
    } catch (error) {
      return errorCodeOf(error) === 'RECORD_CORRUPT';
    } finally {
      place.segment.release();
    }
  }

  /**
   * What merging needs to know of a key. Rejects with `RECORD_CORRUPT` when that cannot be told. What could not be read
   * is tried again: a disk that failed once must not silence the key until somebody reads it in full.
   */
  digest(space: KeySpace, key: Uint8Array, token: Token): MaybePromise<VersionDigest | undefined> {
    try {
      const slot = this.#index.find(space, key, token);
      if (slot < 0) return undefined;
      const table = space.table(token);
      if (table.isDamagedAt(slot)) return this.#getAgain(space, key, token).then((record) => record?.version);
      return this.#index.digestOf(space, table, slot);
    } catch (error) {
      return rejection(error);
    }
  }

  async #getAgain(space: KeySpace, key: Uint8Array, token: Token): Promise<StoredRecord | undefined> {
    return await this.get(space, key, token);
  }

  /**
   * Some hints for a target, from the lowest token on. A corrupt one can never be delivered: it is
   * forgotten, and left to anti-entropy, rather than to stand before all the others for ever.
   */
  async hints(target: NodeId, limit: number): Promise<readonly StoredRecord[]> {
    const space = this.#index.hints.get(target);
    const table = space?.tables[0];
    if (space === undefined || table === undefined) return [];
    const records: StoredRecord[] = [];
    let bytes = 0;
    let failure: unknown;
    const places: { readonly token: Token; readonly place: EntryPlace }[] = [];
    for (let slot = table.firstSlot(); slot >= 0 && places.length < limit; slot = table.slotAfter(slot)) {
      const place = this.#index.placeOf(table, slot);
      if (places.length > 0 && bytes + place.length > limits.hintReadBytesMax) break;
      bytes += place.length;
      places.push({ token: { high: table.tokenHighAt(slot), low: table.tokenLowAt(slot) }, place });
    }
    for (const { place } of places) place.segment.pin();
    try {
      for (const { token, place } of places) {
        try {
          records.push(await this.recordAt(space, token, place));
        } catch (error) {
          failure = error;
          if (errorCodeOf(error) === 'RECORD_CORRUPT') this.#forget(space, token, place);
        }
      }
    } finally {
      for (const { place } of places) place.segment.release();
    }
    if (records.length === 0 && failure !== undefined) throw failure;
    return records;
  }

  /** The newest version of a key among the hints for all targets, or for one. */
  async findHinted(key: Uint8Array, token: Token, target?: NodeId): Promise<StoredRecord | undefined> {
    let newest: StoredRecord | undefined;
    for (const [holder, space] of [...this.#index.hints]) {
      if (target !== undefined && holder !== target) continue;
      const record = await this.get(space, key, token);
      if (record !== undefined) newest = newest === undefined ? record : mergeRecords(newest, record);
    }
    return newest;
  }

  /** The hint with the earliest stamp. */
  oldestHint(): OldestHint | undefined {
    let oldest: OldestHint | undefined;
    for (const [target, { tables }] of this.#index.hints) {
      for (const table of tables) {
        for (let slot = table.firstSlot(); slot >= 0; slot = table.slotAfter(slot)) {
          const wallMs = table.wallMsAt(slot);
          if (oldest === undefined || wallMs < oldest.wallMs) oldest = { target, wallMs };
        }
      }
    }
    return oldest;
  }

  #forget(space: KeySpace, token: Token, place: EntryPlace): void {
    const table = space.table(token);
    const slot = this.#index.slotAt(table, token, place);
    if (slot >= 0) this.#index.removeSlot(space, table, slot);
  }

  #placeOf(table: PartitionIndex, slot: number): EntryPlace {
    // Others mark slots too: merges, scrubs, and the life before this one.
    if (table.isDamagedAt(slot)) this.#hasDamage = true;
    return this.#index.placeOf(table, slot);
  }

  #recordNow(space: KeySpace, token: Token, slot: number): StoredRecord {
    const place = this.#placeOf(space.table(token), slot);
    try {
      // What was unreadable once is judged by the disk alone.
      const tail = this.#hasDamage ? undefined : this.#tail;
      const record = this.#reader.recordSync(place, space.nameBytes.length, tail);
      if (this.#hasDamage) this.#index.markIntact(space, token, place);
      return record;
    } catch (error) {
      this.#hasDamage = true;
      this.#index.markDamaged(space, token, place);
      throw error;
    }
  }

  /** The verified record at a place of a space; throws what `get` throws. The caller has pinned the segment. */
  async recordAt(space: KeySpace, token: Token, place: EntryPlace): Promise<StoredRecord> {
    try {
      const record = await this.#reader.record(place, space.nameBytes.length);
      if (this.#hasDamage) this.#index.markIntact(space, token, place);
      return record;
    } catch (error) {
      this.#hasDamage = true;
      this.#index.markDamaged(space, token, place);
      throw error;
    }
  }
}
