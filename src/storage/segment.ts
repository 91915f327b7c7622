/**
 * An open segment file and what is known of it, and the table that gives segments short ordinals
 * for the index slots.
 *
 * A segment is read by position only, so one open file serves all readers. A retired segment (one
 * that compaction has replaced) stays readable until its last reader is done, then it is closed.
 */

import { StoreError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import type { DiskFile } from '../ports/disk.ts';
import { dropKind } from './segment-format.ts';
import { segmentPath, type SegmentName } from './segment-name.ts';

export interface SegmentParts extends SegmentName {
  readonly batchMark: number | undefined;
  readonly sequence: number;
  readonly file: DiskFile;
  /** Where the next batch goes: 0 as long as not even the header is written. */
  readonly end: number;
}

export class Segment implements SegmentName {
  readonly firstId: number;
  readonly lastId: number;
  readonly generation: number;
  /** Undefined until the scan of a segment with a damaged header has found it. */
  batchMark: number | undefined;
  /** Entries appended in the life of the log before this segment. */
  readonly sequence: number;
  readonly file: DiskFile;
  readonly path: string;
  /** Ordinal in the segment table while it is in there. */
  ordinal = -1;
  /** End of the last good batch. */
  end: number;
  /** Up to where the content is known to be durable. */
  syncedEnd: number;
  /** Bytes of entries that the index points to. */
  liveBytes = 0;
  /** Bytes of drops: dead weight that must be kept as long as older segments may hold what they removed. */
  dropBytes = 0;
  /**
   * Bytes of entries that are forgotten below the stability floor, or that forget: a replay needs them as long
   * as an older segment may hold what they superseded.
   */
  collectedBytes = 0;
  /**
   * All entries appended before this one had been heeded when a compaction wrote the segment: what they superseded
   * is not in it. 0 when no compaction has, or when the files it replaced may still come back.
   */
  cleanSequence = 0;
  /** Its live bytes as a compaction wrote it, with nothing else in it; -1 when none has, or there was more. */
  spotlessBytes = -1;
  /** False only when no record of a hint space lies in it. */
  mayHoldHints = false;
  sealed = false;
  /** What of it the tail in memory has had last, and where among all that this had the first byte of the file would be. */
  tailFrom = 0;
  tailTo = 0;
  tailBase = 0;
  /** Something in it could not be read: compaction leaves it alone. */
  damaged = false;
  #readers = 0;
  #retired = false;

  constructor(parts: SegmentParts) {
    this.firstId = parts.firstId;
    this.lastId = parts.lastId;
    this.generation = parts.generation;
    this.batchMark = parts.batchMark;
    this.sequence = parts.sequence;
    this.file = parts.file;
    this.end = parts.end;
    this.syncedEnd = parts.end;
    this.path = segmentPath(parts);
  }

  /** Notes an entry that lies in it, whether or not the index ends up pointing to it. */
  note(kind: number, space: { readonly isOwn: boolean }, length: number): void {
    if (kind === dropKind) {
      if (space.isOwn) this.collectedBytes += length;
      else this.dropBytes += length;
    } else if (!space.isOwn) this.mayHoldHints = true;
  }

  /** Whether every entry in it is one that the index points to. */
  get isSpotless(): boolean {
    return this.liveBytes === this.spotlessBytes;
  }

  /** Keeps the file open until the matching `release`. */
  pin(): void {
    this.#readers++;
  }

  release(): void {
    this.#readers--;
    this.#closeWhenUnused();
  }

  /** Closes the file once nobody reads from it any more. */
  retire(): void {
    this.#retired = true;
    this.#closeWhenUnused();
  }

  #closeWhenUnused(): void {
    // A close that fails loses nothing: the content was synced, and the number is the system's to free.
    if (this.#retired && this.#readers === 0) this.file.close().catch(() => undefined);
  }
}

/** A point in the log. */
export interface LogPoint {
  readonly segment: SegmentName;
  readonly offset: number;
}

/** Whether a point of the log lies after another. */
export function isLater(point: LogPoint, than: LogPoint): boolean {
  const first = point.segment.firstId - than.segment.firstId;
  return first === 0 ? point.offset > than.offset : first > 0;
}

/** Segments by ordinal. Ordinals are reused, so a slot's ordinal is only good while its segment is here. */
export class SegmentTable {
  readonly #byOrdinal: (Segment | undefined)[] = [];
  #count = 0;

  get count(): number {
    return this.#count;
  }

  /** Gives a segment the lowest free ordinal, or the one it had in a checkpoint. */
  add(segment: Segment, ordinal: number = this.#freeOrdinal()): void {
    if (ordinal >= limits.segmentsMax) {
      throw new StoreError(
        'LIMIT_EXCEEDED',
        `the log has ${this.#count} segments, the most there can be; open the store with larger segments`,
      );
    }
    segment.ordinal = ordinal;
    this.#byOrdinal[ordinal] = segment;
    this.#count++;
  }

  at(ordinal: number): Segment {
    const segment = this.#byOrdinal[ordinal];
    if (segment === undefined) throw new StoreError('INTERNAL', `no segment has ordinal ${ordinal}`);
    return segment;
  }

  has(ordinal: number): boolean {
    return this.#byOrdinal[ordinal] !== undefined;
  }

  remove(segment: Segment): void {
    if (this.#byOrdinal[segment.ordinal] !== segment) return;
    this.#byOrdinal[segment.ordinal] = undefined;
    this.#count--;
  }

  /** All segments in log order. */
  inOrder(): Segment[] {
    const segments: Segment[] = [];
    for (const segment of this.#byOrdinal) if (segment !== undefined) segments.push(segment);
    return segments.sort((left, right) => left.firstId - right.firstId || left.generation - right.generation);
  }

  #freeOrdinal(): number {
    const free = this.#byOrdinal.indexOf(undefined);
    return free < 0 ? this.#byOrdinal.length : free;
  }
}
