/**
 * Writes checkpoints of the index while writes go on.
 *
 * A checkpoint starts from a position of the log such that all before it is in the index; its tables
 * are copied one at a time, with turns in between, so later changes may be in or not. Before it is
 * published the log is synced, so that no slot in it can point to what a power cut takes away.
 * Files that a compaction has replaced are deleted only after a checkpoint without them is durable.
 */

import type { Checksum } from '../core/crc32.ts';
import { limits } from '../core/limits.ts';
import type { Clock } from '../ports/clock.ts';
import type { Disk } from '../ports/disk.ts';
import {
  checkpointPath,
  parseCheckpointName,
  snapshotDirectory,
  writeCheckpoint,
} from './checkpoint-file.ts';
import type { CheckpointSegment, CheckpointTable } from './checkpoint-records.ts';
import type { LogIndex } from './log-index.ts';
import type { AppliedPosition } from './log-replay.ts';
import { nextTurn } from './next-turn.ts';
import type { Quarantine } from './quarantine.ts';
import { segmentFileName } from './segment-name.ts';

export interface CheckpointerOptions {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly checksum: Checksum;
  readonly index: LogIndex;
  readonly quarantine: Quarantine;
  /** Highest number of a checkpoint so far. */
  readonly number: number;
  /** Length of the checkpoint that was loaded, if one was. */
  readonly bytes: number;
  /** Up to where the index holds the log. */
  readonly position: () => AppliedPosition;
  /** Makes the log durable as far as the index reaches. */
  readonly syncLog: () => Promise<void>;
}

export class Checkpointer {
  readonly #options: CheckpointerOptions;
  #number: number;
  #bytes: number;
  #lastWallMs: number | undefined;

  constructor(options: CheckpointerOptions) {
    this.#options = options;
    this.#number = options.number;
    this.#bytes = options.bytes;
  }

  /** Number of the newest checkpoint. */
  get number(): number {
    return this.#number;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get lastWallMs(): number | undefined {
    return this.#lastWallMs;
  }

  /** Writes one; durable when it resolves. Rejects with the disk's error, and nothing has changed then. */
  async write(): Promise<void> {
    const { disk, clock, checksum, index, position, quarantine, syncLog } = this.#options;
    const number = this.#number + 1;
    const { segmentId, offset, sequence } = position();
    this.#bytes = await writeCheckpoint(disk, {
      checksum,
      head: {
        number,
        partitions: index.own.tables.length,
        position: { segmentId, offset },
        sequence,
      },
      tables: this.#tables(),
      finish: async () => {
        await syncLog();
        return {
          actors: index.actors.names,
          segments: this.#segments(),
          evidenceLost: quarantine.hasLost,
        };
      },
    });
    this.#number = number;
    this.#lastWallMs = clock.wallNow();
    await this.#removeOld();
  }

  /** Copies of the tables that hold anything, with a turn between portions of some milliseconds. */
  async *#tables(): AsyncGenerator<CheckpointTable> {
    let copiedBytes = 0;
    for (const space of [...this.#options.index.spaces()]) {
      for (const [number, table] of space.tables.entries()) {
        if (table.count === 0) continue;
        const words = table.dump();
        yield { spaceName: space.name, table: number, words };
        copiedBytes += words.byteLength;
        if (copiedBytes < limits.checkpointTurnBytes) continue;
        copiedBytes = 0;
        await nextTurn(this.#options.clock);
      }
    }
  }

  #segments(): CheckpointSegment[] {
    const segments: CheckpointSegment[] = [];
    for (const segment of this.#options.index.segments.inOrder()) {
      // One without a batch holds nothing and may yet be given up.
      if (segment.end === 0) continue;
      segments.push({
        ordinal: segment.ordinal,
        fileName: segmentFileName(segment),
        batchMark: segment.batchMark ?? 0,
        sequence: segment.sequence,
        end: segment.end,
        liveBytes: Math.max(0, segment.liveBytes),
        dropBytes: segment.dropBytes,
        collectedBytes: segment.collectedBytes,
        cleanSequence: segment.cleanSequence,
        sealed: segment.sealed,
        mayHoldHints: segment.mayHoldHints,
        damaged: segment.damaged,
      });
    }
    return segments;
  }

  /** Keeps one spare: should the newest rot, the one before may still do. */
  async #removeOld(): Promise<void> {
    const { disk } = this.#options;
    for (const { name } of await disk.list(snapshotDirectory)) {
      const number = parseCheckpointName(name);
      if (number !== undefined && number < this.#number - 1) await disk.remove(checkpointPath(number));
    }
  }
}
