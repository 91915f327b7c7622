/**
 * One thread that judges seeds, seen from outside: a block of seeds in, a report for each out.
 *
 * A seed that ends its thread (memory) or does not end in time is a broken promise like any other, and the
 * next block gets a new thread.
 */

import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';

import { errorMessageOf } from '../core/errors.ts';
import type { ScenarioReport } from '../sim/scenarios/durable-writes.ts';
import type { SwarmPlan } from '../sim/swarm-plan.ts';

/** A block of seeds that follow each other. */
export interface SeedTask {
  readonly from: number;
  readonly count: number;
  /** For all of them, instead of the plan that each draws. */
  readonly plan: SwarmPlan | undefined;
  /** One seed in so many is run twice and its traces compared; 0 for none. */
  readonly twiceOneIn: number;
}

/** What a thread says of one seed. */
export interface SeedReport extends ScenarioReport {
  readonly seed: number;
  /** Empty when the run did not end. */
  readonly traceHash: string;
  readonly secondTraceHash: string | undefined;
  readonly virtualMicros: number;
  readonly counts: readonly (readonly [name: string, count: number])[];
}

export type SeedMessage =
  { readonly kind: 'judged'; readonly report: SeedReport } | { readonly kind: 'done' };

/** The slowest seeds take some seconds; this one goes round in circles. */
const seedTimeoutMs = 120_000;

// The file beside this one, in a checkout as in the package.
const workerFile = new URL(`./seed-worker${extname(import.meta.filename)}`, import.meta.url);

export class SeedRunner {
  readonly #seedTimeoutMs: number;
  #worker: Worker | undefined;

  constructor(options: { readonly seedTimeoutMs?: number } = {}) {
    this.#seedTimeoutMs = options.seedTimeoutMs ?? seedTimeoutMs;
  }

  /**
   * Judges a block, one block at a time; resolves when all of it is reported. After a thread that ended
   * before its time, the rest of the block is left out.
   */
  run(task: SeedTask, onReport: (report: SeedReport) => void): Promise<void> {
    const worker = (this.#worker ??= new Worker(workerFile));
    return new Promise((resolve) => {
      let current = task.from;
      let timer: NodeJS.Timeout | undefined;
      const settle = (): void => {
        clearTimeout(timer);
        worker.off('message', onMessage).off('error', onError).off('exit', onExit);
        resolve();
      };
      const failed = (message: string): void => {
        settle();
        this.#worker = undefined;
        void worker.terminate();
        onReport(endedEarly(current, message));
      };
      const watch = (): void => {
        clearTimeout(timer);
        timer = setTimeout(() => {
          failed(`the run did not end within ${this.#seedTimeoutMs / 1000} s`);
        }, this.#seedTimeoutMs);
      };
      const onMessage = (message: SeedMessage): void => {
        if (message.kind === 'done') return settle();
        current = message.report.seed + 1;
        watch();
        onReport(message.report);
      };
      const onError = (error: unknown): void => failed(`the run ended its thread: ${errorMessageOf(error)}`);
      const onExit = (code: number): void => failed(`the run ended its thread with code ${code}`);
      worker.on('message', onMessage).on('error', onError).on('exit', onExit);
      watch();
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread is no window
      worker.postMessage(task);
    });
  }

  /** Ends the thread, whatever it does. */
  async stop(): Promise<void> {
    const worker = this.#worker;
    this.#worker = undefined;
    await worker?.terminate();
  }
}

function endedEarly(seed: number, message: string): SeedReport {
  return {
    seed,
    broken: [{ promise: 'the-run-ends-well', key: undefined, message }],
    operations: 0,
    acknowledged: 0,
    faults: 0,
    traceHash: '',
    secondTraceHash: undefined,
    virtualMicros: 0,
    counts: [],
  };
}
