/**
 * The one shape of every background loop: named, owned, abortable, and awaited by `stop()`.
 *
 * A task's step says how long to wait until the next one; `nudge` ends the wait early. A step that throws is
 * counted, shown to the operator as `lastError`, and tried again after its pause: no loop dies silently.
 */

import { errorMessageOf } from '../core/errors.ts';
import type { Clock } from '../ports/clock.ts';
import type { Observer } from '../ports/observer.ts';

export class BackgroundTask {
  readonly name: string;
  readonly #clock: Clock;
  readonly #observer: Observer;
  readonly #step: (signal: AbortSignal) => Promise<number>;
  readonly #pauseAfterErrorMs: number;
  readonly #abort = new AbortController();
  #endWait: () => void = () => undefined;
  #nudged = false;
  #running: Promise<void> | undefined;
  #lastError = '';

  constructor(options: {
    readonly name: string;
    readonly clock: Clock;
    readonly observer: Observer;
    /** Does one round and returns the milliseconds to wait before the next. */
    readonly step: (signal: AbortSignal) => Promise<number>;
    readonly pauseAfterErrorMs: number;
  }) {
    this.name = options.name;
    this.#clock = options.clock;
    this.#observer = options.observer;
    this.#step = options.step;
    this.#pauseAfterErrorMs = options.pauseAfterErrorMs;
  }

  /** Why the newest failed step failed; empty when the newest step went well. */
  get lastError(): string {
    return this.#lastError;
  }

  start(): void {
    this.#running ??= this.#run();
  }

  /** Ends the current wait, or skips the next one when a step is under way. */
  nudge(): void {
    this.#nudged = true;
    this.#endWait();
  }

  /** Resolves once the step under way, which sees its signal aborted, has ended. */
  async stop(): Promise<void> {
    this.#abort.abort();
    this.#endWait();
    await this.#running;
  }

  async #run(): Promise<void> {
    while (!this.#abort.signal.aborted) {
      this.#nudged = false;
      const pauseMs = await this.#stepOnce();
      if (this.#nudged || this.#abort.signal.aborted) continue;
      await this.#wait(pauseMs);
    }
  }

  /** A function to call instead of a signal to abort: nudges come with every message of a peer that was away. */
  #wait(pauseMs: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#clock.startTimer(pauseMs, resolve);
      this.#endWait = () => {
        cancel();
        resolve();
      };
    });
  }

  async #stepOnce(): Promise<number> {
    try {
      const pauseMs = await this.#step(this.#abort.signal);
      this.#lastError = '';
      return pauseMs;
    } catch (error) {
      this.#lastError = errorMessageOf(error);
      this.#observer.count(`${this.name}.errors`);
      this.#observer.log('warn', `${this.name}.failed`, this.#lastError);
      return this.#pauseAfterErrorMs;
    }
  }
}
