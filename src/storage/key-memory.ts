/**
 * The keys of recent entries, so that most look-ups need not read one back from the log to compare it.
 *
 * Equal tokens are not equal keys. But a dot names one write, and that write has one key: whoever remembers the key of
 * a token *and* a version knows the key of the index slot that has both. What is remembered can't go stale, so nothing
 * is ever taken out; an entry takes the place of whatever had its slot, in a set of a few. Bounded and off the heap like
 * `replica/arrival-memory.ts`. Long keys are not kept: reading one back costs less than what their size costs anyway.
 */

import type { Dot } from '../core/dot.ts';
import { limits } from '../core/limits.ts';
import type { Token } from '../core/token.ts';
import type { PartitionIndex } from './partition-index.ts';

/**
 * A slot: token, time, actor, length, checksum, and the key behind them. It has the size of a cache line, as what a look-up here
 * costs is waiting for memory.
 */
const slotWords = 16;
const keyStart = 24;
const keyBytesMax = 4 * slotWords - keyStart;
/** Slots of a set, of which a token may have any: with one, a fifth of the keys of a memory half full would have been displaced. */
const ways = 4;
/** Slots at first: enough for a node in a simulation, of which thousands start. */
const slotsMin = 256;

export class KeyMemory {
  readonly #slotsMax: number;
  #mask: number;
  /** The slots, and the same memory as bytes. */
  #words: Uint32Array;
  #bytes: Uint8Array;
  #taken = 0;
  #turn = 0;

  /** `slotsMax` is a power of two. */
  constructor(slotsMax: number = limits.keysRemembered) {
    const slots = Math.min(slotsMin, slotsMax);
    this.#slotsMax = slotsMax;
    this.#mask = slots - 1;
    this.#words = new Uint32Array(slots * slotWords);
    this.#bytes = new Uint8Array(this.#words.buffer);
  }

  /** Notes the key of a version, if it is short. */
  remember(
    { high, low }: Token,
    { wallMs, counter }: Pick<Dot, 'wallMs' | 'counter'>,
    actorOrdinal: number,
    checksum: number,
    key: Uint8Array,
  ): void {
    const length = key.length;
    if (length > keyBytesMax) return;
    if (2 * this.#taken > this.#mask && this.#mask + 1 < this.#slotsMax) this.#grow();
    const slot = this.#slotFor(high, low);
    const words = this.#words;
    const at = slot * slotWords;
    if (words[at + 4] === 0) this.#taken++;
    words[at] = high;
    words[at + 1] = low;
    words[at + 2] = wallMs;
    words[at + 3] = actorWord(counter, actorOrdinal);
    words[at + 4] = lengthWord(wallMs, length);
    words[at + 5] = checksum;
    const bytes = this.#bytes;
    const start = 4 * at + keyStart;
    for (let index = 0; index < length; index++) bytes[start + index] = key[index] ?? 0;
  }

  /** Whether this is known to be the key of a slot of an index table; false says nothing. */
  isKeyAt(table: PartitionIndex, indexSlot: number, key: Uint8Array): boolean {
    const length = key.length;
    if (length > keyBytesMax) return false;
    const slot = this.#slotOf(table.tokenHighAt(indexSlot), table.tokenLowAt(indexSlot));
    if (slot < 0) return false;
    const words = this.#words;
    const at = slot * slotWords;
    const wallMs = table.wallMsAt(indexSlot);
    if (
      words[at + 4] !== lengthWord(wallMs, length) ||
      words[at + 2] !== wallMs >>> 0 ||
      words[at + 3] !== actorWord(table.counterAt(indexSlot), table.actorAt(indexSlot)) ||
      words[at + 5] !== table.checksumAt(indexSlot)
    ) {
      return false;
    }
    const bytes = this.#bytes;
    const start = 4 * at + keyStart;
    for (let index = 0; index < length; index++) if (bytes[start + index] !== key[index]) return false;
    return true;
  }

  /** The slot of its set that has a token, or -1. */
  #slotOf(high: number, low: number): number {
    const words = this.#words;
    const first = low & this.#mask & -ways;
    for (let way = 0; way < ways; way++) {
      const slot = first + ((high + way) & (ways - 1));
      const at = slot * slotWords;
      if (words[at + 1] === low && words[at] === high && words[at + 4] !== 0) return slot;
    }
    return -1;
  }

  /**
   * The slot that has a token, or else a free one of its set, or else the one whose turn it is to be forgotten. Those of a set
   * are tried from the one that the token says: it mostly lies there.
   */
  #slotFor(high: number, low: number): number {
    const known = this.#slotOf(high, low);
    if (known >= 0) return known;
    const first = low & this.#mask & -ways;
    for (let way = 0; way < ways; way++) {
      const slot = first + ((high + way) & (ways - 1));
      if (this.#words[slot * slotWords + 4] === 0) return slot;
    }
    this.#turn = (this.#turn + 1) & (ways - 1);
    return first + this.#turn;
  }

  /** Twice the slots; nothing is forgotten, as every set becomes two. */
  #grow(): void {
    const words = this.#words;
    const slots = 2 * (this.#mask + 1);
    this.#mask = slots - 1;
    this.#words = new Uint32Array(slots * slotWords);
    this.#bytes = new Uint8Array(this.#words.buffer);
    for (let at = 0; at < words.length; at += slotWords) {
      if (words[at + 4] === 0) continue;
      const slot = this.#slotFor(words[at] ?? 0, words[at + 1] ?? 0);
      this.#words.set(words.subarray(at, at + slotWords), slot * slotWords);
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
