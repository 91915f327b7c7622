/**
 * The keys of recent entries, so that most look-ups need not read one back from the log to compare it.
 *
 * Equal tokens are not equal keys. But a dot names one write, and that write has one key: whoever remembers the key of
 * a token *and* a version knows the key of the index slot that has both. What is remembered can't go stale, so nothing
 * is ever taken out; an entry takes the place of whatever had its slot, in a set of a few. Bounded and off the heap like
 * `replica/arrival-memory.ts`. Long keys are not kept: reading one back costs less than what their size costs anyway.
 */

import { limits } from '../core/limits.ts';
import type { SlotEntry } from './index-slot.ts';
import type { PartitionIndex } from './partition-index.ts';

/** Token, time, actor, length, checksum. */
const metaWords = 6;
const keyBytesMax = 44;
/** Slots of a set, of which a token may have any: with one, a fifth of the keys of a memory half full would have been displaced. */
const ways = 4;
/** Slots at first: enough for a node in a simulation, of which thousands start. */
const slotsMin = 256;

export class KeyMemory {
  readonly #slotsMax: number;
  #mask: number;
  #meta: Uint32Array;
  #keys: Uint8Array;
  #taken = 0;
  #turn = 0;

  /** `slotsMax` is a power of two. */
  constructor(slotsMax: number = limits.keysRemembered) {
    const slots = Math.min(slotsMin, slotsMax);
    this.#slotsMax = slotsMax;
    this.#mask = slots - 1;
    this.#meta = new Uint32Array(slots * metaWords);
    this.#keys = new Uint8Array(slots * keyBytesMax);
  }

  /** Notes the key of what a slot of the index says, if it is short. */
  remember(entry: SlotEntry, key: Uint8Array): void {
    const length = key.length;
    if (length > keyBytesMax) return;
    if (2 * this.#taken > this.#mask && this.#mask + 1 < this.#slotsMax) this.#grow();
    const slot = this.#slotFor(entry.tokenHigh, entry.tokenLow);
    const meta = this.#meta;
    const at = slot * metaWords;
    if (meta[at + 4] === 0) this.#taken++;
    meta[at] = entry.tokenHigh;
    meta[at + 1] = entry.tokenLow;
    meta[at + 2] = entry.wallMs;
    meta[at + 3] = actorWord(entry.counter, entry.actorOrdinal);
    meta[at + 4] = lengthWord(entry.wallMs, length);
    meta[at + 5] = entry.checksum;
    const keys = this.#keys;
    const start = slot * keyBytesMax;
    for (let index = 0; index < length; index++) keys[start + index] = key[index] ?? 0;
  }

  /** Whether this is known to be the key of a slot of an index table; false says nothing. */
  isKeyAt(table: PartitionIndex, indexSlot: number, key: Uint8Array): boolean {
    const length = key.length;
    if (length > keyBytesMax) return false;
    const high = table.tokenHighAt(indexSlot);
    const low = table.tokenLowAt(indexSlot);
    const slot = this.#slotOf(high, low);
    if (slot < 0) return false;
    const meta = this.#meta;
    const at = slot * metaWords;
    const wallMs = table.wallMsAt(indexSlot);
    if (
      meta[at + 4] !== lengthWord(wallMs, length) ||
      meta[at + 2] !== wallMs >>> 0 ||
      meta[at + 3] !== actorWord(table.counterAt(indexSlot), table.actorAt(indexSlot)) ||
      meta[at + 5] !== table.checksumAt(indexSlot)
    ) {
      return false;
    }
    const keys = this.#keys;
    const start = slot * keyBytesMax;
    for (let index = 0; index < length; index++) if (keys[start + index] !== key[index]) return false;
    return true;
  }

  /** The slot of its set that has a token, or -1. */
  #slotOf(high: number, low: number): number {
    const meta = this.#meta;
    const first = low & this.#mask & -ways;
    for (let slot = first; slot < first + ways; slot++) {
      const at = slot * metaWords;
      if (meta[at + 1] === low && meta[at] === high && meta[at + 4] !== 0) return slot;
    }
    return -1;
  }

  /** The slot that has a token, or else a free one of its set, or else the one whose turn it is to be forgotten. */
  #slotFor(high: number, low: number): number {
    const known = this.#slotOf(high, low);
    if (known >= 0) return known;
    const first = low & this.#mask & -ways;
    for (let slot = first; slot < first + ways; slot++) {
      if (this.#meta[slot * metaWords + 4] === 0) return slot;
    }
    this.#turn = (this.#turn + 1) & (ways - 1);
    return first + this.#turn;
  }

  /** Twice the slots; nothing is forgotten, as every set becomes two. */
  #grow(): void {
    const meta = this.#meta;
    const keys = this.#keys;
    const slots = 2 * (this.#mask + 1);
    this.#mask = slots - 1;
    this.#meta = new Uint32Array(slots * metaWords);
    this.#keys = new Uint8Array(slots * keyBytesMax);
    for (let at = 0; at < meta.length; at += metaWords) {
      if (meta[at + 4] === 0) continue;
      const slot = this.#slotFor(meta[at] ?? 0, meta[at + 1] ?? 0);
      const start = (at / metaWords) * keyBytesMax;
      this.#meta.set(meta.subarray(at, at + metaWords), slot * metaWords);
      this.#keys.set(keys.subarray(start, start + keyBytesMax), slot * keyBytesMax);
    }
  }
}

/** The upper 16 bits of the wall time, and the length of the key: never 0, as no key is empty. */
function lengthWord(wallMs: number, length: number): number {
  return ((Math.floor(wallMs / 0x1_0000_0000) << 16) | length) >>> 0;
}

function actorWord(counter: number, actorOrdinal: number): number {
  return ((counter << 16) | actorOrdinal) >>> 0;
}
