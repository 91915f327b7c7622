/**
 * Randomness from the operating system, drawn a page at a time: a call costs nanoseconds instead of
 * the microsecond of `crypto.randomInt`.
 */

import { randomFillSync } from 'node:crypto';
import { assert } from '../core/errors.ts';
import type { Random } from '../ports/random.ts';

const wordsPerDraw = 1024;
const wordValues = 0x1_0000_0000;

export class SystemRandom implements Random {
  readonly #words = new Uint32Array(wordsPerDraw);
  #next = wordsPerDraw;

  /** Unbiased: words from the incomplete last round of `bound` are thrown away. */
  below(bound: number): number {
    assert(
      Number.isInteger(bound) && bound >= 1 && bound <= wordValues,
      `bound ${bound} is not an integer from 1 to 2^32`,
    );
    const fairBelow = wordValues - (wordValues % bound);
    for (;;) {
      const word = this.#nextWord();
      if (word < fairBelow) return word % bound;
    }
  }

  #nextWord(): number {
    if (this.#next === wordsPerDraw) {
      randomFillSync(this.#words);
      this.#next = 0;
    }
    return this.#words[this.#next++] ?? 0;
  }
}
