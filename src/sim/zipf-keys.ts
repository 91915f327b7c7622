/**
 * Draws keys as unequally as a plan says: the i-th key is asked for i^exponent times less often than the first
 * (Zipf's law, the skew of YCSB: Cooper et al. 2010). Exponent 0 makes all alike.
 *
 * Weights are whole numbers, so that every machine draws the same.
 */

import type { SimRandom } from './sim-random.ts';

/** The weight of the first key; with as many keys as a plan may have, all weights together stay below 2^32. */
const firstWeight = 1 << 14;

export class ZipfKeys {
  /** The i-th is the weight of the first i + 1 keys together. */
  readonly #cumulative: number[] = [];

  constructor(keys: number, exponent: number) {
    let sum = 0;
    for (let rank = 1; rank <= keys; rank++) {
      let divisor = 1;
      for (let power = 0; power < exponent; power++) divisor *= rank;
      sum += Math.max(1, Math.floor(firstWeight / divisor));
      this.#cumulative.push(sum);
    }
  }

  /** The index of a key. */
  draw(random: SimRandom): number {
    const drawn = random.below(this.#cumulative.at(-1) ?? 1);
    let low = 0;
    let high = this.#cumulative.length - 1;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#cumulative[middle] ?? 0) <= drawn) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
