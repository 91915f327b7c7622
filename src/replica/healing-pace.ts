/**
 * How fast a node heals itself: clients come first.
 *
 * During each exchange the event loop is asked how long its turns take. On a busy loop healing pauses in proportion to
 * the work it has done, so that it has no more than its share of the time; on an idle one only the byte rate holds it.
 * A node that is not complete takes more, since it is no witness until it is.
 */

import { limits } from '../core/limits.ts';
import { sleep, type Clock } from '../ports/clock.ts';

export interface HealingWork {
  /** Milliseconds that the work took. */
  readonly workMs: number;
  readonly bytes: number;
  /** Whether this node is no witness until it is done. */
  readonly urgent: boolean;
}

/** How long to pause after a piece of work, when a turn of the event loop takes so long. */
export function healingPauseMs(work: HealingWork, turnMs: number): number {
  const byteRateMs = (work.bytes * 1_000) / limits.healingBytesPerSecond - work.workMs;
  const isBusy = turnMs >= limits.healingBusyTurnMs;
  const share = work.urgent ? limits.healingShareUrgent : limits.healingShare;
  const shareMs = isBusy ? (work.workMs * (1 - share)) / share : 0;
  return Math.max(0, byteRateMs, shareMs);
}

export class HealingPace {
  readonly #clock: Clock;
  /** Turns since the latest rest, and how long they took together. */
  #turns = 0;
  #turnsMs = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Resolves when the next piece of work may begin, or when `signal` aborts. */
  async rest(work: HealingWork, signal: AbortSignal): Promise<void> {
    await this.turn();
    // One long turn may be a collection pause; a busy loop shows in all of them.
    const pauseMs = healingPauseMs(work, this.#turnsMs / this.#turns);
    this.#turns = this.#turnsMs = 0;
    if (pauseMs >= 1) await sleep(this.#clock, pauseMs, signal);
  }

  /** Lets everything else that waits have its turn. */
  async turn(): Promise<void> {
    const startMs = this.#clock.monotonicNow();
    await new Promise<void>((resolve) => this.#clock.nextTurn(resolve));
    this.#turns += 1;
    this.#turnsMs += this.#clock.monotonicNow() - startMs;
  }
}
