/**
 * The index of the whole store: what is held under each key of each space, and where it lies.
 *
 * Applying an entry is merging it: the greater version wins wherever in the log it lies, so entries
 * may be applied twice, and a replay may start before what a checkpoint already holds. Only two
 * things depend on log order: of two equal versions the later place is kept (the earlier one may be
 * the damaged copy that it heals), and a drop removes only what was placed before it.
 *
 * Every method is synchronous, and a slot number never outlives the call it was found in.
 */

import { compareDots, type Dot } from '../core/dot.ts';
import type { NodeId } from '../core/config.ts';
import type { VersionDigest } from '../core/record.ts';
import type { Token } from '../core/token.ts';
import { ActorTable } from './actor-table.ts';
import { corruptError, type EntryPlace, type EntryReader } from './entry-reader.ts';
import { KeyMemory } from './key-memory.ts';
import { KeySpace } from './key-space.ts';
import type { SlotEntry } from './index-slot.ts';
import type { PartitionIndex } from './partition-index.ts';
import { isLater, type SegmentTable } from './segment.ts';

/** A record on its way into the index; where it lies is told apart. */
export interface IndexedRecord {
  readonly space: KeySpace;
  readonly key: Uint8Array;
  readonly token: Token;
  readonly version: VersionDigest;
}

/** A drop on its way into the index. */
export interface IndexedDrop {
  readonly space: KeySpace;
  readonly key: Uint8Array;
  readonly token: Token;
  readonly dot: Dot;
}

type Writable<Fields> = { -readonly [Name in keyof Fields]: Fields[Name] };

export class LogIndex {
  readonly actors = new ActorTable();
  readonly segments: SegmentTable;
  readonly own: KeySpace;
  readonly hints = new Map<NodeId, KeySpace>();
  readonly #reader: EntryReader;
  readonly #keys = new KeyMemory();
  #recoveries = 0;
  /** Filled in anew for each insert: the table copies it. */
  readonly #slotEntry: Writable<SlotEntry> = {
    tokenHigh: 0,
    tokenLow: 0,
    wallMs: 0,
    counter: 0,
    checksum: 0,
    actorOrdinal: 0,
    segmentOrdinal: 0,
    offset: 0,
    length: 0,
    tombstone: false,
    expires: false,
    damaged: false,
  };

  constructor(options: {
    readonly segments: SegmentTable;
    readonly reader: EntryReader;
    readonly partitions: number;
  }) {
    this.segments = options.segments;
    this.#reader = options.reader;
    this.own = new KeySpace({ name: '', partitions: options.partitions });
  }

  /** How often an entry that had not been believed was read after all. */
  get recoveries(): number {
    return this.#recoveries;
  }

  /** The space of that name, made when it is new. */
  space(name: string): KeySpace {
    if (name === '') return this.own;
    // The name comes from a log entry or from the caller's `NodeId`: either way it is one.
    const target = name as NodeId;
    let space = this.hints.get(target);
    if (space === undefined) {
      space = new KeySpace({ name, partitions: 1 });
      this.hints.set(target, space);
    }
    return space;
  }

  /** Own space first, then those of hints. */
  *spaces(): Generator<KeySpace> {
    yield this.own;
    yield* this.hints.values();
  }

  /**
   * The slot that holds a key, or -1. An entry of the same token that cannot be read any more
   * counts as this key's when no other is: two keys of one token are far rarer than two writes of
   * one key.
   */
  find(space: KeySpace, key: Uint8Array, token: Token): number {
    const table = space.table(token);
    let unreadable = -1;
    for (let slot = table.find(token); slot >= 0; slot = table.findNext(slot)) {
      // What is damaged is looked at again.
      if (!table.isDamagedAt(slot) && this.#keys.isKeyAt(table, slot, key)) return slot;
      const comparison = this.#reader.compareKey(
        this.segments.at(table.segmentAt(slot)),
        table.offsetAt(slot),
        table.lengthAt(slot),
        space.nameBytes.length,
        key,
      );
      if (comparison === 'same') {
        this.#keys.remember(token, this.dotOf(table, slot), table.actorAt(slot), table.checksumAt(slot), key);
        return slot;
      }
      if (comparison === 'damaged') {
        table.markDamaged(slot);
        unreadable = slot;
      }
    }
    return unreadable;
  }

  placeOf(table: PartitionIndex, slot: number): EntryPlace {
    return {
      segment: this.segments.at(table.segmentAt(slot)),
      offset: table.offsetAt(slot),
      length: table.lengthAt(slot),
      slot,
    };
  }

  dotOf(table: PartitionIndex, slot: number): Dot {
    return {
      wallMs: table.wallMsAt(slot),
      counter: table.counterAt(slot),
      actor: this.actors.at(table.actorAt(slot)),
    };
  }

  /** All of a slot's version. Throws `RECORD_CORRUPT` when its expiry cannot be read. */
  digestOf(space: KeySpace, table: PartitionIndex, slot: number): VersionDigest {
    const digest = {
      dot: this.dotOf(table, slot),
      tombstone: table.isTombstoneAt(slot),
      expiresAtMs: 0,
      checksum: table.checksumAt(slot),
    };
    if (!table.expiresAt(slot)) return digest;
    const place = this.placeOf(table, slot);
    const expiresAtMs = this.#reader.expirySync(place, space.nameBytes.length);
    if (expiresAtMs === undefined) {
      table.markDamaged(slot);
      throw corruptError(place);
    }
    return { ...digest, expiresAtMs };
  }

  /**
   * The order of merge between a version and that of a slot, as `compareVersions` has it. Versions that
   * agree down to the checksum have the same expiry, which it covers: nothing is read from disk.
   */
  compare(version: VersionDigest, table: PartitionIndex, slot: number): number {
    const byTime = version.dot.wallMs - table.wallMsAt(slot) || version.dot.counter - table.counterAt(slot);
    if (byTime !== 0) return byTime;
    const actor = this.actors.at(table.actorAt(slot));
    if (version.dot.actor !== actor) return version.dot.actor < actor ? -1 : 1;
    return (
      Number(version.tombstone) - Number(table.isTombstoneAt(slot)) ||
      version.checksum - table.checksumAt(slot)
    );
  }

  /**
   * Notes the key (and the actor) of a record on its way into a space, or in it. Best right after looking for it, when what is
   * touched here is at hand. One that never gets there does no harm: see `KeyMemory`.
   */
  rememberKey({ key, token, version }: Omit<IndexedRecord, 'space'>): void {
    const { dot, checksum } = version;
    this.#keys.remember(token, dot, this.actors.intern(dot.actor), checksum, key);
  }

  /**
   * Merges a record entry into its space. `replaces` is where the version it replaces was when it was
   * appended, if that is known: it spares comparing keys on disk.
   */
  applyRecord(record: IndexedRecord, place: EntryPlace, replaces?: EntryPlace): void {
    const { space, token } = record;
    const table = space.table(token);
    const slot = this.#slotOf(record, table, replaces);
    if (slot >= 0) {
      const order = this.compare(record.version, table, slot);
      if (order < 0) return;
      const held = this.segments.at(table.segmentAt(slot));
      if (order === 0 && !isLater(place, { segment: held, offset: table.offsetAt(slot) })) return;
      const heldLength = table.lengthAt(slot);
      held.liveBytes -= heldLength;
      space.account(0, -heldLength);
      table.replace(slot, this.#fill(record, place));
    } else {
      table.insert(this.#fill(record, place));
      space.account(1, 0);
    }
    place.segment.liveBytes += place.length;
    space.account(0, place.length);
  }

  /** Removes what a drop covers, if it was placed before it. */
  applyDrop(drop: IndexedDrop, place: EntryPlace, replaces?: EntryPlace): void {
    const { space, token } = drop;
    const table = space.table(token);
    const slot = this.#slotOf(drop, table, replaces);
    if (slot < 0 || compareDots(this.dotOf(table, slot), drop.dot) > 0) return;
    if (isLater(place, this.placeOf(table, slot))) this.removeSlot(space, table, slot);
  }

  /** Forgets what a slot holds; its bytes are dead from now on. */
  removeSlot(space: KeySpace, table: PartitionIndex, slot: number): void {
    const length = table.lengthAt(slot);
    this.segments.at(table.segmentAt(slot)).liveBytes -= length;
    space.account(-1, -length);
    table.removeAt(slot);
  }

  /** Notes that the entry at a place could not be believed, if the index still points there. */
  markDamaged(space: KeySpace, token: Token, place: EntryPlace): void {
    const table = space.table(token);
    const slot = this.slotAt(table, token, place);
    if (slot >= 0) table.markDamaged(slot);
  }

  /** Forgets the entry at a place, if it still is one that can't be believed. */
  forgetDamaged(space: KeySpace, token: Token, place: EntryPlace): void {
    const table = space.table(token);
    const slot = this.slotAt(table, token, place);
    if (slot >= 0 && table.isDamagedAt(slot)) this.removeSlot(space, table, slot);
  }

  /** Takes back what `markDamaged` noted: the entry could be read after all. */
  markIntact(space: KeySpace, token: Token, place: EntryPlace): void {
    const table = space.table(token);
    const slot = this.slotAt(table, token, place);
    if (slot < 0 || !table.isDamagedAt(slot)) return;
    this.#recoveries++;
    table.replace(slot, { ...table.read(slot), damaged: false });
  }

  /** The slot of a token that points to a place, or -1. */
  slotAt(table: PartitionIndex, token: Token, place: EntryPlace): number {
    const { slot: known } = place;
    if (known !== undefined && table.isTokenAt(known, token) && this.#pointsTo(table, known, place)) {
      return known;
    }
    for (let slot = table.find(token); slot >= 0; slot = table.findNext(slot)) {
      if (this.#pointsTo(table, slot, place)) return slot;
    }
    return -1;
  }

  #pointsTo(table: PartitionIndex, slot: number, place: EntryPlace): boolean {
    return table.offsetAt(slot) === place.offset && this.segments.at(table.segmentAt(slot)) === place.segment;
  }

  #slotOf(entry: IndexedRecord | IndexedDrop, table: PartitionIndex, replaces?: EntryPlace): number {
    if (replaces !== undefined) {
      const slot = this.slotAt(table, entry.token, replaces);
      if (slot >= 0) return slot;
    }
    return this.find(entry.space, entry.key, entry.token);
  }

  #fill(record: IndexedRecord, place: EntryPlace): SlotEntry {
    const { token, version } = record;
    const entry = this.#slotEntry;
    entry.tokenHigh = token.high;
    entry.tokenLow = token.low;
    entry.wallMs = version.dot.wallMs;
    entry.counter = version.dot.counter;
    entry.checksum = version.checksum;
    entry.actorOrdinal = this.actors.intern(version.dot.actor);
    entry.segmentOrdinal = place.segment.ordinal;
    entry.offset = place.offset;
    entry.length = place.length;
    entry.tombstone = version.tombstone;
    entry.expires = version.expiresAtMs !== 0;
    return entry;
  }
}
