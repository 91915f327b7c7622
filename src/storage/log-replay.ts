/**
 * Replays the segments of the log in order, from its start or from where a checkpoint leaves off, and
 * notices what is missing between them: entries are counted over the whole life of the log.
 */

import type { Checksum } from '../core/crc32.ts';
import type { Disk } from '../ports/disk.ts';
import type { LogIndex } from './log-index.ts';
import type { Quarantine } from './quarantine.ts';
import { firstGeneration, segmentHeaderBytes } from './segment-format.ts';
import type { SegmentName } from './segment-name.ts';
import type { OpenedSegment } from './segment-open.ts';
import { replayHintFile, replaySegment } from './segment-replay.ts';

/** A point of the log such that all before it is in the index. */
export interface AppliedPosition {
  /** First id of the segment. */
  readonly segmentId: number;
  readonly offset: number;
  /** Entries appended before it in the whole life of the log. */
  readonly sequence: number;
}

/** Where the replay of a whole log starts. */
export const startOfLog: AppliedPosition = { segmentId: 0, offset: 0, sequence: 0 };

export interface LogReplayOptions {
  readonly disk: Disk;
  readonly checksum: Checksum;
  readonly quarantine: Quarantine;
  readonly index: LogIndex;
  /** In log order, and in the index's segment table. */
  readonly opened: readonly OpenedSegment[];
  readonly from: AppliedPosition;
}

/** Returns the sequence at which the log ends. */
export async function replayLog(options: LogReplayOptions): Promise<number> {
  const { opened, from, quarantine, index, checksum } = options;
  let { sequence } = from;
  for (const [position, { segment, size, hasHeader }] of opened.entries()) {
    if (isBefore(segment, from)) continue;
    const isResumed = segment.firstId === from.segmentId && from.offset > 0;
    const next = opened[position + 1];
    if (!isResumed && hasHeader && segment.sequence > sequence) {
      const reason = `${segment.sequence - sequence} entries before it are missing`;
      quarantine.note({ file: segment.path, offset: 0, bytes: 0, reason });
      await quarantine.loseEvidence('damaged');
    }
    if (!isResumed && hasHeader && next !== undefined) {
      const end = await replayHintFile({ ...options, segment, size });
      if (end !== undefined) {
        sequence = Math.max(sequence, end);
        continue;
      }
    }
    const result = await replaySegment({
      segment,
      size,
      index,
      checksum,
      quarantine,
      from: isResumed ? from : undefined,
      nextSequence: next?.hasHeader === true ? next.segment.sequence : undefined,
      // A file that was made and never written to says nothing about the one before it.
      isLast: opened.slice(position + 1).every((later) => later.size === 0),
    });
    if (!isResumed && !hasHeader && size > 0) await noteHeader(options, position);
    if (result.evidenceLost) await quarantine.loseEvidence('damaged');
    if (result.isDamaged || (!hasHeader && !isResumed)) segment.damaged = true;
    sequence = Math.max(sequence, result.sequence);
  }
  return sequence;
}

/**
 * Whether all of a segment lies before a position. So does one that a compaction has written, although
 * it starts with the very segment that the position names: only finished ones are compacted.
 */
export function isBefore(segment: SegmentName, position: AppliedPosition): boolean {
  const isCompacted = segment.generation > firstGeneration;
  return segment.firstId < position.segmentId || (isCompacted && segment.firstId === position.segmentId);
}

/** A header without a single batch behind it, in the last file, is as torn as a batch would be. */
async function noteHeader(options: LogReplayOptions, position: number): Promise<void> {
  const { opened, quarantine } = options;
  const file = opened[position];
  if (file === undefined) return;
  const { segment, size } = file;
  const isTorn = position === opened.length - 1 && segment.end <= segmentHeaderBytes;
  const reason = isTorn
    ? 'torn tail: the header and the first batch were not completely written'
    : 'the header of the segment does not match its checksum';
  const bytes = Math.min(size, segmentHeaderBytes);
  await quarantine.keep(segment.file, { file: segment.path, offset: 0, bytes, reason });
}
