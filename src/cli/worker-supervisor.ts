/**
 * Keeps the workers of a node running: starts them together, starts one again that ends, stops them together.
 *
 * A worker that never served is a fault of configuration or machine that another start would meet again, so then none
 * of them runs. One that ends later, in whatever way, is started again after a pause that grows while it keeps ending,
 * and without an end: the others go on serving meanwhile, and each time is logged as an error.
 */

import { limits } from '../core/limits.ts';
import type { CancelTimer, Clock } from '../ports/clock.ts';
import type { Observer } from '../ports/observer.ts';
import { restartPauseMs } from './restart-pause.ts';

/** A process that was started; what becomes of it is told to its `WorkerEvents`. */
export interface WorkerProcess {
  readonly pid: number;
  /** Asks it to end cleanly. */
  stop(): void;
  /** Ends it at once. */
  kill(): void;
}

export interface WorkerEvents {
  /** It takes requests. */
  onServing(): void;
  /** It is gone; told once, and the last that is told. */
  onEnd(end: WorkerEnd): void;
}

export interface WorkerEnd {
  /** Null when a signal ended it. */
  readonly code: number | null;
  readonly signal: string | null;
}

export interface WorkerSupervisorOptions {
  readonly workers: number;
  readonly launch: (worker: number, events: WorkerEvents) => WorkerProcess;
  readonly clock: Clock;
  readonly observer: Observer;
}

/** How the start went; `failed` names the worker that did not come to serve, and by then all have ended. */
export type WorkersStart =
  | { readonly kind: 'serving' }
  | { readonly kind: 'stopped' }
  | { readonly kind: 'failed'; readonly worker: number; readonly end: WorkerEnd };

interface Slot {
  readonly worker: number;
  process: WorkerProcess | undefined;
  hasServed: boolean;
  startedAtMs: number;
  failures: number;
  cancelRestart: CancelTimer | undefined;
  lastEnd: WorkerEnd | undefined;
}

export class WorkerSupervisor {
  readonly #options: WorkerSupervisorOptions;
  readonly #slots: readonly Slot[];
  readonly #started = Promise.withResolvers<WorkersStart>();
  readonly #allEnded = Promise.withResolvers<readonly WorkerEnd[]>();
  #isStopping = false;
  #failed: { readonly worker: number; readonly end: WorkerEnd } | undefined;

  constructor(options: WorkerSupervisorOptions) {
    this.#options = options;
    this.#slots = Array.from({ length: options.workers }, (_, index) => ({
      worker: index + 1,
      process: undefined,
      hasServed: false,
      startedAtMs: 0,
      failures: 0,
      cancelRestart: undefined,
      lastEnd: undefined,
    }));
  }

  /** The processes that run now. */
  get pids(): readonly number[] {
    return this.#slots.flatMap(({ process }) => process?.pid ?? []);
  }

  /** Starts all; resolves once each of them serves, or all have ended because one did not come to it. */
  start(): Promise<WorkersStart> {
    for (const slot of this.#slots) this.#launch(slot);
    return this.#started.promise;
  }

  /** Asks all to end and starts none again; resolves to how each ended. */
  stop(): Promise<readonly WorkerEnd[]> {
    if (!this.#isStopping) {
      this.#isStopping = true;
      for (const slot of this.#slots) {
        slot.cancelRestart?.();
        slot.process?.stop();
      }
      this.#endWhenAllHave();
    }
    return this.#allEnded.promise;
  }

  /** Ends what still runs at once, and starts none again. */
  kill(): void {
    void this.stop();
    for (const { process } of this.#slots) process?.kill();
  }

  #launch(slot: Slot): void {
    slot.cancelRestart = undefined;
    slot.startedAtMs = this.#options.clock.monotonicNow();
    slot.process = this.#options.launch(slot.worker, {
      onServing: () => this.#onServing(slot),
      onEnd: (end) => this.#onEnd(slot, end),
    });
  }

  #onServing(slot: Slot): void {
    const { observer } = this.#options;
    if (slot.hasServed) observer.log('info', 'worker.restarted', `worker ${slot.worker} serves again`);
    slot.hasServed = true;
    if (this.#slots.every(({ hasServed }) => hasServed)) this.#started.resolve({ kind: 'serving' });
  }

  #onEnd(slot: Slot, end: WorkerEnd): void {
    slot.process = undefined;
    slot.lastEnd = end;
    if (this.#isStopping) return this.#endWhenAllHave();
    if (!slot.hasServed) {
      this.#failed = { worker: slot.worker, end };
      void this.stop();
      return;
    }
    this.#restartLater(slot, end);
  }

  #restartLater(slot: Slot, end: WorkerEnd): void {
    const { clock, observer } = this.#options;
    const livedMs = clock.monotonicNow() - slot.startedAtMs;
    slot.failures = livedMs >= limits.workerStableMs ? 0 : slot.failures + 1;
    const pauseMs = restartPauseMs(slot.failures - 1);
    observer.log(
      'error',
      'worker.ended',
      `worker ${slot.worker} ${describeEnd(end)}; it is started again in ${pauseMs} ms`,
    );
    slot.cancelRestart = clock.startTimer(pauseMs, () => this.#launch(slot));
  }

  #endWhenAllHave(): void {
    if (this.#slots.some(({ process }) => process !== undefined)) return;
    this.#started.resolve(
      this.#failed === undefined ? { kind: 'stopped' } : { kind: 'failed', ...this.#failed },
    );
    this.#allEnded.resolve(this.#slots.flatMap(({ lastEnd }) => lastEnd ?? []));
  }
}

/** How a process ended, for a message. */
export function describeEnd({ code, signal }: WorkerEnd): string {
  if (signal !== null) return `was ended by ${signal}`;
  return code === null ? 'could not be made' : `ended with exit code ${code}`;
}
