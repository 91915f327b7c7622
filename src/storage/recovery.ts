/**
 * Brings the log back after a stop or a crash: which files count, what of them to believe, and where
 * to write on.
 *
 * It always starts. Nothing that was acknowledged before a damaged batch is lost, what is not
 * believed is listed and copied aside, and files are deleted or cut only once all the others have been
 * read. It ends with a sync: what was read may have been in the page cache only, and answering from
 * it before it is durable would be a read that a power cut takes back.
 */

import type { Checksum } from '../core/crc32.ts';
import { errorMessageOf } from '../core/errors.ts';
import type { Disk, DiskFile } from '../ports/disk.ts';
import type { Observer } from '../ports/observer.ts';
import { EntryReader } from './entry-reader.ts';
import { LogIndex } from './log-index.ts';
import type { Quarantine } from './quarantine.ts';
import { planWithoutCheckpoint, type RecoveryPlan } from './recovery-plan.ts';
import { decodeSegmentHeader, firstGeneration, segmentHeaderBytes } from './segment-format.ts';
import { hintPathOf, logDirectory, parseSegmentName, segmentPath, type SegmentName } from './segment-name.ts';
import { replaySegment } from './segment-replay.ts';
import { Segment, SegmentTable } from './segment.ts';

export interface RecoveryOptions {
  readonly disk: Disk;
  readonly observer: Observer;
  readonly checksum: Checksum;
  readonly partitions: number;
  readonly quarantine: Quarantine;
}

export interface RecoveredLog {
  readonly index: LogIndex;
  readonly reader: EntryReader;
  /** The last segment, if it is fit to be written on. */
  readonly active: Segment | undefined;
  readonly lastId: number;
  /** Entries appended in the whole life of the log. */
  readonly sequence: number;
}

interface OpenedSegment {
  readonly segment: Segment;
  readonly size: number;
  readonly isHeaderKnown: boolean;
}

export async function recoverLog(options: RecoveryOptions): Promise<RecoveredLog> {
  return await new Recovery(options).run();
}

class Recovery {
  readonly #options: RecoveryOptions;

  constructor(options: RecoveryOptions) {
    this.#options = options;
  }

  async run(): Promise<RecoveredLog> {
    const { disk, quarantine } = this.#options;
    await disk.makeDirectory(logDirectory);
    await disk.syncDirectory('');
    await quarantine.load();
    const found = await this.#findSegments();
    return await this.#recover(planWithoutCheckpoint(found));
  }

  /** The segments in the log's folder; leftovers of unfinished work are deleted. */
  async #findSegments(): Promise<SegmentName[]> {
    const { disk } = this.#options;
    const names: SegmentName[] = [];
    const entries = await disk.list(logDirectory);
    for (const { name, isDirectory } of entries) {
      const segment = isDirectory ? undefined : parseSegmentName(name);
      if (segment !== undefined) names.push(segment);
      const ownsHint = (other: string): boolean => hintPathOf(other) === name && other !== name;
      const isOrphan = name.endsWith('.hint') && !entries.some((other) => ownsHint(other.name));
      if (name.endsWith('.tmp') || isOrphan) await disk.remove(`${logDirectory}/${name}`);
    }
    return names;
  }

  async #recover(plan: RecoveryPlan): Promise<RecoveredLog> {
    const { disk, partitions, checksum, quarantine } = this.#options;
    const segments = new SegmentTable();
    const reader = new EntryReader({
      checksum,
      onDamage: (place, reason) =>
        quarantine.note({
          file: place.segment.path,
          offset: place.offset,
          bytes: place.length,
          reason,
        }),
    });
    const index = new LogIndex({ segments, reader, partitions });
    const opened = await this.#open(plan);
    for (const { segment } of opened) segments.add(segment);
    const sequence = await this.#replayAll(opened, index);
    const last = opened.at(-1);
    const active = last === undefined ? undefined : await this.#finishLast(last, segments);
    for (const name of plan.remove) {
      await disk.remove(segmentPath(name));
      await disk.remove(hintPathOf(segmentPath(name)));
    }
    await disk.syncDirectory(logDirectory);
    return { index, reader, active, lastId: last?.segment.lastId ?? 0, sequence };
  }

  async #open(plan: RecoveryPlan): Promise<OpenedSegment[]> {
    const opened: OpenedSegment[] = [];
    for (const [position, name] of plan.keep.entries()) {
      const isLast = position === plan.keep.length - 1;
      const file = await this.#options.disk.open(segmentPath(name), isLast ? 'readwrite' : 'read');
      opened.push(await this.#openSegment(name, file));
    }
    return opened;
  }

  async #openSegment(name: SegmentName, file: DiskFile): Promise<OpenedSegment> {
    const size = await file.size();
    const bytes = new Uint8Array(Math.min(size, segmentHeaderBytes));
    await file.read(bytes, 0);
    const header = decodeSegmentHeader(bytes, this.#options.checksum);
    const isOwn =
      header?.firstId === name.firstId &&
      header.lastId === name.lastId &&
      header.generation === name.generation;
    const segment = new Segment({
      ...name,
      batchMark: isOwn ? header.batchMark : undefined,
      sequence: isOwn ? header.sequence : 0,
      file,
      end: 0,
    });
    segment.sealed = true;
    return { segment, size, isHeaderKnown: isOwn };
  }

  /** Replays all segments in order; returns the sequence after the last. */
  async #replayAll(opened: readonly OpenedSegment[], index: LogIndex): Promise<number> {
    const { quarantine, checksum } = this.#options;
    let sequence = 0;
    for (const [position, { segment, size, isHeaderKnown }] of opened.entries()) {
      const next = opened[position + 1];
      const isLast = next === undefined;
      if (!isHeaderKnown && size > 0) await this.#noteHeader(segment, size, isLast);
      if (isHeaderKnown && segment.sequence > sequence) {
        const reason = `${segment.sequence - sequence} entries before it are missing`;
        quarantine.note({ file: segment.path, offset: 0, bytes: 0, reason });
        await quarantine.loseEvidence();
      }
      const result = await replaySegment({
        segment,
        size,
        index,
        checksum,
        quarantine,
        nextSequence: next?.isHeaderKnown === true ? next.segment.sequence : undefined,
        isLast,
      });
      if (result.evidenceLost) await quarantine.loseEvidence();
      if (result.isDamaged || !isHeaderKnown) segment.damaged = true;
      sequence = Math.max(sequence, result.sequence);
    }
    return sequence;
  }

  /** A header alone in the last file is as torn as a batch would be; anywhere else it is damage. */
  async #noteHeader(segment: Segment, size: number, isLast: boolean): Promise<void> {
    const bytes = Math.min(size, segmentHeaderBytes);
    const isTorn = isLast && size < segmentHeaderBytes;
    const reason = isTorn
      ? 'torn tail: the header was not completely written'
      : 'the header of the segment does not match its checksum';
    const range = { file: segment.path, offset: 0, bytes, reason };
    await this.#options.quarantine.keep(segment.file, range);
  }

  /** Cuts the last segment back to its last good batch and makes it durable. Returns it if it may be written on. */
  async #finishLast(last: OpenedSegment, segments: SegmentTable): Promise<Segment | undefined> {
    const { disk, observer } = this.#options;
    const { segment, size } = last;
    if (!last.isHeaderKnown && segment.end <= segmentHeaderBytes) {
      // Nothing of it was ever acknowledged: it is written anew under the same name.
      segments.remove(segment);
      await segment.file.close();
      await disk.remove(segment.path);
      return undefined;
    }
    let isFit = last.isHeaderKnown && !segment.damaged && segment.generation === firstGeneration;
    if (segment.end < size) {
      try {
        await segment.file.truncate(segment.end);
      } catch (error) {
        isFit = false;
        observer.log(
          'warn',
          'log.truncate-failed',
          `the torn tail of ${segment.path} stays; a new segment is started`,
          { file: segment.path, offset: segment.end, error: errorMessageOf(error) },
        );
      }
    }
    await segment.file.sync();
    segment.syncedEnd = segment.end;
    segment.sealed = !isFit;
    return isFit ? segment : undefined;
  }
}
