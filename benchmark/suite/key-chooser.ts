/**
 * Which key a request is for: drawn evenly, by Zipf's law, or by Zipf's law among the keys that were inserted last.
 *
 * Keys 0 to `keys` - 1 are there beforehand. Those that a run inserts lie far above, in a range of its own, so that
 * no run depends on what another one got done. Only a key whose insert was acknowledged is read.
 */

import { Zipf } from './zipf.ts';

export type KeyDistribution = 'uniform' | 'zipf' | 'latest';

/** A prime: ranks are spread over the keys by it, so that the favourites do not lie side by side. */
const stride = 1_299_709;

export class KeyChooser {
  readonly #keys: number;
  readonly #distribution: KeyDistribution;
  readonly #firstInserted: number;
  readonly #zipf: Zipf | undefined;
  /** Keys that this run inserted and that were acknowledged, in that order. */
  readonly #inserted: number[] = [];
  #nextInsert = 0;

  constructor(options: {
    readonly keys: number;
    readonly distribution: KeyDistribution;
    readonly firstInserted: number;
  }) {
    this.#keys = options.keys;
    this.#distribution = options.distribution;
    this.#firstInserted = options.firstInserted;
    this.#zipf = options.distribution === 'uniform' ? undefined : new Zipf(options.keys);
  }

  /** A key that is there; `uniform` is drawn evenly from 0 up to but not including 1. */
  choose(uniform: number): number {
    if (this.#zipf === undefined) return Math.floor(uniform * this.#keys);
    const rank = this.#zipf.rank(uniform);
    if (this.#distribution === 'zipf') return this.#keys % stride === 0 ? rank : (rank * stride) % this.#keys;
    const newest = this.#inserted.length - 1;
    // The newest first, and then those that were there before, from the last on.
    return this.#inserted[newest - rank] ?? this.#keys - 1 - (rank - this.#inserted.length);
  }

  /** A new key. */
  insert(): number {
    return this.#firstInserted + this.#nextInsert++;
  }

  /** Says that an insert was acknowledged. */
  inserted(key: number): void {
    if (this.#distribution !== 'latest') return;
    this.#inserted.push(key);
    this.#zipf?.grow(this.#keys + this.#inserted.length);
  }
}
