/**
 * What keeps the log small and quick to start, in the background: hint files for finished segments,
 * checkpoints, compaction, backups. One at a time, in one queue: a checkpoint must not see a
 * compaction half done, and nothing may delete what a backup is linking.
 *
 * A failure of this work fails nothing else: it is logged, and tried again at the next occasion.
 */

import type { Checksum } from '../core/crc32.ts';
import { errorCodeOf, errorMessageOf } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import type { Clock } from '../ports/clock.ts';
import type { Disk } from '../ports/disk.ts';
import type { Observer } from '../ports/observer.ts';
import type { Random } from '../ports/random.ts';
import { copyStore } from './backup.ts';
import type { Checkpointer } from './checkpointer.ts';
import { compact } from './compaction.ts';
import {
  compactionShare,
  planCompaction,
  runOf,
  type CompactionCandidate,
  type CompactionRun,
} from './compaction-plan.ts';
import { writeHints } from './hint-writer.ts';
import type { LogIndex } from './log-index.ts';
import type { AppliedPosition } from './log-replay.ts';
import { hintPathOf, logDirectory } from './segment-name.ts';
import type { Segment } from './segment.ts';
import type { StabilityFloors } from './stability-floors.ts';
import { checkStopped } from './stopping.ts';

/** A finished segment gets a hint file as long as at least this share of it is alive. */
const hintedShareMin = 0.5;

export interface MaintenanceOptions {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly random: Random;
  readonly observer: Observer;
  readonly checksum: Checksum;
  readonly index: LogIndex;
  readonly floors: StabilityFloors;
  readonly checkpointer: Checkpointer;
  readonly checkpointAfterBytes?: number;
  /** What recovery had to replay. */
  readonly bytesSinceCheckpoint: number;
  readonly segmentBytesMax: number;
  readonly compactionBytesPerSecond?: number;
  /** See `CompactionLimits.deadBytesMin`; what fills a few segments unless told. */
  readonly compactionDeadBytesMin?: number;
  readonly position: () => AppliedPosition;
  readonly syncLog: () => Promise<void>;
}

export class Maintenance {
  readonly #options: Required<MaintenanceOptions>;
  readonly #stop = new AbortController();
  /** The last task queued; settles without ever rejecting. */
  #queue: Promise<unknown> = Promise.resolve();
  /** Finished segments without a hint file. */
  #unhinted: Segment[] = [];
  /** Replaced by a compaction; deleted after the next checkpoint. */
  #replaced: Segment[] = [];
  #bytesSinceCheckpoint: number;
  #isRoundQueued = false;
  #compactions = 0;
  #compactedBytes = 0;

  constructor(options: MaintenanceOptions) {
    const { segmentBytesMax } = options;
    this.#options = {
      ...options,
      checkpointAfterBytes: options.checkpointAfterBytes ?? limits.checkpointAfterBytesDefault,
      compactionBytesPerSecond: options.compactionBytesPerSecond ?? limits.compactionBytesPerSecondDefault,
      compactionDeadBytesMin:
        options.compactionDeadBytesMin ?? limits.compactionDeadSegmentsDefault * segmentBytesMax,
    };
    this.#bytesSinceCheckpoint = options.bytesSinceCheckpoint;
  }

  get compactions(): number {
    return this.#compactions;
  }

  get compactedBytes(): number {
    return this.#compactedBytes;
  }

  /** The log has grown. */
  appended(bytes: number): void {
    this.#bytesSinceCheckpoint += bytes;
    if (this.#bytesSinceCheckpoint >= this.#options.checkpointAfterBytes) this.#queueRound();
  }

  /** A segment is finished. */
  sealed(segment: Segment): void {
    this.#unhinted.push(segment);
    this.#queueRound();
  }

  /** Writes a checkpoint once what is under way is done. Rejects with the disk's error. */
  checkpoint(): Promise<void> {
    return this.#enqueue(() => this.#checkpoint());
  }

  /** Copies the store to a new folder. Rejects with the disk's error or `BAD_REQUEST`. */
  backup(path: string): Promise<void> {
    return this.#enqueue(async () => {
      await this.#checkpoint();
      const { disk, index, checkpointer, floors, checksum } = this.#options;
      const segments = index.segments.inOrder().filter((segment) => segment.end > 0);
      await copyStore({ disk, path, segments, checkpointNumber: checkpointer.number, floors, checksum });
    });
  }

  /**
   * Rewrites every finished segment that holds more than the index points to, from the oldest on: what one
   * keeps only for the sake of older ones can then go.
   */
  compactNow(): Promise<void> {
    return this.#enqueue(async () => {
      for (let doneId = 0; ;) {
        const plan = this.#nextToClean(doneId);
        if (plan === undefined) return;
        doneId = this.#options.index.segments.inOrder()[plan.to]?.lastId ?? Number.MAX_SAFE_INTEGER;
        await this.#compactRun(plan);
      }
    });
  }

  /** The first run behind an id that has anything to lose, as long as its result fits one segment. */
  #nextToClean(doneId: number): CompactionRun | undefined {
    const { index, segmentBytesMax, position } = this.#options;
    const segments = index.segments.inOrder();
    const isClean = (segment: Segment): boolean => segment.isSpotless && segment.cleanSequence > 0;
    // Nothing in such a segment is dead, so nothing in it was superseded.
    for (const segment of segments) if (isClean(segment)) segment.cleanSequence = position().sequence;
    const candidates = this.#candidates();
    let from = -1;
    let kept = 0;
    for (const [at, segment] of segments.entries()) {
      if (segment.firstId <= doneId) continue;
      kept += segment.liveBytes;
      const isWanted = candidates[at]?.isEligible === true && !isClean(segment);
      if (from >= 0 && (!isWanted || kept > segmentBytesMax)) return runOf(candidates, from, at - 1);
      if (from >= 0 || !isWanted) continue;
      from = at;
      kept = segment.liveBytes;
    }
    return from < 0 ? undefined : runOf(candidates, from, segments.length - 1);
  }

  /** Gives up what can be given up and waits for the rest. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#queue;
  }

  /** The last checkpoint, after `stop`, so that the next start has nothing to replay. */
  async finish(): Promise<void> {
    if (this.#bytesSinceCheckpoint > 0 || this.#replaced.length > 0) await this.#checkpoint();
  }

  #enqueue(task: () => Promise<void>): Promise<void> {
    const result = this.#queue.then(() => {
      checkStopped(this.#stop.signal);
      return task();
    });
    this.#queue = result.catch(() => undefined);
    return result;
  }

  #queueRound(): void {
    if (this.#isRoundQueued || this.#stop.signal.aborted) return;
    this.#isRoundQueued = true;
    // A round reports its failures itself.
    this.#enqueue(() => this.#round()).catch(() => undefined);
  }

  async #round(): Promise<void> {
    this.#isRoundQueued = false;
    await this.#attempt('checkpoint', async () => {
      if (this.#bytesSinceCheckpoint >= this.#options.checkpointAfterBytes) await this.#checkpoint();
    });
    for (let isWorking = true; isWorking;) {
      isWorking = false;
      await this.#attempt('compaction', async () => {
        isWorking = await this.#compactOnce();
      });
      if (isWorking) continue;
      const segment = this.#takeUnhinted();
      if (segment === undefined) return;
      isWorking = true;
      await this.#attempt('hint file', () => this.#writeHints(segment));
    }
  }

  async #checkpoint(): Promise<void> {
    const bytes = this.#bytesSinceCheckpoint;
    // Counted anew from here even if this fails, or a full disk would be tried at every batch.
    this.#bytesSinceCheckpoint = 0;
    await this.#options.checkpointer.write();
    this.#options.observer.log('debug', 'checkpoint.written', 'the index was written out', {
      logBytes: bytes,
    });
    const { disk } = this.#options;
    const replaced = this.#replaced;
    for (const segment of replaced) {
      segment.retire();
      await disk.remove(segment.path);
      await disk.remove(hintPathOf(segment.path));
    }
    this.#replaced = [];
    if (replaced.length > 0) await disk.syncDirectory(logDirectory);
  }

  /** What is mostly dead waits to be rewritten: where clients write the same keys again and again that is most. */
  #takeUnhinted(): Segment | undefined {
    const at = this.#unhinted.findIndex(({ liveBytes, end }) => liveBytes >= end * hintedShareMin);
    return at < 0 ? undefined : this.#unhinted.splice(at, 1)[0];
  }

  async #writeHints(segment: Segment): Promise<void> {
    const { disk, checksum, clock, index } = this.#options;
    // A segment that a compaction has replaced meanwhile has no use for one.
    if (segment.damaged || !index.segments.inOrder().includes(segment)) return;
    const endSequence = this.#endSequence(segment);
    await writeHints(disk, { segment, endSequence, checksum, clock, signal: this.#stop.signal });
  }

  /** Compacts the best run, if one is worth it; returns whether it did. */
  async #compactOnce(): Promise<boolean> {
    const { segmentBytesMax, compactionDeadBytesMin: deadBytesMin } = this.#options;
    const plan = planCompaction(this.#candidates(), { segmentBytesMax, deadBytesMin });
    if (plan !== undefined) await this.#compactRun(plan);
    return plan !== undefined;
  }

  #candidates(): CompactionCandidate[] {
    const segments = this.#options.index.segments.inOrder();
    return segments.map((segment, at) => ({
      bytes: segment.end,
      liveBytes: segment.liveBytes,
      dropBytes: segment.dropBytes,
      collectedBytes: segment.collectedBytes,
      cleanSequence: segment.cleanSequence,
      endSequence: segments[at + 1]?.sequence ?? this.#options.position().sequence,
      mayHoldHints: segment.mayHoldHints,
      isEligible: segment.sealed && !segment.damaged && segments[at + 1]?.sequence !== 0,
    }));
  }

  async #compactRun(plan: CompactionRun): Promise<void> {
    const { index, position, compactionBytesPerSecond, compactionDeadBytesMin } = this.#options;
    const run = index.segments.inOrder().slice(plan.from, plan.to + 1);
    const last = run.at(-1);
    if (last === undefined) return;
    const { sequence } = position();
    const work = compact({
      ...this.#options,
      run,
      keepsDrops: plan.keepsDrops,
      cleanSequence: plan.cleanSequence,
      endSequence: this.#endSequence(last),
      bytesPerSecond: compactionBytesPerSecond,
      share: compactionShare(this.#candidates(), { deadBytesMin: compactionDeadBytesMin }),
      signal: this.#stop.signal,
    });
    const result = await work.catch((error: unknown) => {
      // The next plan leaves the damaged segment out.
      if (run.some((segment) => segment.damaged)) return this.#report('compaction', error);
      throw error;
    });
    if (result === undefined) return;
    const { segment, bytesRead } = result;
    this.#replaced.push(...run);
    this.#unhinted = this.#unhinted.filter((unhinted) => !run.includes(unhinted));
    this.#compactions++;
    this.#compactedBytes += bytesRead;
    await this.#checkpoint();
    // Only now: until then the files of the run may come back, and with them what is not in the result.
    segment.cleanSequence = sequence;
    await this.#writeHints(segment);
  }

  /** Sequence after the last batch of a finished segment: where the next one starts. */
  #endSequence(segment: Segment): number {
    const segments = this.#options.index.segments.inOrder();
    const next = segments[segments.indexOf(segment) + 1];
    return next?.sequence ?? this.#options.position().sequence;
  }

  async #attempt(what: string, work: () => Promise<void>): Promise<void> {
    if (this.#stop.signal.aborted) return;
    try {
      await work();
    } catch (error) {
      if (errorCodeOf(error) !== 'STORE_CLOSED') this.#report(what, error);
    }
  }

  #report(what: string, error: unknown): void {
    this.#options.observer.log('warn', 'maintenance.failed', `${what} failed; it is tried again later`, {
      error: errorMessageOf(error),
    });
  }
}
