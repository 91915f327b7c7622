/**
 * A clock that moves only when a test says so: for units that need time but no network or disk.
 *
 * Timers that come due run in the order of their times, inside `advance`.
 */

import type { CancelTimer, Clock } from '../ports/clock.ts';

interface ManualTimer {
  readonly atMs: number;
  readonly callback: () => void;
}

export class ManualClock implements Clock {
  #wallMs: number;
  #elapsedMs = 0;
  readonly #timers = new Set<ManualTimer>();

  constructor(wallMs = 1_000_000) {
    this.#wallMs = wallMs;
  }

  wallNow(): number {
    return this.#wallMs;
  }

  monotonicNow(): number {
    return this.#elapsedMs;
  }

  /** Timers that are neither due nor cancelled. */
  get timers(): number {
    return this.#timers.size;
  }

  startTimer(delayMs: number, callback: () => void): CancelTimer {
    const timer: ManualTimer = { atMs: this.#elapsedMs + delayMs, callback };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  nextTurn(callback: () => void): void {
    this.startTimer(0, callback);
  }

  /** Sets the wall clock without any time passing. */
  setWall(wallMs: number): void {
    this.#wallMs = wallMs;
  }

  /** Lets time pass, timers included. */
  advance(byMs: number): void {
    const untilMs = this.#elapsedMs + byMs;
    for (;;) {
      const next = this.#earliest();
      if (next === undefined || next.atMs > untilMs) break;
      this.#timers.delete(next);
      this.#moveTo(Math.max(next.atMs, this.#elapsedMs));
      next.callback();
    }
    this.#moveTo(untilMs);
  }

  /** Lets time pass as while a process stands still: what came due runs late, all at the end. */
  sleepThrough(byMs: number): void {
    this.#moveTo(this.#elapsedMs + byMs);
    this.advance(0);
  }

  #earliest(): ManualTimer | undefined {
    let earliest: ManualTimer | undefined;
    for (const timer of this.#timers) {
      if (earliest === undefined || timer.atMs < earliest.atMs) earliest = timer;
    }
    return earliest;
  }

  #moveTo(elapsedMs: number): void {
    this.#wallMs += elapsedMs - this.#elapsedMs;
    this.#elapsedMs = elapsedMs;
  }
}
