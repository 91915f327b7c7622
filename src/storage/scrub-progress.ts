/** What both engines' scrubs share: what was found so far, at which rate to go on, and when to end. */

import { sleep, type Clock } from '../ports/clock.ts';
import { nextTurn } from './next-turn.ts';
import type { ScrubOptions, ScrubReport } from './store.ts';

export class ScrubProgress {
  records = 0;
  bytes = 0;
  corrupt = 0;
  sumMismatches = 0;
  readonly #options: ScrubOptions;
  readonly #clock: Clock;
  readonly #stopping: AbortSignal;
  readonly #startedMs: number;

  /** `stopping` aborts when the store is being closed. */
  constructor(options: ScrubOptions, clock: Clock, stopping: AbortSignal) {
    this.#options = options;
    this.#clock = clock;
    this.#stopping = stopping;
    this.#startedMs = clock.monotonicNow();
  }

  get isStopped(): boolean {
    return this.#stopping.aborted || this.#options.signal?.aborted === true;
  }

  /** Tells how far it is, and waits as long as the rate demands, but no longer than until it is to end. */
  async pause(): Promise<void> {
    this.#options.onProgress?.(this.report());
    const dueMs = this.#startedMs + (this.bytes / this.#options.bytesPerSecond) * 1_000;
    const delayMs = dueMs - this.#clock.monotonicNow();
    if (delayMs < 1) return await nextTurn(this.#clock);
    const { signal } = this.#options;
    const until = signal === undefined ? this.#stopping : AbortSignal.any([signal, this.#stopping]);
    await sleep(this.#clock, delayMs, until);
  }

  report(): ScrubReport {
    const { records, bytes, corrupt, sumMismatches } = this;
    return { records, bytes, corrupt, sumMismatches };
  }
}
