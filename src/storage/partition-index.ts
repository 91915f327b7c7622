/**
 * The index of one partition (or of one target's hints): token → where the newest version of a key
 * lies in the log, and what deciding a merge, answering a digest read or feeding the hash tree needs.
 *
 * Ordered linear probing (Amble & Knuth, "Ordered hash tables", 1974) in one typed array, outside the
 * JavaScript heap. The home of a token is its place in the partition scaled to the capacity, so homes
 * rise with tokens. Invariants: occupied slots hold ascending tokens; no entry lies before its home;
 * no empty slot lies between an entry and its home. A lookup is thus a short probe, and a scan in
 * token order a walk over the array. Nothing wraps around: a little slack follows the last home.
 *
 * The table also keeps the sum of its versions, for comparing owners (`core/version-sum.ts`), without damaged ones.
 *
 * Equal tokens are not equal keys: several slots may share a token, and the caller compares keys.
 * Whoever can choose keys with equal tokens makes their lookups linear, but breaks nothing.
 */

import { assert, StoreError } from '../core/errors.ts';
import type { Token } from '../core/token.ts';
import { equalSums, RunningSum, type VersionSum } from '../core/version-sum.ts';
import {
  addSlotRange,
  areSortedSlots,
  damagedFlag,
  entryBytesMax,
  expiresFlag,
  homeOf,
  placeSlots,
  readSlot,
  slotWords,
  tombstoneFlag,
  writeSlot,
  type SlotEntry,
  type SlotRange,
} from './index-slot.ts';

export type { SlotEntry } from './index-slot.ts';

/** Past this load a table grows: beyond it clusters, and with them inserts, get long quickly. */
const loadMax = 0.85;
/** Growth in small steps costs a few copies more and keeps the worst case at 32 / 0.85 × 1.25 = 47 bytes a key. */
const growthFactor = 1.25;
/** The load after a bulk load: room to grow without copying at once. */
const loadAfterLoading = 0.75;
/**
 * An entry this many slots from its home means that the tokens are unevenly spread (an ordered
 * transfer has filled one end, or handoff drained it): hashed ones stay within 64 at any load up to the
 * maximum. The table then spreads over more homes, up to eight a key.
 */
const displacementMax = 64;
const homesPerKeyMax = 8;
/** Hashed tokens lie within a few slots of home: those are tried one by one before halving. */
const nearbySlots = 16;
const capacityMin = 4;

const noWords = new Uint32Array(0);

/**
 * Slot numbers stay valid until the next `insert`, `removeAt` or `loadSorted`; `replace`, `relocate`
 * and `markDamaged` move nothing.
 */
export class PartitionIndex {
  readonly #partitionBits: number;
  #words: Uint32Array = noWords;
  /** Number of homes; the array is longer by the slack. */
  #capacity = 0;
  #count = 0;
  /** No slot below this one is occupied: spares a drained table the walk over its empty front. */
  #emptyBelow = 0;
  readonly #sum = new RunningSum();
  #newestMs = 0;
  #damaged = 0;

  /** The `partitionBits` upper bits of all tokens in the table are equal: 0 to 16. */
  constructor(options: { readonly partitionBits: number }) {
    assert(options.partitionBits >= 0 && options.partitionBits <= 16, 'partition bits are 0 to 16');
    this.#partitionBits = options.partitionBits;
  }

  get count(): number {
    return this.#count;
  }

  /** Entries that could not be believed. */
  get damaged(): number {
    return this.#damaged;
  }

  /** The sum of all versions that are not damaged. */
  get sum(): VersionSum {
    return this.#sum.value();
  }

  /** No version in the table was stamped later than this. */
  get newestMs(): number {
    return this.#newestMs;
  }

  get memoryBytes(): number {
    return this.#words.byteLength;
  }

  /** The first slot with this token, or -1. */
  find(token: Token): number {
    const slot = this.#lowerBound(token.high, token.low) / slotWords;
    return this.isTokenAt(slot, token) ? slot : -1;
  }

  /** The next slot with the same token, or -1. */
  findNext(slot: number): number {
    const at = slot * slotWords;
    return this.#holdsToken(at + slotWords, this.#word(at), this.#word(at + 1)) ? slot + 1 : -1;
  }

  /** Whether a slot, which may be any number, holds this token. */
  isTokenAt(slot: number, token: Token): boolean {
    return this.#holdsToken(slot * slotWords, token.high, token.low);
  }

  /** Adds an entry, after those of the same token, and returns its slot. */
  insert(entry: SlotEntry): number {
    let at = this.#lowerBound(entry.tokenHigh, entry.tokenLow);
    const isCrowded =
      at - this.#home(entry.tokenHigh, entry.tokenLow) > displacementMax * slotWords && this.#maySpread();
    if (isCrowded || this.#count + 1 > this.#capacity * loadMax) {
      this.#rebuild(Math.max(capacityMin, Math.ceil(this.#capacity * growthFactor)), this.#words);
      at = this.#lowerBound(entry.tokenHigh, entry.tokenLow);
    }
    while (this.#holdsToken(at, entry.tokenHigh, entry.tokenLow)) at += slotWords;
    let free = at;
    while (this.#word(free + 7) !== 0) free += slotWords;
    if (free === this.#words.length) this.#extendSlack();
    if (free > at) this.#words.copyWithin(at + slotWords, at, free);
    writeSlot(this.#words, at, entry);
    this.#addToSum(at);
    this.#count++;
    const slot = at / slotWords;
    if (slot < this.#emptyBelow) this.#emptyBelow = slot;
    return slot;
  }

  /** Overwrites a slot with an entry of the same token. */
  replace(slot: number, entry: SlotEntry): void {
    const at = this.#occupied(slot);
    assert(this.#holdsToken(at, entry.tokenHigh, entry.tokenLow), 'an entry replaces one of its token');
    this.#takeFromSum(at);
    writeSlot(this.#words, at, entry);
    this.#addToSum(at);
  }

  /** Compaction moved the entry: only the location changes. */
  relocate(slot: number, location: { readonly segmentOrdinal: number; readonly offset: number }): void {
    const at = this.#occupied(slot);
    this.#words[at + 5] = (location.segmentOrdinal << 16) | (this.#word(at + 5) & 0xffff);
    this.#words[at + 6] = location.offset;
  }

  /** Notes that the bytes of this entry could not be believed. */
  markDamaged(slot: number): void {
    const at = this.#occupied(slot);
    this.#takeFromSum(at);
    this.#words[at + 7] = this.#word(at + 7) | damagedFlag;
    this.#damaged++;
  }

  /** Removes an entry. The array is given back once the last one is gone, not before. */
  removeAt(slot: number): void {
    const at = this.#occupied(slot);
    this.#takeFromSum(at);
    // Those behind it that are not at home move up by one; the first that is at home ends the run.
    let end = at + slotWords;
    while (this.#word(end + 7) !== 0 && this.#home(this.#word(end), this.#word(end + 1)) < end) {
      end += slotWords;
    }
    this.#words.copyWithin(at, at + slotWords, end);
    this.#words.fill(0, end - slotWords, end);
    this.#count--;
    if (this.#count === 0) this.#rebuild(0, noWords);
  }

  /** The slot with the least token, or -1 in an empty table. */
  firstSlot(): number {
    const slot = this.slotAfter(this.#emptyBelow - 1);
    if (slot >= 0) this.#emptyBelow = slot;
    return slot;
  }

  /** The next occupied slot in token order, or -1 at the end. */
  slotAfter(slot: number): number {
    return this.#occupiedFrom((slot + 1) * slotWords);
  }

  /** The first slot with this token or a greater one, or -1: where a scan goes on. */
  seek(token: Token): number {
    return this.#occupiedFrom(this.#lowerBound(token.high, token.low));
  }

  /**
   * Replaces the whole content by `count` slots packed as `dump` packs them; `words` is only read.
   * Throws `LOG_CORRUPT` and leaves the table as it was when they are not occupied slots in token order.
   */
  loadSorted(words: Uint32Array, count: number): void {
    const packed = words.subarray(0, count * slotWords);
    if (packed.length !== count * slotWords || !areSortedSlots(packed)) {
      throw new StoreError('LOG_CORRUPT', `${count} packed index slots are cut short or out of token order`);
    }
    this.#count = count;
    this.#rebuild(Math.ceil(count / loadAfterLoading), packed);
    this.recountSum();
  }

  /** Computes the sum anew from all slots; returns whether it was as it should be. */
  recountSum(): boolean {
    const before = this.#sum.value();
    this.#sum.clear();
    this.#newestMs = this.#damaged = 0;
    for (let at = 0; at < this.#words.length; at += slotWords) {
      if (this.#word(at + 7) !== 0) this.#addToSum(at);
    }
    return equalSums(before, this.#sum);
  }

  /** See `addSlotRange`: from a slot on, and the slot at which to go on, or -1. */
  addRangeTo(sum: RunningSum, slot: number, range: SlotRange): number {
    const at = addSlotRange(this.#words, slot * slotWords, sum, range);
    return at < 0 ? -1 : at / slotWords;
  }

  /** A copy of all occupied slots in token order, without gaps. */
  dump(): Uint32Array {
    const packed = new Uint32Array(this.#count * slotWords);
    let next = 0;
    for (let at = 0; at < this.#words.length; at += slotWords) {
      if (this.#word(at + 7) === 0) continue;
      for (let word = 0; word < slotWords; word++) packed[next + word] = this.#word(at + word);
      next += slotWords;
    }
    return packed;
  }

  /** All of a slot, as a new object; the accessors below allocate nothing. */
  read(slot: number): SlotEntry {
    return readSlot(this.#words, this.#occupied(slot));
  }

  tokenHighAt(slot: number): number {
    return this.#word(slot * slotWords);
  }

  tokenLowAt(slot: number): number {
    return this.#word(slot * slotWords + 1);
  }

  wallMsAt(slot: number): number {
    return this.#word(slot * slotWords + 2) * 0x1_0000 + (this.#word(slot * slotWords + 3) >>> 16);
  }

  counterAt(slot: number): number {
    return this.#word(slot * slotWords + 3) & 0xffff;
  }

  checksumAt(slot: number): number {
    return this.#word(slot * slotWords + 4);
  }

  actorAt(slot: number): number {
    return this.#word(slot * slotWords + 5) & 0xffff;
  }

  segmentAt(slot: number): number {
    return this.#word(slot * slotWords + 5) >>> 16;
  }

  offsetAt(slot: number): number {
    return this.#word(slot * slotWords + 6);
  }

  lengthAt(slot: number): number {
    return this.#word(slot * slotWords + 7) & entryBytesMax;
  }

  isTombstoneAt(slot: number): boolean {
    return (this.#word(slot * slotWords + 7) & tombstoneFlag) !== 0;
  }

  /** Whether the version expires at some time, not whether it has. */
  expiresAt(slot: number): boolean {
    return (this.#word(slot * slotWords + 7) & expiresFlag) !== 0;
  }

  isDamagedAt(slot: number): boolean {
    return (this.#word(slot * slotWords + 7) & damagedFlag) !== 0;
  }

  #addToSum(at: number): void {
    const wallMs = this.wallMsAt(at / slotWords);
    if (wallMs > this.#newestMs) this.#newestMs = wallMs;
    if ((this.#word(at + 7) & damagedFlag) === 0) this.#sum.addWords(this.#words, at);
    else this.#damaged++;
  }

  #takeFromSum(at: number): void {
    if ((this.#word(at + 7) & damagedFlag) === 0) this.#sum.subtractWords(this.#words, at);
    else this.#damaged--;
  }

  /** A word of the array, zero past its end: the end then reads as an empty slot. */
  #word(at: number): number {
    return this.#words[at] ?? 0;
  }

  #occupied(slot: number): number {
    const at = slot * slotWords;
    if (this.#word(at + 7) === 0) assert(false, `slot ${slot} is empty`);
    return at;
  }

  #occupiedFrom(start: number): number {
    for (let at = start; at < this.#words.length; at += slotWords) {
      if (this.#word(at + 7) !== 0) return at / slotWords;
    }
    return -1;
  }

  #holdsToken(at: number, high: number, low: number): boolean {
    return this.#word(at + 7) !== 0 && this.#word(at) === high && this.#word(at + 1) === low;
  }

  #home(high: number, low: number): number {
    return homeOf(high, low, this.#partitionBits, this.#capacity);
  }

  /**
   * From the home of a token on, the first slot that is empty or holds it or a greater one. By the
   * invariants `#precedes` is true up to that slot and false from it on, so far ones are found by halving.
   */
  #lowerBound(high: number, low: number): number {
    const words = this.#words;
    let from = this.#home(high, low);
    const near = Math.min(from + nearbySlots * slotWords, words.length);
    for (; from < near; from += slotWords) {
      if (words[from + 7] === 0) return from;
      const heldHigh = words[from] ?? 0;
      if (heldHigh > high || (heldHigh === high && (words[from + 1] ?? 0) >= low)) return from;
    }
    let reach = nearbySlots * slotWords;
    while (this.#precedes(from + reach, high, low)) {
      from += reach;
      reach *= 2;
    }
    let until = from + reach;
    while (from < until) {
      const middle = from + (((until - from) / slotWords) >>> 1) * slotWords;
      if (this.#precedes(middle, high, low)) from = middle + slotWords;
      else until = middle;
    }
    return from;
  }

  /** Whether a slot holds a token less than this one. */
  #precedes(at: number, high: number, low: number): boolean {
    const heldHigh = this.#word(at);
    return this.#word(at + 7) !== 0 && (heldHigh < high || (heldHigh === high && this.#word(at + 1) < low));
  }

  #maySpread(): boolean {
    return this.#capacity * 2 <= this.#count * homesPerKeyMax;
  }

  /** Places all occupied slots of `source` anew in an array with `capacity` homes, or more if they are uneven. */
  #rebuild(capacity: number, source: Uint32Array): void {
    this.#capacity = capacity;
    let placed = this.#place(source);
    while (placed.displacement > displacementMax * slotWords && this.#maySpread()) {
      this.#capacity *= 2;
      placed = this.#place(source);
    }
    this.#words = placed.words;
    this.#emptyBelow = 0;
  }

  #place(source: Uint32Array): { readonly words: Uint32Array; readonly displacement: number } {
    const slackSlots = this.#capacity === 0 ? 0 : Math.min(32, 2 + (this.#capacity >>> 3));
    let words: Uint32Array = new Uint32Array((this.#capacity + slackSlots) * slotWords);
    let placed = placeSlots(source, words, this.#partitionBits, this.#capacity);
    if (placed.end > words.length) {
      // A cluster at the upper end needs more slack than usual.
      words = new Uint32Array(placed.end);
      placed = placeSlots(source, words, this.#partitionBits, this.#capacity);
    }
    return { words, displacement: placed.displacement };
  }

  /** Appends empty slots when a cluster has run into the end; homes stay as they are. */
  #extendSlack(): void {
    const slots = this.#words.length / slotWords;
    const words = new Uint32Array((slots + 8 + ((slots - this.#capacity) >>> 1)) * slotWords);
    words.set(this.#words);
    this.#words = words;
  }
}
