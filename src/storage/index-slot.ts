/**
 * One slot of an index table, in memory and in a checkpoint alike: eight 32-bit words, all zeros when
 * it is empty.
 *
 *   0 token high   1 token low   2 wall ms >>> 16   3 (wall ms & 0xffff) << 16 | counter
 *   4 checksum     5 segment ordinal << 16 | actor ordinal          6 offset
 *   7 bit 31 occupied, 30 tombstone, 29 expires, 28 damaged, 27..0 length
 *
 * Positions (`at`) count words, not slots. How slots are ordered and found is `partition-index.ts`.
 */

import { assert } from '../core/errors.ts';
import type { Token } from '../core/token.ts';
import type { RunningSum } from '../core/version-sum.ts';

/** What one slot says about one key. */
export interface SlotEntry {
  readonly tokenHigh: number;
  readonly tokenLow: number;
  /** The dot's time; its actor is `actorOrdinal`. */
  readonly wallMs: number;
  readonly counter: number;
  /** The version's CRC-32. */
  readonly checksum: number;
  /** Ordinals below 2^16, handed out by the engine. */
  readonly actorOrdinal: number;
  readonly segmentOrdinal: number;
  /** Where the entry starts in its segment, and its length, below 2^28. */
  readonly offset: number;
  readonly length: number;
  readonly tombstone: boolean;
  /** The version has an expiry; when, its record says. */
  readonly expires: boolean;
  /** What lies there was found to be corrupt: never "nothing", and any merge may replace it. */
  readonly damaged: boolean;
}

/** Words of one slot in a table and in a checkpoint. */
export const slotWords = 8;
/** The longest entry that a slot can describe. */
export const entryBytesMax = 2 ** 28 - 1;

const occupiedFlag = 0x8000_0000;
export const tombstoneFlag = 0x4000_0000;
export const expiresFlag = 0x2000_0000;
export const damagedFlag = 0x1000_0000;

/** Fills the words of the slot at `at`. */
export function writeSlot(words: Uint32Array, at: number, entry: SlotEntry): void {
  assert(entry.length <= entryBytesMax && entry.offset <= 0xffff_ffff, 'a location fits its words');
  assert(entry.actorOrdinal <= 0xffff && entry.segmentOrdinal <= 0xffff, 'an ordinal fits 16 bits');
  words[at] = entry.tokenHigh;
  words[at + 1] = entry.tokenLow;
  words[at + 2] = Math.floor(entry.wallMs / 0x1_0000);
  words[at + 3] = ((entry.wallMs & 0xffff) << 16) | entry.counter;
  words[at + 4] = entry.checksum;
  words[at + 5] = (entry.segmentOrdinal << 16) | entry.actorOrdinal;
  words[at + 6] = entry.offset;
  words[at + 7] =
    occupiedFlag |
    (entry.tombstone ? tombstoneFlag : 0) |
    (entry.expires ? expiresFlag : 0) |
    (entry.damaged ? damagedFlag : 0) |
    entry.length;
}

/** All of the slot at `at`, as a new object. */
export function readSlot(words: Uint32Array, at: number): SlotEntry {
  const word = (index: number): number => words[at + index] ?? 0;
  return {
    tokenHigh: word(0),
    tokenLow: word(1),
    wallMs: word(2) * 0x1_0000 + (word(3) >>> 16),
    counter: word(3) & 0xffff,
    checksum: word(4),
    actorOrdinal: word(5) & 0xffff,
    segmentOrdinal: word(5) >>> 16,
    offset: word(6),
    length: word(7) & entryBytesMax,
    tombstone: (word(7) & tombstoneFlag) !== 0,
    expires: (word(7) & expiresFlag) !== 0,
    damaged: (word(7) & damagedFlag) !== 0,
  };
}

/** The position of a token's home, from the 32 bits below the partition's. */
export function homeOf(high: number, low: number, partitionBits: number, capacity: number): number {
  // Two shifts, because a shift by 32 would be one by 0.
  const fraction = ((high << partitionBits) | ((low >>> (31 - partitionBits)) >>> 1)) >>> 0;
  return Math.floor(fraction * (capacity / 0x1_0000_0000)) * slotWords;
}

/**
 * Copies the occupied slots of `source`, each to its home or the first free place behind it. Returns
 * where the last one ends and how far from home the unluckiest lies; what would lie past the end of
 * `target` is left out.
 */
export function placeSlots(
  source: Uint32Array,
  target: Uint32Array,
  partitionBits: number,
  capacity: number,
): { readonly end: number; readonly displacement: number } {
  let end = 0;
  let displacement = 0;
  for (let at = 0; at < source.length; at += slotWords) {
    if (source[at + 7] === 0) continue;
    const home = homeOf(source[at] ?? 0, source[at + 1] ?? 0, partitionBits, capacity);
    if (home > end) end = home;
    else if (end - home > displacement) displacement = end - home;
    for (let word = 0; word < slotWords; word++) target[end + word] = source[at + word] ?? 0;
    end += slotWords;
  }
  return { end, displacement };
}

/** Whether packed slots are all occupied and in token order. */
export function areSortedSlots(packed: Uint32Array): boolean {
  let high = 0;
  let low = 0;
  for (let at = 0; at < packed.length; at += slotWords) {
    const nextHigh = packed[at] ?? 0;
    const nextLow = packed[at + 1] ?? 0;
    if ((packed[at + 7] ?? 0) < occupiedFlag || nextHigh < high || (nextHigh === high && nextLow < low)) {
      return false;
    }
    high = nextHigh;
    low = nextLow;
  }
  return true;
}

/** What a sum takes in, and how many slots it may look at before it gives way. */
export interface SlotRange {
  readonly last: Token;
  readonly upToMs: number;
  readonly budget: { slots: number };
}

/**
 * Adds to a sum what the slots from `at` on hold, up to a token and an instant, except for what is damaged. Ends early,
 * though not between equal tokens, when the budget is used up, and returns where to go on; else -1.
 */
export function addSlotRange(words: Uint32Array, at: number, sum: RunningSum, range: SlotRange): number {
  const { budget, upToMs, last } = range;
  let beforeHigh = -1;
  let beforeLow = -1;
  for (; at < words.length; at += slotWords) {
    const flags = words[at + 7] ?? 0;
    if (flags === 0) continue;
    const high = words[at] ?? 0;
    const low = words[at + 1] ?? 0;
    if (high > last.high || (high === last.high && low > last.low)) return -1;
    if (budget.slots <= 0 && (high !== beforeHigh || low !== beforeLow)) return at;
    budget.slots--;
    beforeHigh = high;
    beforeLow = low;
    const wallMs = (words[at + 2] ?? 0) * 0x1_0000 + ((words[at + 3] ?? 0) >>> 16);
    if ((flags & damagedFlag) === 0 && wallMs <= upToMs) sum.addWords(words, at);
  }
  return -1;
}
