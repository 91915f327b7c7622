/**
 * What a set of versions adds up to: the sum of their hashes modulo 2^64, and how many they are.
 *
 * Two owners whose sums are equal hold the same versions, up to chance (2^-64). A sum does not depend on
 * the order in which its versions came, so it is kept up to date by adding the new and subtracting the old:
 * the incremental leaf of a hash tree (Merkle 1987; AdHash, Bellare and Micciancio 1997). Whoever can
 * choose versions can make sums collide: among members that trust each other it guards against faults only.
 *
 * A version goes in as five 32-bit words, the ones an index slot begins with, so nothing is allocated:
 *
 *   0 token high   1 token low   2 wall ms >>> 16   3 (wall ms & 0xffff) << 16 | counter   4 checksum
 *
 * The checksum covers the key, actor, expiry and flags, so the words need not.
 */

import type { Token } from './token.ts';

/** Halves of the sum as unsigned 32-bit numbers, and the number of versions in it. */
export interface VersionSum {
  readonly high: number;
  readonly low: number;
  readonly count: number;
}

/** The sum of nothing. */
export const emptySum: VersionSum = { high: 0, low: 0, count: 0 };

/** What of a version goes into a sum. */
export interface SummedVersion {
  readonly token: Token;
  readonly wallMs: number;
  readonly counter: number;
  readonly checksum: number;
}

/**
 * Where `hashWords` leaves its two halves: a result object for each would be garbage on the write path, and so
 * would numbers past 2^31, which the engine keeps on its heap. Hence signed here and in `RunningSum`.
 */
let hashHigh = 0;
let hashLow = 0;

const scratch = new Uint32Array(5);

/** The 64-bit hash of a version, as two unsigned halves. */
export function hashVersion(version: SummedVersion): { readonly high: number; readonly low: number } {
  writeVersionWords(version);
  hashWords(scratch, 0);
  return { high: hashHigh >>> 0, low: hashLow >>> 0 };
}

export function addSums(left: VersionSum, right: VersionSum): VersionSum {
  const low = left.low + right.low;
  const carry = low > 0xffff_ffff ? 1 : 0;
  return {
    high: (left.high + right.high + carry) >>> 0,
    low: low >>> 0,
    count: left.count + right.count,
  };
}

export function equalSums(left: VersionSum, right: VersionSum): boolean {
  return left.low === right.low && left.high === right.high && left.count === right.count;
}

/** A sum that changes. */
export class RunningSum implements VersionSum {
  /** Both signed, so that changing them allocates nothing. */
  #high = 0;
  #low = 0;
  #count = 0;

  get high(): number {
    return this.#high >>> 0;
  }

  get low(): number {
    return this.#low >>> 0;
  }

  get count(): number {
    return this.#count;
  }

  /** Adds the version whose five words start at `at`. */
  addWords(words: Uint32Array, at: number): void {
    hashWords(words, at);
    const low = (this.#low + hashLow) | 0;
    const carry = low >>> 0 < this.#low >>> 0 ? 1 : 0;
    this.#high = (this.#high + hashHigh + carry) | 0;
    this.#low = low;
    this.#count++;
  }

  /** Takes back what `addWords` added. */
  subtractWords(words: Uint32Array, at: number): void {
    hashWords(words, at);
    const borrow = this.#low >>> 0 < hashLow >>> 0 ? 1 : 0;
    this.#high = (this.#high - hashHigh - borrow) | 0;
    this.#low = (this.#low - hashLow) | 0;
    this.#count--;
  }

  add(version: SummedVersion): void {
    writeVersionWords(version);
    this.addWords(scratch, 0);
  }

  subtract(version: SummedVersion): void {
    writeVersionWords(version);
    this.subtractWords(scratch, 0);
  }

  clear(): void {
    this.#high = 0;
    this.#low = 0;
    this.#count = 0;
  }

  /** The sum as of now. */
  value(): VersionSum {
    return { high: this.high, low: this.low, count: this.#count };
  }
}

function writeVersionWords({ token, wallMs, counter, checksum }: SummedVersion): void {
  scratch[0] = token.high;
  scratch[1] = token.low;
  scratch[2] = Math.floor(wallMs / 0x1_0000);
  scratch[3] = ((wallMs & 0xffff) << 16) | counter;
  scratch[4] = checksum;
}

/**
 * Two lanes over the same five words with constants of their own, mixed into each other at the end: the
 * block step and the finaliser of MurmurHash3 (Austin Appleby, public domain).
 */
function hashWords(words: Uint32Array, at: number): void {
  let high = 0x2f6e2b1;
  let low = 0x51c3a9d7;
  for (let index = at; index < at + 5; index++) {
    const word = words[index] ?? 0;
    const left = Math.imul(word, 0x239b961b);
    high ^= Math.imul((left << 15) | (left >>> 17), 0xab0e9789);
    high = (Math.imul((high << 13) | (high >>> 19), 5) + 0x561ccd1b) | 0;
    const right = Math.imul(word, 0x38b34ae5);
    low ^= Math.imul((right << 17) | (right >>> 15), 0xa1e38b93);
    low = (Math.imul((low << 11) | (low >>> 21), 5) + 0x0bcaa747) | 0;
  }
  high = (high + low) | 0;
  low = (low + high) | 0;
  high = finalMix(high);
  low = finalMix(low);
  high = (high + low) | 0;
  hashHigh = high;
  hashLow = (low + high) | 0;
}

function finalMix(value: number): number {
  value = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  value = Math.imul(value ^ (value >>> 13), 0xc2b2ae35);
  return value ^ (value >>> 16);
}
