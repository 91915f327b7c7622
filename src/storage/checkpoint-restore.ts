/**
 * Loads a checkpoint into a new index and counts what its slots point to, so that recovery can check
 * that the files still hold it.
 *
 * Whatever is odd about it is a reason to do without: the log holds everything, a checkpoint is only
 * quicker.
 */

import type { Checksum } from '../core/crc32.ts';
import { StoreError } from '../core/errors.ts';
import type { Disk } from '../ports/disk.ts';
import { checkpointPath, loadCheckpoint, type Checkpoint } from './checkpoint-file.ts';
import type { CheckpointSegment, CheckpointTable } from './checkpoint-records.ts';
import { slotWords } from './index-slot.ts';
import type { LogIndex } from './log-index.ts';
import type { AppliedPosition } from './log-replay.ts';
import { parseSegmentName, type SegmentName } from './segment-name.ts';

/** What the slots of a checkpoint point to in one segment. */
export interface SlotExtent {
  liveBytes: number;
  /** Where the last entry ends. */
  end: number;
}

/** A segment that a checkpoint stands on. */
export interface NamedSegment extends CheckpointSegment {
  readonly name: SegmentName;
  readonly extent: SlotExtent;
}

export interface RestoredCheckpoint {
  readonly number: number;
  readonly bytes: number;
  readonly position: AppliedPosition;
  readonly segments: readonly NamedSegment[];
  readonly evidenceLost: boolean;
}

/** Fills a new index with the tables and actors of a checkpoint. Returns the reason when it is not to be believed. */
export async function restoreCheckpoint(
  disk: Disk,
  options: { readonly number: number; readonly checksum: Checksum; readonly index: LogIndex },
): Promise<RestoredCheckpoint | string> {
  const { number, checksum, index } = options;
  const counts = new SlotCounts();
  const visit = (table: CheckpointTable): void => loadTable(index, table, counts);
  const load = await loadCheckpoint(disk, { number, checksum, visit });
  if (load.kind === 'rejected') return load.reason;
  const { checkpoint } = load;
  const reason = restoreActors(index, checkpoint, counts);
  if (reason !== undefined) return `${checkpointPath(number)} ${reason}`;
  const segments: NamedSegment[] = [];
  for (const segment of checkpoint.segments) {
    const name = parseSegmentName(segment.fileName);
    if (name === undefined || segments.some((other) => other.ordinal === segment.ordinal)) {
      return `${checkpointPath(number)} names a segment ${segment.fileName} that there cannot be`;
    }
    segments.push({ ...segment, name, extent: counts.take(segment.ordinal) });
  }
  if (counts.size > 0) return `${checkpointPath(number)} has slots for segments that it does not name`;
  const { bytes, sequence, evidenceLost } = checkpoint;
  return { number, bytes, position: { ...checkpoint.position, sequence }, segments, evidenceLost };
}

/** Extents by segment ordinal. */
class SlotCounts {
  readonly #byOrdinal = new Map<number, SlotExtent>();
  actorMax = -1;

  get size(): number {
    return this.#byOrdinal.size;
  }

  of(ordinal: number): SlotExtent {
    let extent = this.#byOrdinal.get(ordinal);
    if (extent === undefined) {
      extent = { liveBytes: 0, end: 0 };
      this.#byOrdinal.set(ordinal, extent);
    }
    return extent;
  }

  take(ordinal: number): SlotExtent {
    const extent = this.of(ordinal);
    this.#byOrdinal.delete(ordinal);
    return extent;
  }
}

function restoreActors(index: LogIndex, checkpoint: Checkpoint, counts: SlotCounts): string | undefined {
  const partitions = index.own.tables.length;
  if (checkpoint.partitions !== partitions) {
    return `is of ${checkpoint.partitions} partitions, the store of ${partitions}`;
  }
  for (const actor of checkpoint.actors) index.actors.intern(actor);
  if (index.actors.names.length !== checkpoint.actors.length) return 'names an actor twice';
  return counts.actorMax < checkpoint.actors.length ? undefined : 'has slots of actors that it does not name';
}

function loadTable(index: LogIndex, loaded: CheckpointTable, counts: SlotCounts): void {
  const space = index.space(loaded.spaceName);
  const table = space.tables[loaded.table];
  if (table === undefined || table.count > 0) {
    throw new StoreError('LOG_CORRUPT', `it has a table ${loaded.table} too many`);
  }
  table.loadSorted(loaded.words, loaded.words.length / slotWords);
  let bytes = 0;
  let ordinal = -1;
  let extent: SlotExtent = { liveBytes: 0, end: 0 };
  for (let slot = table.firstSlot(); slot >= 0; slot = table.slotAfter(slot)) {
    if (table.segmentAt(slot) !== ordinal) {
      ordinal = table.segmentAt(slot);
      extent = counts.of(ordinal);
    }
    const length = table.lengthAt(slot);
    const end = table.offsetAt(slot) + length;
    bytes += length;
    extent.liveBytes += length;
    if (end > extent.end) extent.end = end;
    if (table.actorAt(slot) > counts.actorMax) counts.actorMax = table.actorAt(slot);
  }
  space.account(table.count, bytes);
}
