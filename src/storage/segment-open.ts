/**
 * Opens a segment file at recovery and takes what its header, or a checkpoint, says of it.
 */

import type { Checksum } from '../core/crc32.ts';
import type { Disk } from '../ports/disk.ts';
import type { NamedSegment } from './checkpoint-restore.ts';
import { decodeSegmentHeader, segmentHeaderBytes, type SegmentHeader } from './segment-format.ts';
import { segmentPath, type SegmentName } from './segment-name.ts';
import { Segment } from './segment.ts';

export interface OpenedSegment {
  readonly segment: Segment;
  /** Length of the file. */
  readonly size: number;
  /** Whether its header is whole. */
  readonly hasHeader: boolean;
  /** What a checkpoint knows of it. */
  readonly named: NamedSegment | undefined;
}

/** Opens the file and reads its header. The segment counts as sealed until recovery decides to write on. */
export async function openSegment(
  disk: Disk,
  name: SegmentName,
  options: {
    readonly checksum: Checksum;
    readonly mode: 'readwrite' | 'read';
    readonly named: NamedSegment | undefined;
  },
): Promise<OpenedSegment> {
  const { checksum, mode, named } = options;
  const file = await disk.open(segmentPath(name), mode);
  const size = await file.size();
  const bytes = new Uint8Array(Math.min(size, segmentHeaderBytes));
  await file.read(bytes, 0);
  const header = decodeSegmentHeader(bytes, checksum);
  const own = header !== undefined && isOf(header, name) ? header : undefined;
  // A mark of zero in a checkpoint stands for one that was not known either.
  const namedMark = named === undefined || named.batchMark === 0 ? undefined : named.batchMark;
  const segment = new Segment({
    ...name,
    batchMark: own?.batchMark ?? namedMark,
    sequence: own?.sequence ?? named?.sequence ?? 0,
    file,
    end: named?.end ?? 0,
  });
  segment.sealed = true;
  if (named !== undefined) {
    segment.liveBytes = named.extent.liveBytes;
    segment.dropBytes = named.dropBytes;
    segment.collectedBytes = named.collectedBytes;
    segment.cleanSequence = named.cleanSequence;
    segment.mayHoldHints = named.mayHoldHints;
    segment.damaged = named.damaged;
  }
  return { segment, size, hasHeader: own !== undefined, named };
}

function isOf(header: SegmentHeader, name: SegmentName): boolean {
  return (
    header.firstId === name.firstId && header.lastId === name.lastId && header.generation === name.generation
  );
}
