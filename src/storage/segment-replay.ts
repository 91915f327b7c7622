/**
 * Replays one segment file into the index. Replaying is merging: see `log-index.ts`.
 */

import type { Checksum } from '../core/crc32.ts';
import { errorMessageOf, StoreError } from '../core/errors.ts';
import { decodeRecord } from '../core/record.ts';
import { tokenOf } from '../core/token.ts';
import { FileWindow } from './file-window.ts';
import type { EntryPlace } from './entry-reader.ts';
import type { IndexedRecord, LogIndex } from './log-index.ts';
import type { Disk } from '../ports/disk.ts';
import { loadHintFile, type HintEntry } from './hint-file.ts';
import { nameOf } from './segment-name.ts';
import { isAllZeros, type Quarantine } from './quarantine.ts';
import {
  decodeDrop,
  dropKind,
  firstGeneration,
  recordKind,
  segmentHeaderBytes,
  type EntryView,
} from './segment-format.ts';
import { scanSegment, type SegmentScanResult } from './segment-scan.ts';
import type { Segment } from './segment.ts';

export interface SegmentReplayOptions {
  readonly segment: Segment;
  /** Length of the file. */
  readonly size: number;
  readonly index: LogIndex;
  readonly checksum: Checksum;
  readonly quarantine: Quarantine;
  /** Where the replay starts, when not at the segment's start. */
  readonly from: { readonly offset: number; readonly sequence: number } | undefined;
  /** Sequence at which the next segment starts, as far as that is known. */
  readonly nextSequence: number | undefined;
  readonly isLast: boolean;
}

/**
 * Replays a sealed segment from its hint file, if that is whole and the segment as long as it says.
 * Returns the sequence after its last batch, or undefined when the segment itself must be read.
 */
export async function replayHintFile(
  options: Pick<SegmentReplayOptions, 'segment' | 'size' | 'index' | 'checksum'> & { readonly disk: Disk },
): Promise<number | undefined> {
  const { segment, size, index, checksum, disk } = options;
  const { batchMark } = segment;
  if (batchMark === undefined) return undefined;
  const load = await loadHintFile(disk, {
    checksum,
    segment: { ...nameOf(segment), batchMark, sequence: segment.sequence },
    visit: (entries) => {
      for (const entry of entries) if (entry.offset + entry.length <= size) replayHint(index, segment, entry);
    },
  });
  if (load.kind === 'loaded' && load.extent.end <= size) {
    segment.end = load.extent.end;
    segment.syncedEnd = load.extent.end;
    return load.extent.endSequence;
  }
  // What was counted so far is counted again by the scan; what was applied is merged over.
  segment.dropBytes = 0;
  segment.collectedBytes = 0;
  return undefined;
}

/** A read that fails may succeed when it is tried again; past so many attempts the disk has lost what was there. */
const readAttempts = 4;

/** Reads a segment to its end, and sets the segment's `end` and `batchMark`. */
export async function replaySegment(options: SegmentReplayOptions): Promise<SegmentScanResult> {
  const { segment } = options;
  const { batchMark, dropBytes, collectedBytes } = segment;
  for (let attempt = 1; ; attempt++) {
    try {
      return await readSegment(options);
    } catch (error) {
      if (!(error instanceof StoreError) || error.code !== 'DISK_READ_FAILED') throw error;
      if (attempt === readAttempts) return giveUp(options, error);
      // What was applied is merged over, what was counted is counted again.
      segment.batchMark = batchMark;
      segment.dropBytes = dropBytes;
      segment.collectedBytes = collectedBytes;
    }
  }
}

/** A disk that does not hand out this file must not keep the node from starting with the others. */
function giveUp(
  { segment, size, quarantine, nextSequence }: SegmentReplayOptions,
  error: StoreError,
): SegmentScanResult {
  quarantine.note({ file: segment.path, offset: 0, bytes: size, reason: errorMessageOf(error) });
  segment.end = size;
  return {
    end: size,
    sequence: nextSequence ?? segment.sequence,
    evidenceLost: true,
    isDamaged: true,
    endsEmpty: false,
    batchMark: segment.batchMark,
  };
}

async function readSegment(options: SegmentReplayOptions): Promise<SegmentScanResult> {
  const { segment, size, index, checksum, quarantine, from } = options;
  const isHeaderKnown = segment.batchMark !== undefined;
  const isCompacted = segment.generation > firstGeneration;
  const start = Math.min(segmentHeaderBytes, size);
  const result = await scanSegment({
    window: new FileWindow(segment.file, size),
    checksum,
    offset: from?.offset ?? start,
    sequence: from?.sequence ?? (isHeaderKnown ? segment.sequence : 0),
    batchMark: segment.batchMark,
    hasGaps: isCompacted || !isHeaderKnown,
    nextSequence: options.nextSequence,
    isLast: options.isLast,
    onEntry: (entry, bytes, offset) => replayEntry(index, segment, entry, bytes, offset),
    onDamage: async (damage) => {
      const range = {
        file: segment.path,
        offset: damage.offset,
        bytes: damage.bytes,
        reason: damage.reason,
      };
      const isWorthless = damage.isTornTail && (await isAllZeros(segment.file, damage.offset, damage.bytes));
      if (isWorthless) quarantine.note(range);
      else await quarantine.keep(segment.file, range);
    },
  });
  segment.end = result.end;
  segment.batchMark = result.batchMark;
  if (isCompacted && !result.endsEmpty) {
    const reason = 'the file that a compaction wrote is cut short';
    quarantine.note({ file: segment.path, offset: result.end, bytes: 0, reason });
    return { ...result, evidenceLost: true, isDamaged: true };
  }
  return result;
}

function replayHint(index: LogIndex, segment: Segment, entry: HintEntry): void {
  const { key, offset, length } = entry;
  const space = index.space(entry.spaceName);
  const place = { segment, offset, length };
  if (entry.kind === 'record') {
    segment.note(recordKind, space, length);
    applyRecord(index, { space, key, token: tokenOf(key), version: entry.version }, place);
  } else {
    segment.note(dropKind, space, length);
    index.applyDrop({ space, key, token: tokenOf(key), dot: entry.dot }, place);
  }
}

function applyRecord(index: LogIndex, record: IndexedRecord, place: EntryPlace): void {
  index.applyRecord(record, place);
  // The next version of the key is mostly not far.
  index.rememberKey(record);
}

function replayEntry(
  index: LogIndex,
  segment: Segment,
  entry: EntryView,
  bytes: Uint8Array,
  offset: number,
): void {
  const payload = bytes.subarray(entry.payloadStart, entry.start + entry.length);
  const place = { segment, offset, length: entry.length };
  const space = index.space(entry.spaceName);
  if (entry.kind === recordKind) {
    const record = decodeRecord(payload);
    segment.note(recordKind, space, entry.length);
    applyRecord(index, { space, key: record.key, token: record.token, version: record.version }, place);
    return;
  }
  const drop = entry.kind === dropKind ? decodeDrop(payload) : undefined;
  if (drop === undefined) {
    throw new StoreError(
      'FORMAT_UNSUPPORTED',
      `the entry of kind ${entry.kind} at offset ${offset} of ${segment.path} is not one that this version knows; ` +
        'it was written by a newer one, so start that',
    );
  }
  segment.note(dropKind, space, entry.length);
  index.applyDrop({ space, key: drop.key, token: tokenOf(drop.key), dot: drop.dot }, place);
}
