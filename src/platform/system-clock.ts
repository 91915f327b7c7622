/**
 * The clock of this machine.
 *
 * A timer of Node counts from a whole millisecond, so it may fire up to one millisecond early, and one of
 * more than 2^31 ms fires at once. The port promises "at least", so a timer that is early waits on.
 */

import type { CancelTimer, Clock } from '../ports/clock.ts';
import { DelayQueue } from './delay-queue.ts';

/** The longest delay that Node's timers take. */
const nodeDelayMsMax = 2 ** 31 - 1;
/** Delays up to here are rounded up to whole milliseconds, of which each has one queue for good. */
const queuedDelayMsMax = 4_096;

export class SystemClock implements Clock {
  readonly #queues = new Map<number, DelayQueue>();

  wallNow(): number {
    return Date.now();
  }

  monotonicNow(): number {
    return performance.now();
  }

  startTimer(delayMs: number, callback: () => void): CancelTimer {
    if (delayMs > 0 && delayMs <= queuedDelayMsMax) {
      return this.#queueOf(Math.ceil(delayMs)).start(callback);
    }
    const dueMs = performance.now() + delayMs;
    let timer = setTimeout(onTimer, clampDelay(delayMs));
    function onTimer(): void {
      const remainingMs = dueMs - performance.now();
      if (remainingMs > 0) timer = setTimeout(onTimer, clampDelay(remainingMs));
      else callback();
    }
    return () => clearTimeout(timer);
  }

  nextTurn(callback: () => void): void {
    setImmediate(callback);
  }

  #queueOf(delayMs: number): DelayQueue {
    let queue = this.#queues.get(delayMs);
    if (queue === undefined) {
      queue = new DelayQueue(delayMs);
      this.#queues.set(delayMs, queue);
    }
    return queue;
  }
}

function clampDelay(delayMs: number): number {
  return Math.min(Math.ceil(delayMs), nodeDelayMsMax);
}
