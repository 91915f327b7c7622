/**
 * How fast hints go to a target that is back: additive increase while it is quick, multiplicative decrease when it
 * is slow or refuses (Chiu and Jain 1989, as TCP does).
 *
 * A decider. It rests as long as the target worked, so that a node that comes back to its own clients has half
 * its time for them, and never passes `limits.hintReplayBytesPerSecond`.
 */

import { limits } from '../core/limits.ts';

/** A batch that takes longer than this keeps the target from its clients. */
const quickMs = 50;
const increase = 64;

export class HandoffPace {
  readonly #retryMs: { readonly min: number; readonly max: number };
  #batch: number = limits.hintReplayBatchStart;
  #failures = 0;

  constructor(retryMs: { readonly min: number; readonly max: number }) {
    this.#retryMs = retryMs;
  }

  /** How many hints the next message may hold. */
  get batch(): number {
    return this.#batch;
  }

  get failures(): number {
    return this.#failures;
  }

  /** The target is heard again: there is no reason to wait for it any more. */
  targetUp(): void {
    this.#failures = 0;
  }

  /** A message was taken; returns the milliseconds to rest. */
  delivered({ bytes, tookMs }: { readonly bytes: number; readonly tookMs: number }): number {
    this.#failures = 0;
    this.#batch =
      tookMs <= quickMs ? Math.min(limits.hintReplayBatchMax, this.#batch + increase) : this.#halved();
    const atLimitMs = (bytes * 1000) / limits.hintReplayBytesPerSecond;
    return Math.min(Math.max(tookMs, atLimitMs - tookMs), this.#retryMs.max);
  }

  /** A message was lost or refused as a whole; returns the milliseconds to back off. */
  failed(): number {
    this.#failures++;
    this.#batch = this.#halved();
    return Math.min(this.#retryMs.min * 2 ** Math.min(this.#failures - 1, 20), this.#retryMs.max);
  }

  #halved(): number {
    return Math.max(limits.hintReplayBatchMin, this.#batch >>> 1);
  }
}
