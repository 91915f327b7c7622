/**
 * Scrub of the log engine: reads again whatever the index points to, slowly, and believes nothing.
 *
 * A disk rots where nobody looks, and a copy that cannot be read is none when the other owners fail. What does not
 * match its checksum, or is not the version that its slot names, is marked: it leaves the sum of its partition,
 * so that anti-entropy sees it missing and heals it. Its bytes are copied aside first. Simplified: entries that
 * nothing points to are not read; they are dead, and a compaction verifies what it copies.
 */

import { StoreError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import type { Clock } from '../ports/clock.ts';
import type { Observer } from '../ports/observer.ts';
import type { KeySpace } from './key-space.ts';
import type { LogIndex } from './log-index.ts';
import type { PartitionIndex } from './partition-index.ts';
import type { PlacedToken, PlaceReader } from './place-reader.ts';
import type { Quarantine } from './quarantine.ts';
import { ScrubProgress } from './scrub-progress.ts';
import { entryHeaderBytes } from './segment-format.ts';
import type { ScrubOptions, ScrubReport } from './store.ts';

interface Suspect extends PlacedToken {
  /** The checksum of the version that the index has there. */
  readonly checksum: number;
}

export interface ScrubberOptions {
  readonly index: LogIndex;
  readonly places: PlaceReader;
  readonly quarantine: Quarantine;
  readonly clock: Clock;
  readonly observer: Observer;
}

export class Scrubber {
  readonly #options: ScrubberOptions;
  readonly #stopping = new AbortController();
  #underWay: Promise<ScrubReport> | undefined;

  constructor(options: ScrubberOptions) {
    this.#options = options;
  }

  /** See `Store.scrub`. */
  async run(options: ScrubOptions): Promise<ScrubReport> {
    if (this.#underWay !== undefined) {
      throw new StoreError('OVERLOADED', 'a scrub is under way already', { retryable: true });
    }
    const progress = new ScrubProgress(options, this.#options.clock, this.#stopping.signal);
    this.#underWay = this.#run(progress);
    try {
      return await this.#underWay;
    } finally {
      this.#underWay = undefined;
    }
  }

  /** Ends what is under way and waits for it. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    // Who started it gets its error.
    await this.#underWay?.catch(() => undefined);
  }

  async #run(progress: ScrubProgress): Promise<ScrubReport> {
    for (const space of [...this.#options.index.spaces()]) {
      for (const [partition, table] of space.tables.entries()) {
        await this.#scrubTable(space, table, progress);
        if (progress.isStopped) return progress.report();
        if (table.recountSum()) continue;
        progress.sumMismatches++;
        const message = `the sum of partition ${partition} was not that of its versions; it has been put right`;
        this.#options.observer.log('error', 'scrub.sum-mismatch', message, { partition });
      }
    }
    return progress.report();
  }

  async #scrubTable(space: KeySpace, table: PartitionIndex, progress: ScrubProgress): Promise<void> {
    let slot = table.firstSlot();
    while (slot >= 0) {
      const page = this.#pageFrom(table, slot);
      await this.#scrubPage(space, page, progress);
      await progress.pause();
      if (progress.isStopped) return;
      slot = slotBehind(table, page);
    }
  }

  /** Entries from a slot on, all of one token together. */
  #pageFrom(table: PartitionIndex, first: number): readonly Suspect[] {
    const page: Suspect[] = [];
    let bytes = 0;
    for (let slot = first; slot >= 0; slot = table.slotAfter(slot)) {
      const token = { high: table.tokenHighAt(slot), low: table.tokenLowAt(slot) };
      const last = page.at(-1)?.token;
      const isSameToken = last?.high === token.high && last.low === token.low;
      if (bytes >= limits.scrubPageBytes && !isSameToken) break;
      const place = this.#options.index.placeOf(table, slot);
      page.push({ token, place, checksum: table.checksumAt(slot) });
      bytes += place.length;
    }
    return page;
  }

  async #scrubPage(space: KeySpace, page: readonly Suspect[], progress: ScrubProgress): Promise<void> {
    const { index, places, quarantine } = this.#options;
    for (const { place } of page) place.segment.pin();
    try {
      const records = await places.readEach(space, page);
      for (const [number, { token, place, checksum }] of page.entries()) {
        progress.records++;
        progress.bytes += place.length - entryHeaderBytes - space.nameBytes.length;
        if (records[number]?.version.checksum === checksum) continue;
        progress.corrupt++;
        index.markDamaged(space, token, place);
        const { segment, offset, length } = place;
        const reason = 'a scrub found that the entry is not what was written';
        await quarantine.keep(segment.file, { file: segment.path, offset, bytes: length, reason });
      }
    } finally {
      for (const { place } of page) place.segment.release();
    }
  }
}

/** Where a walk goes on behind a page: slots have moved meanwhile. */
function slotBehind(table: PartitionIndex, page: readonly Suspect[]): number {
  const last = page.at(-1)?.token;
  if (last === undefined) return -1;
  let slot = table.seek(last);
  while (slot >= 0 && table.tokenHighAt(slot) === last.high && table.tokenLowAt(slot) === last.low) {
    slot = table.slotAfter(slot);
  }
  return slot;
}
