/**
 * Writes batches to the end of the log, one at a time, and knows what a failing disk means.
 *
 * - A write that finds the disk full is cut back and the batch refused; the next batch tries again.
 * - A write that fails otherwise ends this segment at its last good batch; the next batch starts a
 *   new segment. Recovery copes with whatever lies behind that end.
 * - A sync that fails is the end: what the page cache says afterwards is not what the disk holds
 *   (Rebello et al. 2020, "Can applications recover from fsync failures?"), so nothing is retried,
 *   every write is refused, and only a restart, which reads the disk, helps.
 */

import type { Durability } from '../core/config.ts';
import type { Checksum } from '../core/crc32.ts';
import { assert, errorCodeOf, errorMessageOf, StoreError } from '../core/errors.ts';
import type { CancelTimer, Clock } from '../ports/clock.ts';
import type { Disk } from '../ports/disk.ts';
import type { Observer } from '../ports/observer.ts';
import type { Random } from '../ports/random.ts';
import type { Batch } from './batch.ts';
import {
  encodeSegmentHeader,
  firstGeneration,
  segmentHeaderBytes,
  type SegmentHeader,
} from './segment-format.ts';
import { logDirectory, nameOf, segmentPath } from './segment-name.ts';
import type { LogTail } from './log-tail.ts';
import { Segment, type SegmentTable } from './segment.ts';

export interface LogWriterOptions {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly random: Random;
  readonly observer: Observer;
  readonly checksum: Checksum;
  readonly durability: Durability;
  readonly segmentBytesMax: number;
  readonly segments: SegmentTable;
  readonly tail: LogTail;
  /** The last segment if it may be written on, its id (0 in an empty log), and the entries in the log. */
  readonly active: Segment | undefined;
  readonly lastId: number;
  readonly sequence: number;
  /** Told of each segment that is finished. */
  readonly onSealed: (segment: Segment) => void;
  /** Told once when a sync has failed. */
  readonly onFailed: (reason: string) => void;
}

/** Where a batch has been written. */
export interface BatchPlace {
  readonly segment: Segment;
  readonly offset: number;
}

export class LogWriter {
  readonly #options: LogWriterOptions;
  #active: Segment | undefined;
  /** Given up after a failed write, with content that is not synced yet. */
  readonly #unsynced = new Set<Segment>();
  #lastId: number;
  #sequence: number;
  #state: 'open' | 'full' | 'read-only' | 'failed' = 'open';
  #reason = '';
  #lastSyncWallMs: number | undefined;
  #cancelSync: CancelTimer | undefined;

  constructor(options: LogWriterOptions) {
    this.#options = options;
    this.#active = options.active;
    this.#lastId = options.lastId;
    this.#sequence = options.sequence;
  }

  get state(): 'open' | 'full' | 'read-only' | 'failed' {
    return this.#state;
  }

  get reason(): string {
    return this.#reason;
  }

  /** Entries appended in the whole life of the log. */
  get sequence(): number {
    return this.#sequence;
  }

  get lastSyncWallMs(): number | undefined {
    return this.#lastSyncWallMs;
  }

  /** Writes a batch and makes it as durable as configured. Rejects with the error its entries get. */
  async write(batch: Batch): Promise<BatchPlace> {
    if (this.#state === 'failed') throw this.failedError();
    const segment = this.#segmentWithRoom(batch.bytes) ?? (await this.#nextSegment());
    const batchMark = segment.batchMark;
    assert(batchMark !== undefined, 'a segment that is written to has its mark');
    const chunks = batch.seal(batchMark, this.#sequence);
    const isFirst = segment.end === 0;
    if (isFirst) chunks.unshift(encodeSegmentHeader(headerOf(segment, batchMark), this.#options.checksum));
    const offset = isFirst ? segmentHeaderBytes : segment.end;
    try {
      await segment.file.write(chunks, segment.end);
    } catch (error) {
      throw await this.#afterFailedWrite(segment, error);
    }
    if (this.#options.durability.mode === 'always') await this.#sync(segment, offset + batch.bytes);
    else this.#syncLater();
    segment.end = offset + batch.bytes;
    this.#sequence += batch.count;
    this.#options.tail.keep(segment, isFirst ? 0 : offset, chunks);
    this.#setState('open', '');
    return { segment, offset };
  }

  /** Makes all that was written durable. Rejects with `DISK_SYNC_FAILED`. */
  async sync(): Promise<void> {
    if (this.#state === 'failed') throw this.failedError();
    for (const segment of [...this.#unsynced, this.#active]) {
      if (segment !== undefined && segment.syncedEnd < segment.end) await this.#sync(segment, segment.end);
    }
  }

  /** Ends the segment being written; the next batch starts a new one. */
  async seal(): Promise<void> {
    const segment = this.#active;
    if (segment === undefined || segment.end === 0) return;
    await this.sync();
    this.#active = undefined;
    segment.sealed = true;
    this.#options.onSealed(segment);
  }

  stop(): void {
    this.#cancelSync?.();
    this.#cancelSync = undefined;
  }

  failedError(): StoreError {
    return new StoreError('DISK_SYNC_FAILED', this.#reason);
  }

  #segmentWithRoom(bytes: number): Segment | undefined {
    const active = this.#active;
    if (active === undefined || active.end === 0) return active;
    return active.end + bytes <= this.#options.segmentBytesMax ? active : undefined;
  }

  async #nextSegment(): Promise<Segment> {
    if (this.#active !== undefined) await this.seal();
    return await this.#newSegment();
  }

  async #newSegment(): Promise<Segment> {
    const { disk, random, segments } = this.#options;
    const id = this.#lastId + 1;
    const name = { firstId: id, lastId: id, generation: firstGeneration };
    const path = segmentPath(name);
    let segment: Segment;
    try {
      const file = await disk.open(path, 'create');
      segment = new Segment({
        ...name,
        batchMark: random.below(2 ** 32),
        sequence: this.#sequence,
        file,
        end: 0,
      });
      segments.add(segment);
    } catch (error) {
      throw this.#refuse(error);
    }
    try {
      await disk.syncDirectory(logDirectory);
    } catch (error) {
      throw this.#fail(`the new segment ${path} cannot be made durable`, error);
    }
    this.#lastId = id;
    this.#active = segment;
    return segment;
  }

  #sync(segment: Segment, end: number): Promise<void> {
    return segment.file.sync().then(
      () => {
        if (end > segment.syncedEnd) segment.syncedEnd = end;
        this.#unsynced.delete(segment);
        this.#lastSyncWallMs = this.#options.clock.wallNow();
      },
      (error: unknown) => {
        throw this.#fail(`${segment.path} cannot be synced`, error);
      },
    );
  }

  /** With durability `interval`: at most one timer runs, so what is written first waits no longer than told. */
  #syncLater(): void {
    const { durability, clock } = this.#options;
    if (durability.mode !== 'interval' || this.#cancelSync !== undefined) return;
    this.#cancelSync = clock.startTimer(durability.intervalMs, () => {
      this.#cancelSync = undefined;
      // A failed sync has changed the state and told the node by now; there is nobody else to tell.
      this.sync().catch(() => undefined);
    });
  }

  /** Takes back what a failed write may have left. Returns the error for the batch. */
  async #afterFailedWrite(segment: Segment, error: unknown): Promise<StoreError> {
    const refusal = this.#refuse(error);
    let isCutBack = false;
    try {
      await segment.file.truncate(segment.end);
      isCutBack = true;
    } catch (cause) {
      this.#options.observer.log(
        'warn',
        'log.truncate-failed',
        `${segment.path} keeps the remains of a failed write; a new segment is started`,
        { file: segment.path, offset: segment.end, error: errorMessageOf(cause) },
      );
    }
    if (!isCutBack || refusal.code !== 'DISK_FULL') this.#abandon(segment);
    return refusal;
  }

  #abandon(segment: Segment): void {
    this.#active = undefined;
    if (segment.end > 0) {
      segment.sealed = true;
      if (segment.syncedEnd < segment.end) this.#unsynced.add(segment);
      this.#options.onSealed(segment);
      return;
    }
    this.#options.segments.remove(segment);
    segment.retire();
    // Should this fail too, recovery finds a segment without a header and nothing in it.
    this.#options.disk.remove(segment.path).catch(() => undefined);
  }

  #refuse(error: unknown): StoreError {
    const isFull = errorCodeOf(error) === 'DISK_FULL';
    const reason = errorMessageOf(error);
    this.#setState(isFull ? 'full' : 'read-only', reason);
    return new StoreError(isFull ? 'DISK_FULL' : 'DISK_WRITE_FAILED', reason, {
      cause: error,
      retryable: isFull,
    });
  }

  #fail(what: string, error: unknown): StoreError {
    const reason = `${what}: ${errorMessageOf(error)}. Nothing written since is certain; restart the node.`;
    if (this.#state !== 'failed') {
      this.#setState('failed', reason);
      this.#options.onFailed(reason);
    }
    return this.failedError();
  }

  #setState(state: 'open' | 'full' | 'read-only' | 'failed', reason: string): void {
    if (this.#state === state || this.#state === 'failed') return;
    this.#state = state;
    this.#reason = reason;
    const { observer } = this.#options;
    if (state === 'open') observer.log('info', 'log.writable', 'the disk takes writes again');
    else observer.log('error', `log.${state}`, `writes are refused: ${reason}`);
  }
}

function headerOf(segment: Segment, batchMark: number): SegmentHeader {
  return { ...nameOf(segment), batchMark, sequence: segment.sequence };
}
