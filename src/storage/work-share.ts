/**
 * Holds background work to a share of the time of the event loop, whatever its rate in bytes would allow: where entries
 * are short, it is the work that clients wait for, not the disk.
 *
 * The work itself is done in slices that are short enough for clients to wait for one; this rests between them.
 */

import { sleep, type Clock } from '../ports/clock.ts';
import { limits } from '../core/limits.ts';
import { checkStopped } from './stopping.ts';

/** Timers are coarse: many short rests would be much longer than they should be. */
const restMsMin = 10;

export class WorkShare {
  readonly #clock: Clock;
  readonly #signal: AbortSignal;
  readonly #share: number;
  #owedMs = 0;

  /** `signal` aborts when the store is being closed; `share` is between 0 and 1, and usually `limits.maintenanceShare`. */
  constructor(options: { readonly clock: Clock; readonly signal: AbortSignal; readonly share?: number }) {
    this.#share = options.share ?? limits.maintenanceShare;
    this.#clock = options.clock;
    this.#signal = options.signal;
  }

  /** Does a slice of work, and rests when enough of that is owed. Throws `STORE_CLOSED` when it is to stop. */
  async slice(work: () => void): Promise<void> {
    checkStopped(this.#signal);
    const startMs = this.#clock.monotonicNow();
    work();
    const workMs = this.#clock.monotonicNow() - startMs;
    this.#owedMs += (workMs * (1 - this.#share)) / this.#share;
    if (this.#owedMs < restMsMin) return;
    const restMs = this.#owedMs;
    this.#owedMs = 0;
    await sleep(this.#clock, restMs, this.#signal);
    checkStopped(this.#signal);
  }
}
