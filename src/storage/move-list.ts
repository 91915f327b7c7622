/**
 * Which entries a compaction has copied from where to where: 24 bytes each in one typed array, because
 * a segment may hold half a million.
 */

import type { Token } from '../core/token.ts';

export interface Move {
  readonly token: Token;
  /** Position of the segment in its run, and of the space in the list of spaces. */
  readonly segment: number;
  readonly space: number;
  readonly length: number;
  readonly from: number;
  readonly to: number;
}

const moveWords = 6;

export class MoveList {
  #words = new Uint32Array(1_024 * moveWords);
  #count = 0;

  get count(): number {
    return this.#count;
  }

  add(move: Move): void {
    const at = this.#count * moveWords;
    if (at === this.#words.length) {
      const grown = new Uint32Array(this.#words.length * 2);
      grown.set(this.#words);
      this.#words = grown;
    }
    const words = this.#words;
    words[at] = move.token.high;
    words[at + 1] = move.token.low;
    words[at + 2] = move.from;
    words[at + 3] = move.to;
    words[at + 4] = move.length;
    words[at + 5] = (move.segment << 16) | move.space;
    this.#count++;
  }

  at(index: number): Move {
    const words = this.#words;
    const at = index * moveWords;
    const places = words[at + 5] ?? 0;
    return {
      token: { high: words[at] ?? 0, low: words[at + 1] ?? 0 },
      from: words[at + 2] ?? 0,
      to: words[at + 3] ?? 0,
      length: words[at + 4] ?? 0,
      segment: places >>> 16,
      space: places & 0xffff,
    };
  }
}
