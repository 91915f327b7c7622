/**
 * The node's hybrid logical clock, made to survive restarts.
 *
 * Invariant: no reading is used that does not lie below a bound on disk, and a restart continues from
 * that bound. The bound is moved ahead by a second at a time, in the background while half of it is
 * left, so that minting hardly ever waits for the disk.
 */

import { HybridLogicalClock, type HlcTime } from '../core/hybrid-logical-clock.ts';
import type { Clock } from '../ports/clock.ts';
import { sleep } from '../ports/clock.ts';

/** How far ahead the durable bound is set; a restart after a crash may have to wait this long. */
const boundAheadMs = 1_000;

export class NodeClock {
  readonly #clock: Clock;
  readonly #hybrid: HybridLogicalClock;
  readonly #clockSkewMsMax: number;
  readonly #saveBound: (wallMs: number) => Promise<void>;
  #boundMs: number;
  #extending: Promise<void> | undefined;

  constructor(options: {
    readonly clock: Clock;
    readonly clockSkewMsMax: number;
    readonly boundAtStartMs: number;
    /** Makes the bound durable; called serially. */
    readonly saveBound: (wallMs: number) => Promise<void>;
  }) {
    this.#clock = options.clock;
    this.#clockSkewMsMax = options.clockSkewMsMax;
    this.#saveBound = options.saveBound;
    this.#boundMs = options.boundAtStartMs;
    this.#hybrid = new HybridLogicalClock({
      start: { wallMs: options.boundAtStartMs, counter: 0 },
      clockSkewMsMax: options.clockSkewMsMax,
    });
  }

  get wallNow(): number {
    return this.#clock.wallNow();
  }

  get last(): HlcTime {
    return this.#hybrid.last;
  }

  /**
   * Waits until the wall clock has reached the bound of the life before, which takes at most about a second;
   * when it lies further ahead the wall clock was set back, and `mint` says so instead.
   */
  async start(): Promise<void> {
    const behindMs = this.#boundMs - this.#clock.wallNow();
    if (behindMs > 0 && behindMs <= 2 * boundAheadMs) await sleep(this.#clock, behindMs);
    await this.#extend();
  }

  /**
   * A promise to wait for before `mint`, or undefined when there is room below the bound. Rejects when the
   * bound can't be made durable (e.g. `DISK_FULL`).
   */
  reserve(): Promise<void> | undefined {
    const leftMs = this.#boundMs - Math.max(this.#hybrid.last.wallMs, this.#clock.wallNow());
    if (leftMs > boundAheadMs / 2) return undefined;
    const extending = this.#extend();
    if (leftMs <= 1) return extending;
    // A failure in the background shows again, to a caller, once the room is used up.
    extending.catch(() => undefined);
    return undefined;
  }

  /** A reading later than all before it; undefined when the wall clock was set back too far (`CLOCK_AHEAD`). */
  mint(): HlcTime | undefined {
    return this.#hybrid.mint(this.#clock.wallNow());
  }

  /** Takes in a reading seen elsewhere; false when it is too far ahead to be adopted. Who has many reads the clock once. */
  observe(seen: HlcTime, wallMs = this.#clock.wallNow()): boolean {
    return this.#hybrid.observe(seen, wallMs);
  }

  /** Whether the wall clock was set back so far that `mint` refuses. */
  get isAheadOfWall(): boolean {
    return this.#hybrid.isTooFarAhead(this.#hybrid.last, this.#clock.wallNow());
  }

  /** Whether a reading that was just minted elsewhere, at most `ageMsMax` ago, shows a clock that lags. */
  isTooFarBehind(fresh: HlcTime, ageMsMax: number, wallMs = this.#clock.wallNow()): boolean {
    return fresh.wallMs < wallMs - this.#clockSkewMsMax - ageMsMax;
  }

  isTooFarAhead(seen: HlcTime): boolean {
    return this.#hybrid.isTooFarAhead(seen, this.#clock.wallNow());
  }

  /** On a clean stop: the next start then has nothing to wait for. */
  async stop(): Promise<void> {
    await this.#extending?.catch(() => undefined);
    await this.#saveBound(this.#hybrid.last.wallMs + 1);
  }

  #extend(): Promise<void> {
    this.#extending ??= this.#extendOnce().finally(() => {
      this.#extending = undefined;
    });
    return this.#extending;
  }

  async #extendOnce(): Promise<void> {
    const bound = Math.max(this.#hybrid.last.wallMs, this.#clock.wallNow()) + boundAheadMs;
    await this.#saveBound(bound);
    this.#boundMs = Math.max(this.#boundMs, bound);
  }
}
