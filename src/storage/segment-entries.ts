/**
 * Walks the entries of a sealed segment that recovery or the writer has found good.
 *
 * Anything else than what was written ends the walk with `LOG_CORRUPT`: whoever rewrites or
 * summarises a segment must not do so from guesses.
 */

import { readUint32 } from '../core/bytes.ts';
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
  entryHeaderBytes,
  entryIsIntact,
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
export function segmentParts(segment: Segment, options: SegmentWalk): AsyncGenerator<SegmentPart> {
  return marking(segment, walk(segment, options));
}

/**
 * Only the entries at these ascending offsets, verified one by one, in the same way. Their exact sequences are not known: those
 * given rise as theirs do and are no greater.
 */
export function segmentPartsAt(
  segment: Segment,
  offsets: Uint32Array,
  options: SegmentWalk,
): AsyncGenerator<SegmentPart> {
  return marking(segment, walkAt(segment, offsets, options));
}

async function* marking(segment: Segment, parts: AsyncGenerator<SegmentPart>): AsyncGenerator<SegmentPart> {
  try {
    yield* parts;
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

async function* walkAt(
  segment: Segment,
  offsets: Uint32Array,
  { checksum, clock }: SegmentWalk,
): AsyncGenerator<SegmentPart> {
  const window = new FileWindow(segment.file, segment.end, limits.maintenanceReadBytes);
  let { sequence } = segment;
  let entries: EntryView[] = [];
  let last = -1;
  for (const offset of offsets) {
    if (offset === last) continue;
    last = offset;
    if (!hasEntry(window, offset)) {
      if (entries.length > 0) {
        yield { sequence, bytes: window.bytes, fileOffset: window.start, entries };
        await nextTurn(clock);
      }
      sequence += entries.length;
      entries = [];
      await loadEntry(segment, window, offset);
    }
    const at = offset - window.start;
    if (!entryIsIntact(window.bytes, at, checksum)) throw corrupt(segment, offset, 'entry');
    entries.push(readEntry(window.bytes, at));
    if (entries.length < limits.maintenanceEntriesPerTurn) continue;
    yield { sequence, bytes: window.bytes, fileOffset: window.start, entries };
    await nextTurn(clock);
    sequence += entries.length;
    entries = [];
  }
  if (entries.length > 0) yield { sequence, bytes: window.bytes, fileOffset: window.start, entries };
}

/** Whether all of the entry at an offset is in memory. */
function hasEntry(window: FileWindow, offset: number): boolean {
  return (
    window.has(offset, entryHeaderBytes) &&
    entryFits(window.bytes, offset - window.start, window.end - window.start)
  );
}

async function loadEntry(segment: Segment, window: FileWindow, offset: number): Promise<void> {
  if (offset + entryHeaderBytes > segment.end) throw corrupt(segment, offset, 'entry');
  await window.load(offset, entryHeaderBytes);
  const at = offset - window.start;
  if (!entryFits(window.bytes, at, at + segment.end - offset)) throw corrupt(segment, offset, 'entry');
  await window.load(offset, readUint32(window.bytes, at));
}

function corrupt(segment: Segment, offset: number, what: 'batch' | 'entry' = 'batch'): StoreError {
  return new StoreError(
    'LOG_CORRUPT',
    `the ${what} at offset ${offset} of ${segment.path} does not match its checksum; ` +
      'the segment is kept as it is, and its records heal from the other owners as they are read',
  );
}
