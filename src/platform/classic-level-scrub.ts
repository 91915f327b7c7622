/**
 * Scrub of the `classic-level` engine: reads every record of the own space again by its digest row, slowly.
 *
 * A record that does not match its checksum or its digest row is noted as damage, which takes it out of the sum of
 * its partition, and its bytes are copied to a quarantine row. Simplified: hints are verified when they
 * are delivered, and a record row without any digest row is not looked for.
 */

import { errorCodeOf, StoreError } from '../core/errors.ts';
import { treeRange, treeRoot } from '../core/hash-tree.ts';
import type { Token } from '../core/token.ts';
import type { Clock } from '../ports/clock.ts';
import { ScrubProgress } from '../storage/scrub-progress.ts';
import type { ScrubOptions, ScrubReport } from '../storage/store.ts';
import type { ClassicLevelDatabase } from './classic-level-database.ts';
import type { ClassicLevelReader } from './classic-level-reader.ts';
import {
  digestKind,
  ownSpace,
  parseRowKey,
  quarantineKind,
  recordKind,
  rowKey,
  tokenRowRange,
} from './classic-level-rows.ts';
import type { ClassicLevelWriter } from './classic-level-writer.ts';

/** Keys looked at before the rate is. */
const pageKeys = 64;

export interface ClassicLevelScrubberOptions {
  readonly database: ClassicLevelDatabase;
  readonly reader: ClassicLevelReader;
  readonly writer: ClassicLevelWriter;
  readonly clock: Clock;
  readonly partitions: number;
}

export class ClassicLevelScrubber {
  readonly #options: ClassicLevelScrubberOptions;
  readonly #stopping = new AbortController();
  #isUnderWay = false;

  constructor(options: ClassicLevelScrubberOptions) {
    this.#options = options;
  }

  /** See `Store.scrub`. */
  async run(options: ScrubOptions): Promise<ScrubReport> {
    if (this.#isUnderWay) {
      throw new StoreError('OVERLOADED', 'a scrub is under way already', { retryable: true });
    }
    this.#isUnderWay = true;
    const progress = new ScrubProgress(options, this.#options.clock, this.#stopping.signal);
    try {
      const { partitions, writer } = this.#options;
      for (let partition = 0; partition < partitions; partition++) {
        await this.#scrubPartition(partition, progress);
        if (progress.isStopped) break;
        if (!(await writer.recountSum(partition))) progress.sumMismatches++;
      }
      return progress.report();
    } finally {
      this.#isUnderWay = false;
    }
  }

  /** What is under way ends soon. */
  stop(): void {
    this.#stopping.abort();
  }

  async #scrubPartition(partition: number, progress: ScrubProgress): Promise<void> {
    const { database, partitions } = this.#options;
    const range = tokenRowRange(digestKind, treeRange(treeRoot(partition), partitions));
    let after: Uint8Array | undefined;
    for (;;) {
      const start = after === undefined ? { gte: range.gte } : { gt: after };
      const rows = await database.read((native) =>
        native.keys({ ...start, lt: range.lt, limit: pageKeys }).all(),
      );
      for (const row of rows) await this.#scrubKey(parseRowKey(row, ownSpace), progress);
      after = rows.at(-1);
      if (after === undefined) return;
      await progress.pause();
      if (progress.isStopped) return;
    }
  }

  async #scrubKey(
    { key, token }: { readonly key: Uint8Array; readonly token: Token },
    progress: ScrubProgress,
  ): Promise<void> {
    const { reader } = this.#options;
    try {
      const record = await reader.record(ownSpace, key, token);
      // It may have been forgotten since its key was read.
      if (record === undefined) return;
      progress.records++;
      progress.bytes += record.bytes.length;
    } catch (error) {
      if (errorCodeOf(error) !== 'RECORD_CORRUPT') throw error;
      progress.records++;
      progress.corrupt++;
      await this.#quarantine(key, token);
    }
  }

  async #quarantine(key: Uint8Array, token: Token): Promise<void> {
    const { database, writer } = this.#options;
    const value = await database.read((native) => native.get(rowKey(recordKind, ownSpace, token, key)));
    if (value === undefined) return;
    await writer.putRow({ row: rowKey(quarantineKind, ownSpace, token, key), value });
  }
}
