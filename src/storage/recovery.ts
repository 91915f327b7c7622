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
import type { Disk } from '../ports/disk.ts';
import type { Observer } from '../ports/observer.ts';
import { checkpointPath, parseCheckpointName, snapshotDirectory } from './checkpoint-file.ts';
import { restoreCheckpoint, type RestoredCheckpoint } from './checkpoint-restore.ts';
import { EntryReader } from './entry-reader.ts';
import { LogIndex } from './log-index.ts';
import { isBefore, replayLog, startOfLog, type AppliedPosition } from './log-replay.ts';
import type { Quarantine } from './quarantine.ts';
import { planWithCheckpoint, planWithoutCheckpoint, type RecoveryPlan } from './recovery-plan.ts';
import { rewriteTail } from './rewrite-tail.ts';
import { firstGeneration, segmentHeaderBytes } from './segment-format.ts';
import { hintPathOf, logDirectory, parseSegmentName, segmentPath, type SegmentName } from './segment-name.ts';
import { openSegment, type OpenedSegment } from './segment-open.ts';
import { SegmentTable, type Segment } from './segment.ts';

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
  /** End of the log. */
  readonly position: AppliedPosition;
  /** Highest number of a checkpoint so far. */
  readonly checkpointNumber: number;
  /** The one that was loaded. */
  readonly checkpoint: { readonly bytes: number; readonly position: AppliedPosition } | undefined;
}

export async function recoverLog(options: RecoveryOptions): Promise<RecoveredLog> {
  return await new Recovery(options).run();
}

/** An index on its way, and the files it is built from. */
interface Attempt {
  readonly index: LogIndex;
  readonly reader: EntryReader;
  readonly plan: RecoveryPlan;
  readonly opened: readonly OpenedSegment[];
  readonly checkpoint: RestoredCheckpoint | undefined;
}

class Recovery {
  readonly #options: RecoveryOptions;
  #checkpointNumber = 0;
  /** Entries that the log held when its newest readable checkpoint was taken. */
  #sequenceMin = 0;

  constructor(options: RecoveryOptions) {
    this.#options = options;
  }

  async run(): Promise<RecoveredLog> {
    const { disk, quarantine, observer } = this.#options;
    await disk.makeDirectory(logDirectory);
    await disk.makeDirectory(snapshotDirectory);
    await disk.syncDirectory('');
    await quarantine.load();
    const found = await this.#findSegments();
    const checkpoints = await this.#findCheckpoints();
    if (found.length === 0 && checkpoints.length === 0) await quarantine.loseEvidence('fresh');
    for (const number of checkpoints) {
      const recovered = await this.#fromCheckpoint(number, found);
      if (typeof recovered !== 'string') return recovered;
      const path = checkpointPath(number);
      const message = `checkpoint ${number} is set aside and the index rebuilt: ${recovered}`;
      observer.log('warn', 'checkpoint.rejected', message, { file: path, reason: recovered });
      await disk.remove(path);
      // For good, before the log is cut and grows again: it must never seem to fit what then lies there.
      await disk.syncDirectory(snapshotDirectory);
    }
    return await this.#fromLog(found);
  }

  async #fromLog(found: readonly SegmentName[]): Promise<RecoveredLog> {
    const plan = planWithoutCheckpoint(found);
    const opened = await this.#open(plan, undefined);
    const attempt = { ...this.#newIndex(), plan, opened, checkpoint: undefined };
    const sequence = await this.#replay(attempt);
    // With the last segment gone as a whole there is no gap to see.
    if (sequence < this.#sequenceMin) await this.#options.quarantine.loseEvidence('damaged');
    return await this.#finish(attempt, sequence);
  }

  /** Recovers with a checkpoint, or returns the reason why not. */
  async #fromCheckpoint(number: number, found: readonly SegmentName[]): Promise<RecoveredLog | string> {
    const { disk, checksum, quarantine } = this.#options;
    const { index, reader } = this.#newIndex();
    const checkpoint = await restoreCheckpoint(disk, { number, checksum, index });
    if (typeof checkpoint === 'string') return checkpoint;
    this.#sequenceMin = Math.max(this.#sequenceMin, checkpoint.position.sequence);
    const names = checkpoint.segments.map((segment) => segment.name);
    const plan = planWithCheckpoint(found, names);
    if (plan === undefined) return 'a segment that it names is gone';
    const { segmentId } = checkpoint.position;
    const isHidden = plan.keep.some((name) => name.lastId < segmentId && !names.includes(name));
    if (isHidden) return 'a segment that it does not name lies before its end';
    const opened = await this.#open(plan, checkpoint);
    const attempt = { index, reader, plan, opened, checkpoint };
    let cut = opened.find((file) => file.size < requiredBytes(file, checkpoint));
    if (cut === undefined) {
      const sequence = await this.#replay(attempt);
      cut = opened.find((file) => file.segment.end < requiredBytes(file, checkpoint));
      if (cut === undefined) return await this.#finish(attempt, sequence);
    }
    for (const { segment } of opened) await segment.file.close();
    // A checkpoint is published after the log was synced, so what is missing had been durable.
    await quarantine.loseEvidence('damaged');
    return `the end of ${cut.segment.path} is gone`;
  }

  #newIndex(): { readonly index: LogIndex; readonly reader: EntryReader } {
    const { checksum, quarantine, partitions } = this.#options;
    const reader = new EntryReader({
      checksum,
      onDamage: ({ segment, offset, length }, reason) =>
        quarantine.note({ file: segment.path, offset, bytes: length, reason }),
    });
    return { reader, index: new LogIndex({ segments: new SegmentTable(), reader, partitions }) };
  }

  /** The segments in the log's folder; leftovers of unfinished work are deleted. */
  async #findSegments(): Promise<SegmentName[]> {
    const { disk } = this.#options;
    const names: SegmentName[] = [];
    const entries = (await disk.list(logDirectory)).filter((entry) => !entry.isDirectory);
    for (const { name } of entries) {
      const segment = parseSegmentName(name);
      if (segment !== undefined) names.push(segment);
      const isOwned = entries.some((other) => other.name !== name && hintPathOf(other.name) === name);
      if (name.endsWith('.tmp') || (name.endsWith('.hint') && !isOwned)) {
        await disk.remove(`${logDirectory}/${name}`);
      }
    }
    return names;
  }

  /** Numbers of the checkpoints, newest first. */
  async #findCheckpoints(): Promise<number[]> {
    const { disk } = this.#options;
    const numbers: number[] = [];
    for (const { name } of await disk.list(snapshotDirectory)) {
      const number = parseCheckpointName(name);
      if (number !== undefined) numbers.push(number);
      else if (name.endsWith('.tmp')) await disk.remove(`${snapshotDirectory}/${name}`);
    }
    this.#checkpointNumber = Math.max(0, ...numbers);
    return numbers.sort((left, right) => right - left);
  }

  async #open(plan: RecoveryPlan, checkpoint: RestoredCheckpoint | undefined): Promise<OpenedSegment[]> {
    const { disk, checksum } = this.#options;
    const named = new Map(checkpoint?.segments.map((segment) => [segmentPath(segment.name), segment]));
    const opened: OpenedSegment[] = [];
    for (const name of plan.keep) {
      const known = named.get(segmentPath(name));
      // What no checkpoint vouches for is synced before it is believed, and some systems sync only what is writable.
      const mode = known === undefined || name === plan.keep.at(-1) ? 'readwrite' : 'read';
      opened.push(await openSegment(disk, name, { checksum, mode, named: known }));
    }
    return opened;
  }

  /** Puts the segments in the index and replays what is not in it yet; returns the sequence at the end. */
  async #replay({ index, opened, checkpoint }: Attempt): Promise<number> {
    // Slots of a checkpoint name segments by ordinal: those come first, others get what is free.
    for (const { segment, named } of opened)
      if (named !== undefined) index.segments.add(segment, named.ordinal);
    for (const { segment, named } of opened) if (named === undefined) index.segments.add(segment);
    return await replayLog({ ...this.#options, index, opened, from: checkpoint?.position ?? startOfLog });
  }

  /** All has been read: now files may be cut and deleted. */
  async #finish(attempt: Attempt, sequence: number): Promise<RecoveredLog> {
    const { disk, quarantine } = this.#options;
    const { index, reader, plan, opened, checkpoint } = attempt;
    const last = opened.at(-1);
    for (const { segment, named } of opened) if (named === undefined) await segment.file.sync();
    const active =
      last === undefined
        ? undefined
        : await this.#finishLast(last, index.segments, checkpoint?.position ?? startOfLog);
    for (const name of plan.remove) {
      await disk.remove(segmentPath(name));
      await disk.remove(hintPathOf(segmentPath(name)));
    }
    await disk.syncDirectory(logDirectory);
    if (checkpoint?.evidenceLost === true) await quarantine.loseEvidence('damaged');
    return {
      index,
      reader,
      active,
      // A checkpoint may end with a segment that was given up since. An id below it would lie behind its back.
      lastId: Math.max(last?.segment.lastId ?? 0, checkpoint?.position.segmentId ?? 0),
      position: {
        segmentId: last?.segment.firstId ?? 0,
        offset: last?.segment.end ?? 0,
        sequence,
      },
      checkpointNumber: this.#checkpointNumber,
      checkpoint,
    };
  }

  /** Cuts the last segment back to its last good batch and makes it durable. Returns it if it may be written on. */
  async #finishLast(
    last: OpenedSegment,
    segments: SegmentTable,
    position: AppliedPosition,
  ): Promise<Segment | undefined> {
    const { disk, observer } = this.#options;
    const { segment, size } = last;
    if (segment.end <= segmentHeaderBytes && segment.liveBytes === 0) {
      // There is no batch in it: it is given up, and the next batch starts a new segment.
      segments.remove(segment);
      await segment.file.close();
      await disk.remove(segment.path);
      return undefined;
    }
    // What is written behind a checkpoint's back would not be replayed: its position may lie past a segment that was
    // given up, and then this one counts as finished.
    const isBehindCheckpoint = segment.firstId < position.segmentId;
    let isFit = !segment.damaged && segment.generation === firstGeneration && !isBehindCheckpoint;
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
    // It was finished once if it has a hint file, and grows again: what comes must not hide behind its former end.
    if (isFit) await disk.remove(hintPathOf(segment.path));
    const durableEnd = position.segmentId === segment.firstId ? position.offset : 0;
    await rewriteTail(segment, durableEnd);
    await segment.file.sync();
    segment.syncedEnd = segment.end;
    segment.sealed = !isFit;
    return isFit ? segment : undefined;
  }
}

/** Bytes of the log that no checkpoint spared reading. */
export function replayedBytes(recovered: RecoveredLog): number {
  const { position } = recovered;
  const from = recovered.checkpoint?.position ?? startOfLog;
  let bytes = 0;
  for (const segment of recovered.index.segments.inOrder()) {
    if (segment.firstId > from.segmentId) bytes += segment.end;
  }
  return position.segmentId === from.segmentId ? position.offset - from.offset : bytes;
}

/** How long a checkpoint needs a segment to be. */
function requiredBytes({ segment, named }: OpenedSegment, checkpoint: RestoredCheckpoint): number {
  const { position } = checkpoint;
  const isPartlyBefore = segment.firstId === position.segmentId && !isBefore(segment, position);
  return Math.max(named?.extent.end ?? 0, isPartlyBefore ? position.offset : 0);
}
