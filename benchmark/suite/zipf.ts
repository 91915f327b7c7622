/**
 * Ranks drawn by Zipf's law: the i-th is drawn in proportion to 1 / i^theta, in constant time for any number of ranks.
 *
 * Source: Gray et al., "Quickly Generating Billion-Record Synthetic Databases", SIGMOD 1994, as YCSB has it. The first
 * two ranks are exact, the others follow a continuous approximation. The sum over all ranks is computed once, and added
 * to when the number of ranks grows.
 */

/** The skew of YCSB: of 100,000 keys the first gets 8 % of the requests, the first hundred 42 %. */
export const zipfTheta = 0.99;

export class Zipf {
  readonly #theta: number;
  readonly #alpha: number;
  readonly #ofTwo: number;
  #ranks = 0;
  /** Generalized harmonic number of the ranks. */
  #sum = 0;
  #eta = 0;

  /** `theta` lies above 0 and below 1. */
  constructor(ranks: number, theta: number = zipfTheta) {
    this.#theta = theta;
    this.#alpha = 1 / (1 - theta);
    this.#ofTwo = 1 + 0.5 ** theta;
    this.grow(ranks);
  }

  get ranks(): number {
    return this.#ranks;
  }

  /** More ranks from now on; fewer change nothing. */
  grow(ranks: number): void {
    if (ranks <= this.#ranks) return;
    for (let rank = this.#ranks + 1; rank <= ranks; rank++) this.#sum += 1 / rank ** this.#theta;
    this.#ranks = ranks;
    this.#eta = (1 - (2 / ranks) ** (1 - this.#theta)) / (1 - this.#ofTwo / this.#sum);
  }

  /** The rank, from 0, that belongs to a number drawn evenly from 0 up to but not including 1. */
  rank(uniform: number): number {
    const scaled = uniform * this.#sum;
    if (scaled < 1 || this.#ranks === 1) return 0;
    if (scaled < this.#ofTwo || this.#ranks === 2) return 1;
    const rank = Math.floor(this.#ranks * (this.#eta * uniform - this.#eta + 1) ** this.#alpha);
    return Math.min(rank, this.#ranks - 1);
  }

  /** The share of draws that a rank gets by the law itself. */
  shareOf(rank: number): number {
    return 1 / (rank + 1) ** this.#theta / this.#sum;
  }
}
