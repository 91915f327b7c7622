/**
 * Group commit: one batch is on its way to the disk, the next fills meanwhile (DeWitt et al. 1984).
 *
 * Entries become visible only after their batch is as durable as configured, in batch order. An
 * idle log commits at the end of the turn, so that all that one turn produced shares one sync. Where several writes that
 * came one by one have shared one, or came while it was under way, the next waits a moment for more (PostgreSQL's
 * `commit_delay` and `commit_siblings`). One client that writes, or two, wait for nobody, however much each brings at once.
 *
 * A long value goes by itself, and short entries pass those that are not begun, a few batches of them at most: order
 * between keys means nothing. An entry never passes one that it was decided against.
 */

import type { Checksum } from '../core/crc32.ts';
import { StoreError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import type { Clock } from '../ports/clock.ts';
import { Batch, BatchBuffers } from './batch.ts';
import type { BatchPlace } from './log-writer.ts';
import { batchHeaderBytes } from './segment-format.ts';

export interface GroupCommitOptions {
  readonly clock: Clock;
  readonly checksum: Checksum;
  /** Whether each batch is synced, which is what sharing one spares. */
  readonly syncsEach: boolean;
  /** Writes a batch, or rejects with a `StoreError`. */
  readonly write: (batch: Batch) => Promise<BatchPlace>;
  /** Makes a batch visible, and resolves those who wait for it. */
  readonly onDurable: (batch: Batch, place: BatchPlace) => void;
  readonly onRefused: (batch: Batch, error: StoreError) => void;
}

export class GroupCommit {
  readonly #options: GroupCommitOptions;
  readonly #buffers = new BatchBuffers();
  /** Batches not begun, of which entries go to the last, and what is to be done between them. */
  readonly #queue: (Batch | (() => Promise<void>))[] = [];
  #queueBytes = 0;
  #isRunning = false;
  #arrival = 0;
  readonly #drained: (() => void)[] = [];

  constructor(options: GroupCommitOptions) {
    this.#options = options;
  }

  /** What is appended from now on came together, and apart from what came before. */
  beginArrival(): void {
    this.#arrival++;
  }

  /**
   * Appends an entry to a batch that is not begun: the last one if it must not pass those `staged` before it. Throws
   * `OVERLOADED` past `limits.logQueueBytesMax`.
   */
  append(
    kind: number,
    spaceName: Uint8Array,
    payload: Uint8Array,
    follows: 'staged' | 'nothing',
    payloadChecksum?: number,
  ): { readonly batch: Batch; readonly batchOffset: number } {
    // A lone entry is taken whatever its size: an idle log is not overloaded.
    if (this.#queueBytes > 0 && this.#queueBytes + payload.length > limits.logQueueBytesMax) {
      throw new StoreError(
        'OVERLOADED',
        `${this.#queueBytes} bytes wait for the log, at most ${limits.logQueueBytesMax} may; try again shortly`,
        { retryable: true },
      );
    }
    const batch = this.#batchFor(payload.length, follows);
    const before = batch.bytes;
    const batchOffset = batch.append(kind, spaceName, payload, payloadChecksum);
    batch.noteArrival(this.#arrival);
    this.#queueBytes += batch.bytes - before;
    this.#schedule();
    return { batch, batchOffset };
  }

  /** Bytes of the entries that wait or are on their way to the disk. */
  get queuedBytes(): number {
    return this.#queueBytes;
  }

  /** Resolves once nothing is queued or under way. */
  drained(): Promise<void> {
    if (!this.#isRunning) return Promise.resolve();
    return new Promise((resolve) => this.#drained.push(resolve));
  }

  /** Does something once all that was appended so far has settled, and before anything later is written. */
  between(work: () => Promise<void>): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#queue.push(() => work().then(resolve, reject));
      this.#schedule();
    });
  }

  #batchFor(length: number, follows: 'staged' | 'nothing'): Batch {
    const at =
      follows === 'nothing' && length <= limits.batchCopyBytesMax
        ? this.#firstPassable()
        : this.#queue.length;
    const before = at === 0 ? undefined : this.#queue[at - 1];
    if (before instanceof Batch && before.hasRoomFor(length)) return before;
    const batch = new Batch({ checksum: this.#options.checksum, buffer: this.#buffers.take() });
    for (const passed of this.#queue.slice(at)) if (passed instanceof Batch) passed.overtakenBy++;
    this.#queue.splice(at, 0, batch);
    return batch;
  }

  /** Where the long batches at the end of the queue begin that may still be passed. */
  #firstPassable(): number {
    let at = this.#queue.length;
    for (; at > 0; at--) {
      const batch = this.#queue[at - 1];
      const mayBePassed =
        batch instanceof Batch && batch.isLong && batch.overtakenBy < limits.longBatchOvertakenMax;
      if (!mayBePassed) break;
    }
    return at;
  }

  #schedule(): void {
    if (this.#isRunning) return;
    this.#isRunning = true;
    this.#runInNextTurn();
  }

  /** No async function, nor is what it calls: with a batch for every few writes, their promises cost more than the writes. */
  #run(): void {
    const next = this.#queue.shift();
    if (next === undefined) {
      this.#isRunning = false;
      for (const resolve of this.#drained.splice(0)) resolve();
    } else if (next instanceof Batch) {
      this.#commit(next);
    } else {
      void next().then(() => this.#runInNextTurn());
    }
  }

  #runInNextTurn(): void {
    this.#options.clock.nextTurn(() => this.#run());
  }

  #commit(batch: Batch): void {
    this.#options.write(batch).then(
      (place) => this.#onWritten(batch, place),
      (error: unknown) => this.#onRefused(batch, error),
    );
  }

  #onWritten(batch: Batch, place: BatchPlace): void {
    try {
      this.#options.onDurable(batch, place);
      batch.settle(undefined);
    } catch (error) {
      this.#onRefused(batch, error);
      return;
    }
    this.#onSettled(batch);
  }

  #onRefused(batch: Batch, error: unknown): void {
    const refusal = error instanceof StoreError ? error : unexpected(error);
    this.#options.onRefused(batch, refusal);
    batch.settle(refusal);
    this.#onSettled(batch);
  }

  #onSettled(batch: Batch): void {
    this.#queueBytes -= batch.bytes - batchHeaderBytes;
    this.#buffers.give(batch.buffer);
    // Those who were just answered may write again in this turn: they then share the next sync.
    if (this.#options.syncsEach && this.#hasCompany(batch)) {
      this.#options.clock.startTimer(limits.commitDelayMs, () => this.#run());
    } else {
      this.#runInNextTurn();
    }
  }

  /** Whether so many come that more will within a moment; not if a second batch waits already. */
  #hasCompany(last: Batch): boolean {
    const waiting = this.#queue[0];
    const arrivals = last.arrivals + (waiting instanceof Batch ? waiting.arrivals : 0);
    return this.#queue.length < 2 && arrivals >= limits.commitDelayFromArrivals;
  }
}

function unexpected(error: unknown): StoreError {
  return new StoreError('INTERNAL', 'a batch could not be written', { cause: error });
}
