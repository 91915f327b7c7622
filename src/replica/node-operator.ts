/** What an operator asks of a node, put before the parts that do it; it owns the loop of scrubs. */

import type { ScrubReport, Store } from '../storage/store.ts';
import type { AntiEntropy } from './anti-entropy.ts';
import type { RepairReport } from './anti-entropy-status.ts';
import type { Coordination } from './coordination.ts';
import type { KeyTrace, KeyTracer } from './key-trace.ts';
import type { OperatorApi } from './operator-api.ts';
import { repair } from './repair.ts';
import { ScrubLoop, type ScrubStatus } from './scrub-loop.ts';

export class NodeOperator implements OperatorApi {
  readonly #coordination: Coordination;
  readonly #store: Store;
  readonly #antiEntropy: AntiEntropy;
  readonly #tracer: KeyTracer;
  readonly #scrubs: ScrubLoop;
  readonly #stopping = new AbortController();

  constructor(options: {
    readonly coordination: Coordination;
    readonly store: Store;
    readonly antiEntropy: AntiEntropy;
    readonly tracer: KeyTracer;
  }) {
    this.#coordination = options.coordination;
    this.#store = options.store;
    this.#antiEntropy = options.antiEntropy;
    this.#tracer = options.tracer;
    const { clock, observer, config } = options.coordination;
    this.#scrubs = new ScrubLoop({ store: options.store, clock, observer, periodMs: config.scrubMs });
  }

  start(): void {
    this.#scrubs.start();
  }

  /** Ends what is under way. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#scrubs.stop();
  }

  why(key: Uint8Array): Promise<KeyTrace> {
    return this.#tracer.trace(key);
  }

  repair(options: Parameters<OperatorApi['repair']>[0]): Promise<RepairReport> {
    return repair({
      coordination: this.#coordination,
      antiEntropy: this.#antiEntropy,
      partitions: options.partitions,
      onProgress: options.onProgress ?? (() => undefined),
      signal: this.#stopping.signal,
    });
  }

  scrub(onProgress?: (report: ScrubReport) => void): Promise<ScrubReport> {
    return this.#scrubs.runNow(onProgress);
  }

  scrubbing(): ScrubStatus {
    return this.#scrubs.status();
  }

  compact(): Promise<void> {
    return this.#store.compactNow();
  }
}
