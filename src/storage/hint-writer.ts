/**
 * Writes the hint file of a sealed segment: what a start without a checkpoint needs of it.
 */

import type { Checksum } from '../core/crc32.ts';
import { decodeRecord } from '../core/record.ts';
import type { Clock } from '../ports/clock.ts';
import type { Disk } from '../ports/disk.ts';
import { writeHintFile, type HintEntry } from './hint-file.ts';
import { segmentParts } from './segment-entries.ts';
import { decodeDrop, recordKind, type EntryView } from './segment-format.ts';
import { nameOf } from './segment-name.ts';
import type { Segment } from './segment.ts';
import { WorkShare } from './work-share.ts';

/** Resolves once the file is durable. `endSequence` is that after the segment's last batch. */
export async function writeHints(
  disk: Disk,
  options: {
    readonly segment: Segment;
    readonly endSequence: number;
    readonly checksum: Checksum;
    readonly clock: Clock;
    /** Aborted when the store is being closed: the work is given up then. */
    readonly signal: AbortSignal;
  },
): Promise<void> {
  const { segment, endSequence, checksum } = options;
  const { batchMark, sequence, end } = segment;
  if (batchMark === undefined) return;
  await writeHintFile(disk, {
    checksum,
    segment: { ...nameOf(segment), batchMark, sequence },
    extent: { endSequence, end },
    pages: hintPages(segment, options),
  });
}

async function* hintPages(
  segment: Segment,
  options: { readonly checksum: Checksum; readonly clock: Clock; readonly signal: AbortSignal },
): AsyncGenerator<readonly HintEntry[]> {
  const share = new WorkShare(options);
  for await (const { bytes, fileOffset, entries } of segmentParts(segment, options)) {
    const page: HintEntry[] = [];
    await share.slice(() => {
      for (const entry of entries) {
        const hint = hintOf(entry, bytes, fileOffset);
        if (hint !== undefined) page.push(hint);
      }
    });
    yield page;
  }
}

function hintOf(entry: EntryView, bytes: Uint8Array, fileOffset: number): HintEntry | undefined {
  const { spaceName, length } = entry;
  const payload = bytes.subarray(entry.payloadStart, entry.start + length);
  const offset = fileOffset + entry.start;
  if (entry.kind === recordKind) {
    const { key, version } = decodeRecord(payload);
    return { kind: 'record', spaceName, key, offset, length, version };
  }
  const drop = decodeDrop(payload);
  if (drop === undefined) return undefined;
  return { kind: 'drop', spaceName, key: drop.key, offset, length, dot: drop.dot };
}
