/**
 * Hybrid logical clock: 48 bits of wall milliseconds and a 16-bit counter.
 *
 * Source: Kulkarni, Demirbas et al., "Logical Physical Clocks", 2014. The reading is always greater
 * than every reading that was minted or observed before, and stays within `clockSkewMsMax` of the
 * wall clock: a reading further ahead is refused, not adopted, because adopting it would make
 * every later write of an honest clock lose.
 *
 * Pure: the wall clock is an argument. Making it survive a restart is the business of
 * `replica/node-clock.ts`.
 */

/** One reading. Totally ordered by `compareTimes`. */
export interface HlcTime {
  /** Milliseconds since the Unix epoch, below 2^48. */
  readonly wallMs: number;
  /** Orders readings within one millisecond, below 2^16. */
  readonly counter: number;
}

export const zeroTime: HlcTime = { wallMs: 0, counter: 0 };

const counterMax = 0xffff;
/** The greatest wall time that fits the 48 bits. */
export const wallMsMax = 2 ** 48 - 1;

/** Negative, zero or positive as `left` is before, equal to or after `right`. */
export function compareTimes(left: HlcTime, right: HlcTime): number {
  return left.wallMs - right.wallMs || left.counter - right.counter;
}

export class HybridLogicalClock {
  #last: HlcTime;
  readonly #clockSkewMsMax: number;

  constructor(options: { readonly start?: HlcTime; readonly clockSkewMsMax: number }) {
    this.#last = options.start ?? zeroTime;
    this.#clockSkewMsMax = options.clockSkewMsMax;
  }

  /** The greatest reading so far. */
  get last(): HlcTime {
    return this.#last;
  }

  /**
   * A reading greater than all before it. Returns undefined when that reading would lie more than
   * the allowed skew ahead of the wall clock (the wall clock was set back): peers would refuse it.
   */
  mint(nowMs: number): HlcTime | undefined {
    const next = this.#successor(nowMs);
    if (next.wallMs > nowMs + this.#clockSkewMsMax) return undefined;
    this.#last = next;
    return next;
  }

  /** Takes in a reading seen elsewhere. False, and nothing changes, when it is too far ahead. */
  observe(seen: HlcTime, nowMs: number): boolean {
    if (this.isTooFarAhead(seen, nowMs)) return false;
    if (compareTimes(seen, this.#last) > 0) this.#last = seen;
    return true;
  }

  /** Whether a reading lies more than the allowed skew ahead of the wall clock. */
  isTooFarAhead(seen: HlcTime, nowMs: number): boolean {
    return seen.wallMs > nowMs + this.#clockSkewMsMax;
  }

  #successor(nowMs: number): HlcTime {
    if (nowMs > this.#last.wallMs) return { wallMs: nowMs, counter: 0 };
    if (this.#last.counter < counterMax) {
      return { wallMs: this.#last.wallMs, counter: this.#last.counter + 1 };
    }
    return { wallMs: this.#last.wallMs + 1, counter: 0 };
  }
}
