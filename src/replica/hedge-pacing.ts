/**
 * When a read asks one more replica, and how often it may ("The Tail at Scale", Dean and Barroso 2013).
 *
 * A decider. A read hedges after what nearly all answers need, so in ordinary times two of a hundred do; and at most
 * `hedgeShare` of all reads may, so that a cluster that is slow as a whole is not made slower by its own
 * impatience. Asking another in the place of a suspect is no hedge and is not counted: new reads avoid
 * suspects, so there are only as many of those as there were reads under way.
 */

import { limits } from '../core/limits.ts';

/** Extra requests per read. */
const hedgeShare = 0.05;

export class HedgePacing {
  readonly #delayMsMax: number;
  readonly #usualMsMax: () => number;
  #allowance: number = limits.hedgeBurst;

  constructor(options: {
    /** Config `hedgeAfterMs`. */
    readonly delayMsMax: number;
    /** Milliseconds within which nearly all answers come. */
    readonly usualMsMax: () => number;
  }) {
    this.#delayMsMax = options.delayMsMax;
    this.#usualMsMax = options.usualMsMax;
  }

  /** Called for every read; returns the milliseconds after which it looks who has not answered. */
  startRead(): number {
    this.#allowance = Math.min(limits.hedgeBurst, this.#allowance + hedgeShare);
    return Math.min(this.#delayMsMax, Math.max(limits.hedgeAfterMsMin, this.#usualMsMax()));
  }

  /** Milliseconds from one look to the next. */
  get nextLookMs(): number {
    return Math.min(this.#delayMsMax, limits.suspectAfterMsMin);
  }

  /** Whether a read may ask one more; false when the share is used up. */
  takeHedge(): boolean {
    if (this.#allowance < 1) return false;
    this.#allowance--;
    return true;
  }
}
