/**
 * Raises the stability floors of the log engine, in the one order that loses nothing:
 *
 * 1. the floors are on the disk: a crash must not leave something forgotten and no floor that refuses it;
 * 2. merges are held against them;
 * 3. what had been decided before has settled and is durable: else a power cut could take a tombstone from the
 *    log after it was forgotten, and leave what it had superseded;
 * 4. what can be collected is forgotten.
 *
 * One raise at a time. A crash in between leaves the rest to the next start, which forgets tombstones before
 * anything is asked and expired values behind it.
 */

import type { Checksum } from '../core/crc32.ts';
import type { Clock } from '../ports/clock.ts';
import type { Disk } from '../ports/disk.ts';
import { publishFloors } from './floor-file.ts';
import { FloorSweep, type SweepResult } from './floor-sweep.ts';
import type { LogIndex } from './log-index.ts';
import type { FloorRaise, StabilityFloors } from './stability-floors.ts';

export interface FloorKeeperOptions {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly checksum: Checksum;
  readonly index: LogIndex;
  readonly floors: StabilityFloors;
  /** Resolves once all that was decided so far is in the index and durable. */
  readonly settled: () => Promise<void>;
}

const nothingDropped: SweepResult = { dropped: 0, droppedBytes: 0 };

export class FloorKeeper {
  readonly #options: FloorKeeperOptions;
  readonly #sweep: FloorSweep;
  readonly #stop = new AbortController();
  /** The last sweep or raise; never rejects. */
  #queue: Promise<unknown> = Promise.resolve();

  constructor(options: FloorKeeperOptions) {
    this.#options = options;
    this.#sweep = new FloorSweep(options);
  }

  /** Keys forgotten since the start. */
  get collectedKeys(): number {
    return this.#sweep.collectedKeys;
  }

  /** Forgets again what a replay has brought back; resolves when the tombstones are gone. */
  async start(): Promise<void> {
    await this.#sweep.sweepTombstones();
    const { tables } = this.#options.index.own;
    this.#queue = this.#sweep.sweep(tables.keys(), this.#stop.signal).catch(() => undefined);
  }

  /** See `Store.raiseFloors`. */
  raise(raises: readonly FloorRaise[]): Promise<SweepResult> {
    const result = this.#queue.then(() => this.#raise(raises));
    this.#queue = result.catch(() => undefined);
    return result;
  }

  setRefill(partition: number, refilling: boolean): void {
    this.#options.floors.setRefill(partition, refilling);
    this.#sweep.expectExpiries(partition);
  }

  /** Resolves once nothing is being raised or swept. */
  async idle(): Promise<void> {
    await this.#queue;
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#queue;
  }

  async #raise(all: readonly FloorRaise[]): Promise<SweepResult> {
    const { floors, settled } = this.#options;
    const raises = floors.higher(all);
    if (raises.length === 0 || this.#stop.signal.aborted) return nothingDropped;
    await publishFloors({ ...this.#options, raises });
    floors.raise(raises);
    await settled();
    const partitions = new Set(raises.map(({ partition }) => partition));
    return await this.#sweep.sweep(partitions, this.#stop.signal);
  }
}
