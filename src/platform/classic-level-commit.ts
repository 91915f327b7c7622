/**
 * Group commit for the `classic-level` engine: what one turn of the event loop produced, and all
 * that came while the batch before was being written, goes out as one batch with one sync.
 *
 * Batches are written one at a time, in order. When one fails, everything queued behind it fails with
 * it, because it was decided on the assumption that the failed one would be there.
 */

import { StoreError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import type { Clock } from '../ports/clock.ts';
import type { FiguresChange } from './classic-level-figures.ts';
import type { SumChange } from './classic-level-sums.ts';

/** One row to put or, without a value, to remove. */
export interface RowChange {
  readonly row: Uint8Array;
  readonly value: Uint8Array | undefined;
}

/** What one caller wants written atomically. */
export interface Operation {
  readonly rows: readonly RowChange[];
  /** Undefined where nothing that is counted changes. */
  readonly figures: FiguresChange | undefined;
  /** Of a change of an own record. */
  readonly sum?: SumChange | undefined;
  /** Bytes of the rows' values, against the limit of the queue. */
  readonly bytes: number;
}

export interface CommitBatch {
  readonly operations: readonly Operation[];
  /** Run once the batch is written and before the next one is: the rows then stand still. */
  readonly afterwards: readonly (() => Promise<void>)[];
  /** Sync whatever the durability level: somebody asked for it. */
  readonly mustSync: boolean;
}

/** A batch on its way; `settled` is the promise that every operation in it shares. */
class FillingBatch implements CommitBatch {
  readonly operations: Operation[] = [];
  readonly afterwards: (() => Promise<void>)[] = [];
  mustSync = false;
  bytes = 0;
  readonly settled: Promise<void>;
  readonly #deferred = Promise.withResolvers<void>();

  constructor() {
    this.settled = this.#deferred.promise;
    // A batch may fail when nobody waits for it; those who do still get the rejection.
    this.settled.catch(() => {});
  }

  resolve(): void {
    this.#deferred.resolve();
  }

  reject(error: unknown): void {
    this.#deferred.reject(error);
  }
}

export class CommitQueue {
  readonly #clock: Clock;
  readonly #write: (batch: CommitBatch) => Promise<void>;
  readonly #onFailure: (error: unknown) => void;
  /** Batches not yet under way, the last one still filling. */
  #waiting: FillingBatch[] = [];
  #queuedBytes = 0;
  #running: Promise<void> | undefined;

  /** `write` makes one batch as durable as configured. `onFailure` is called before anybody learns of a failure. */
  constructor(options: {
    readonly clock: Clock;
    readonly write: (batch: CommitBatch) => Promise<void>;
    readonly onFailure: (error: unknown) => void;
  }) {
    this.#clock = options.clock;
    this.#write = options.write;
    this.#onFailure = options.onFailure;
  }

  /** Bytes of the operations that wait or are on their way to the disk. */
  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  /** Queues an operation. The promise settles with its batch. Throws `OVERLOADED` when too much waits. */
  add(operation: Operation): Promise<void> {
    if (this.#queuedBytes + operation.bytes > limits.logQueueBytesMax) {
      throw new StoreError(
        'OVERLOADED',
        `${this.#queuedBytes} bytes wait to be written to the database; the disk does not keep up, try again later`,
        { retryable: true },
      );
    }
    const batch = this.#fillingBatch(operation.bytes);
    batch.operations.push(operation);
    batch.bytes += operation.bytes;
    this.#queuedBytes += operation.bytes;
    return batch.settled;
  }

  /** Settles once everything queued so far is written and synced. */
  sync(): Promise<void> {
    const batch = this.#fillingBatch(0);
    batch.mustSync = true;
    return batch.settled;
  }

  /** Runs something while no batch is under way. Rejects as it does, or as the batch before it. */
  async between(body: () => Promise<void>): Promise<void> {
    const batch = this.#fillingBatch(0);
    batch.afterwards.push(body);
    await batch.settled;
  }

  /** Settles once nothing is queued or under way; never rejects. */
  async idle(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
  }

  #fillingBatch(bytes: number): FillingBatch {
    const last = this.#waiting.at(-1);
    if (last !== undefined && last.bytes + bytes <= limits.batchBytesMax) return last;
    const batch = new FillingBatch();
    this.#waiting.push(batch);
    this.#running ??= this.#run();
    return batch;
  }

  async #run(): Promise<void> {
    // The first batch waits for the end of this turn, the following ones fill while one is written.
    await new Promise<void>((resolve) => this.#clock.nextTurn(resolve));
    for (let batch = this.#waiting.shift(); batch !== undefined; batch = this.#waiting.shift()) {
      try {
        await this.#write(batch);
        this.#queuedBytes -= batch.bytes;
        batch.resolve();
      } catch (error) {
        const failed = [batch, ...this.#waiting];
        this.#waiting = [];
        this.#queuedBytes = 0;
        this.#onFailure(error);
        for (const each of failed) each.reject(error);
      }
    }
    this.#running = undefined;
  }
}
