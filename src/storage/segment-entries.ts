/**
 * Walks the entries of a sealed segment that recovery or the writer has found good.
 *
 * Anything else than what was written ends the walk with `LOG_CORRUPT`: whoever rewrites or
 * summarises a segment must not do so from guesses.
 */

import type { Checksum } from '../core/crc32.ts';
import { errorCodeOf, StoreError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import type { Clock } from '../ports/clock.ts';
import { FileWindow } from './file-window.ts';
import { nextTurn } from './next-turn.ts';
import {
  batchChecksum,
  batchHeaderBytes,
  entryFits,
  readBatchHeader,
  readEntry,
  segmentHeaderBytes,
  type EntryView,
} from './segment-format.ts';
import type { Segment } from './segment.ts';

/** A batch, or a part of one that is long; a view that is good until the next one is drawn. */
export interface SegmentPart {
  /** Entries appended in the life of the log before these. */
  readonly sequence: number;
  readonly bytes: Uint8Array;
  /** Where `bytes` lies in the file. */
  readonly fileOffset: number;
  readonly entries: readonly EntryView[];
}

export interface SegmentWalk {
  readonly checksum: Checksum;
  readonly clock: Pick<Clock, 'nextTurn'>;
}

/**
 * All entries in log order, with a turn of the event loop whenever so many were handed out that clients may wait. Marks the
 * segment as damaged when it is.
 */
export async function* segmentParts(segment: Segment, options: SegmentWalk): AsyncGenerator<SegmentPart> {
  try {
    yield* walk(segment, options);
  } catch (error) {
    const code = errorCodeOf(error);
    if (code === 'LOG_CORRUPT' || code === 'DISK_READ_FAILED') segment.damaged = true;
    throw error;
  }
}

async function* walk(segment: Segment, options: SegmentWalk): AsyncGenerator<SegmentPart> {
  const { checksum, clock } = options;
  let entriesInTurn = 0;
  const window = new FileWindow(segment.file, segment.end, limits.maintenanceReadBytes);
  let offset = segmentHeaderBytes;
  while (offset < segment.end) {
    if (offset + batchHeaderBytes > segment.end) throw corrupt(segment, offset);
    if (!window.has(offset, batchHeaderBytes)) await window.load(offset, batchHeaderBytes);
    const header = readBatchHeader(window.bytes, offset - window.start);
    const length = batchHeaderBytes + header.payloadBytes;
    if (header.batchMark !== segment.batchMark || offset + length > segment.end)
      throw corrupt(segment, offset);
    if (!window.has(offset, length)) await window.load(offset, length);
    const { bytes, start } = window;
    const at = offset - start;
    if (batchChecksum(bytes, at, header.payloadBytes, checksum) !== header.checksum) {
      throw corrupt(segment, offset);
    }
    let sequence = header.sequence;
    let entries: EntryView[] = [];
    for (let entryAt = at + batchHeaderBytes; entryFits(bytes, entryAt, at + length);) {
      const entry = readEntry(bytes, entryAt);
      entries.push(entry);
      entryAt += entry.length;
      if (++entriesInTurn < limits.maintenanceEntriesPerTurn) continue;
      yield { sequence, bytes, fileOffset: start, entries };
      await nextTurn(clock);
      sequence += entries.length;
      entries = [];
      entriesInTurn = 0;
    }
    if (entries.length > 0) yield { sequence, bytes, fileOffset: start, entries };
    offset += length;
  }
}

function corrupt(segment: Segment, offset: number): StoreError {
  return new StoreError(
    'LOG_CORRUPT',
    `the batch at offset ${offset} of ${segment.path} does not match its checksum; ` +
      'the segment is kept as it is, and its records heal from the other owners as they are read',
  );
}
