/**
 * Seeded randomness: the small fast counting generator with 32-bit words (sfc32, Chris Doty-Humphrey,
 * PractRand), in integer arithmetic only, so that a seed is the same history on every machine.
 *
 * One stream per concern: `fork` derives a stream from the seed and a name, never from the state, so
 * that one more draw in the network does not reshuffle the disks.
 */

import type { Random } from '../ports/random.ts';

/** Seeds of runs are unsigned 32-bit numbers. */
export const seedMax = 2 ** 32 - 1;

export class SimRandom implements Random {
  readonly #seed: number;
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  constructor(seed: number) {
    this.#seed = seed | 0;
    this.#a = mix(this.#seed ^ 0x9e3779b9);
    this.#b = mix(this.#a ^ 0x243f6a88);
    this.#c = mix(this.#b ^ 0xb7e15162);
    for (let round = 0; round < 12; round++) this.next();
  }

  /** The stream of that name; the same whatever was drawn before. */
  fork(name: string): SimRandom {
    let hash = mix(this.#seed ^ 0x5851f42d);
    for (let index = 0; index < name.length; index++) hash = mix(hash ^ name.charCodeAt(index));
    return new SimRandom(hash);
  }

  /** An unsigned 32-bit integer. */
  next(): number {
    const sum = (((this.#a + this.#b) | 0) + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = ((this.#c << 21) | (this.#c >>> 11)) + sum;
    this.#c |= 0;
    return sum >>> 0;
  }

  /** The bias of the remainder is below bound / 2^32 and of no concern to a simulation. */
  below(bound: number): number {
    return this.next() % bound;
  }

  /** An integer in [from, to]. */
  between(from: number, to: number): number {
    return from + this.below(to - from + 1);
  }

  /** True with a probability of so many in a million. */
  chance(perMillion: number): boolean {
    return this.below(1_000_000) < perMillion;
  }

  /** One of the items, which are at least one. */
  pick<Item>(items: readonly [Item, ...Item[]] | readonly Item[]): Item {
    const item = items[this.below(items.length)];
    if (item === undefined) throw new RangeError('nothing to pick from');
    return item;
  }

  /** A value that is mostly near `from` and seldom up to `to`: the range is halved as often as three of four draws say. */
  skewed(from: number, to: number): number {
    let span = to - from;
    while (span > 1 && this.below(4) !== 0) span >>>= 1;
    return from + this.below(span + 1);
  }
}

/** The finalizer of MurmurHash3: every bit of the input changes about half of the output. */
function mix(value: number): number {
  value = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  value = Math.imul(value ^ (value >>> 13), 0xc2b2ae35);
  return value ^ (value >>> 16);
}
