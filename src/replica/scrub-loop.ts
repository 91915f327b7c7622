/**
 * Scrubs: everything stored is read again, once in a while by itself and slowly, or now and quickly for an operator.
 *
 * The store finds what is damaged, takes it out of the sums and copies it aside; owners then see the difference and
 * anti-entropy fetches it from them, so nothing is healed here. One scrub at a time; how the newest one went is kept.
 * Simplified: where a scrub was when the node stopped is not remembered, the next life begins anew.
 */

import { defaultScrubMs } from '../core/config.ts';
import { errorMessageOf, StoreError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import type { Clock } from '../ports/clock.ts';
import type { Observer } from '../ports/observer.ts';
import type { ScrubReport, Store } from '../storage/store.ts';
import { BackgroundTask } from './background-task.ts';

export interface ScrubRun {
  /** Whether an operator asked for it. */
  readonly asked: boolean;
  readonly state: 'running' | 'done' | 'failed' | 'stopped';
  readonly startedAtWallMs: number;
  readonly tookMs: number;
  readonly report: ScrubReport;
  /** Why it failed; empty otherwise. */
  readonly error: string;
}

export interface ScrubStatus {
  /** Milliseconds between two scrubs that start by themselves; 0 when there are none. */
  readonly periodMs: number;
  /** The one under way, or the last; undefined before the first since the start of the node. */
  readonly newest: ScrubRun | undefined;
  /** Runs since the start that came to their end. */
  readonly completed: number;
}

/** How long the task sleeps at a time. */
const idleMs = 1_000;

const nothingYet: ScrubReport = { records: 0, bytes: 0, corrupt: 0, sumMismatches: 0 };

export class ScrubLoop {
  readonly #store: Pick<Store, 'scrub'>;
  readonly #clock: Clock;
  readonly #observer: Observer;
  readonly #periodMs: number;
  readonly #task: BackgroundTask;
  readonly #stopping = new AbortController();
  #dueAtMs: number;
  #newest: ScrubRun | undefined;
  #completed = 0;
  #underWay: Promise<ScrubReport> | undefined;

  constructor(options: {
    readonly store: Pick<Store, 'scrub'>;
    readonly clock: Clock;
    readonly observer: Observer;
    /** 0 for never, undefined for the default. */
    readonly periodMs: number | undefined;
  }) {
    this.#store = options.store;
    this.#clock = options.clock;
    this.#observer = options.observer;
    this.#periodMs = options.periodMs ?? defaultScrubMs;
    this.#dueAtMs = options.clock.monotonicNow() + Math.min(limits.scrubDelayMs, this.#periodMs);
    this.#task = new BackgroundTask({
      name: 'scrub',
      clock: options.clock,
      observer: options.observer,
      step: () => this.#step(),
      pauseAfterErrorMs: idleMs,
    });
  }

  start(): void {
    if (this.#periodMs > 0) this.#task.start();
  }

  /** Ends the scrub under way and waits for it. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#task.stop();
    // Who asked for it gets its error.
    await this.#underWay?.catch(() => undefined);
  }

  /** Scrubs now. Rejects with `OVERLOADED` while a scrub is under way. */
  async runNow(onProgress?: (report: ScrubReport) => void): Promise<ScrubReport> {
    return await this.#run({ asked: true, bytesPerSecond: limits.scrubNowBytesPerSecond, onProgress });
  }

  status(): ScrubStatus {
    return { periodMs: this.#periodMs, newest: this.#newest, completed: this.#completed };
  }

  /** Timers reach no further than 24 days, and a period may: it looks at the clock again and again. */
  async #step(): Promise<number> {
    const waitMs = this.#dueAtMs - this.#clock.monotonicNow();
    if (waitMs > 0) return Math.min(waitMs, idleMs);
    this.#dueAtMs = this.#clock.monotonicNow() + Math.min(limits.scrubDelayMs, this.#periodMs);
    await this.#run({ asked: false, bytesPerSecond: limits.scrubBytesPerSecond, onProgress: undefined });
    this.#dueAtMs = this.#clock.monotonicNow() + this.#periodMs;
    return idleMs;
  }

  async #run(options: {
    readonly asked: boolean;
    readonly bytesPerSecond: number;
    readonly onProgress: ((report: ScrubReport) => void) | undefined;
  }): Promise<ScrubReport> {
    if (this.#newest?.state === 'running') {
      throw new StoreError('OVERLOADED', 'a scrub is under way already', { retryable: true });
    }
    const { asked, bytesPerSecond, onProgress } = options;
    const startedAtWallMs = this.#clock.wallNow();
    const startMs = this.#clock.monotonicNow();
    const note = (state: ScrubRun['state'], report: ScrubReport, error: string): void => {
      const tookMs = this.#clock.monotonicNow() - startMs;
      this.#newest = { asked, state, startedAtWallMs, tookMs, report, error };
    };
    let latest = nothingYet;
    note('running', latest, '');
    try {
      this.#underWay = this.#store.scrub({
        bytesPerSecond,
        signal: this.#stopping.signal,
        onProgress: (report) => {
          latest = report;
          note('running', report, '');
          onProgress?.(report);
        },
      });
      const report = await this.#underWay;
      const isWhole = !this.#stopping.signal.aborted;
      note(isWhole ? 'done' : 'stopped', report, '');
      if (isWhole) this.#completed++;
      this.#tell(report);
      return report;
    } catch (error) {
      note('failed', latest, errorMessageOf(error));
      throw error;
    }
  }

  #tell(report: ScrubReport): void {
    this.#observer.count('scrub.runs');
    this.#observer.count('scrub.corrupt', report.corrupt);
    if (report.corrupt === 0 && report.sumMismatches === 0) return;
    const { records, corrupt, sumMismatches } = report;
    const message = `of ${records} records ${corrupt} are damaged, and sums of ${sumMismatches} partitions were wrong; the other owners heal them`;
    this.#observer.log('error', 'scrub.found-damage', message, { records, corrupt, sumMismatches });
  }
}
