/**
 * The life of one simulated process: whatever enters it goes through here.
 *
 * Once killed nothing enters any more: callbacks never run, no `finally` runs, which between events is
 * exactly a SIGKILL. While paused, as in a long collection or under SIGSTOP, everything waits and then
 * enters in order.
 */

import type { Scheduler } from './scheduler.ts';

export class ProcessScope {
  readonly name: string;
  readonly #scheduler: Scheduler;
  #isAlive = true;
  #isPaused = false;
  #waiting: (() => void)[] = [];
  readonly #mourners = new Set<() => void>();

  constructor(name: string, scheduler: Scheduler) {
    this.name = name;
    this.#scheduler = scheduler;
  }

  get isAlive(): boolean {
    return this.#isAlive;
  }

  /** What waits until this process goes on. */
  get waiting(): number {
    return this.#waiting.length;
  }

  get isPaused(): boolean {
    return this.#isPaused;
  }

  /** Runs `callback` as this process: now, after the pause, or never. */
  enter(callback: () => void): void {
    if (!this.#isAlive) return;
    if (this.#isPaused || this.#waiting.length > 0) this.#waiting.push(callback);
    else callback();
  }

  pause(): void {
    this.#isPaused = true;
  }

  /** What waited enters one by one, each in an event of its own; what comes meanwhile waits behind it. */
  resume(): void {
    this.#isPaused = false;
    this.#scheduler.after(1, () => this.#enterFirst());
  }

  #enterFirst(): void {
    if (this.#isPaused) return;
    this.#waiting.shift()?.();
    if (this.#waiting.length > 0) this.#scheduler.after(1, () => this.#enterFirst());
  }

  /** Calls back when this process is killed; the function returned takes that back. */
  onKilled(callback: () => void): () => void {
    this.#mourners.add(callback);
    return () => this.#mourners.delete(callback);
  }

  kill(): void {
    this.#isAlive = false;
    this.#waiting = [];
    const mourners = [...this.#mourners];
    this.#mourners.clear();
    for (const callback of mourners) callback();
  }
}
