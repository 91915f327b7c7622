/**
 * Rewrites a run of adjacent segments into one file with what is still needed of them.
 *
 * Copied are the entries that the index points to, byte for byte, and drops where something older may
 * need them; and what was forgotten below the stability floor, as long as an older segment may hold what it
 * superseded: a replay would bring that back. The log is synced before the result gets its name: what makes an old entry dead must not
 * be easier to lose than the entry was. The index is repointed only then, a portion at a time; an
 * entry that was superseded meanwhile is not. Replaced files stay until a checkpoint without them is
 * durable, so a crash at any instant finds either them or the result. An empty result is written too:
 * it covers the ids of the run, so that no older file can take their place.
 */

import type { Checksum } from '../core/crc32.ts';
import { assert } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import { decodeRecord, isEncodedDeleteOrExpiry, tokenOfEncoded } from '../core/record.ts';
import { tokenOf, type Token } from '../core/token.ts';
import { sleep, type Clock } from '../ports/clock.ts';
import type { Disk } from '../ports/disk.ts';
import type { Random } from '../ports/random.ts';
import { CompactionFile } from './compaction-file.ts';
import type { EntryPlace } from './entry-reader.ts';
import type { KeySpace } from './key-space.ts';
import { isCollectable } from '../core/stability.ts';
import { liveOffsets } from './live-offsets.ts';
import type { LogIndex } from './log-index.ts';
import { MoveList } from './move-list.ts';
import { nextTurn } from './next-turn.ts';
import { segmentParts, segmentPartsAt, type SegmentPart } from './segment-entries.ts';
import { decodeDrop, recordKind, type EntryView } from './segment-format.ts';
import { logDirectory, segmentPath } from './segment-name.ts';
import { Segment } from './segment.ts';
import type { StabilityFloors } from './stability-floors.ts';
import { checkStopped } from './stopping.ts';
import { WorkShare } from './work-share.ts';

/** Up to this share of it alive, a segment is not read whole: its live entries are found in the index. */
const sparseShareMax = 1 / 8;
/** Looking at a slot in passing takes so much less than looking an entry up. */
const slotsPerEntryMax = 16;

export interface CompactionOptions {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly random: Random;
  readonly checksum: Checksum;
  readonly index: LogIndex;
  /** Adjacent, sealed and undamaged, in log order. */
  readonly run: readonly Segment[];
  readonly keepsDrops: boolean;
  readonly floors: StabilityFloors;
  /** Every older segment is clean of what entries before this sequence superseded. */
  readonly cleanSequence: number;
  /** Sequence at which the segment after the run starts. */
  readonly endSequence: number;
  readonly bytesPerSecond: number;
  /** Of the time of the event loop; see `WorkShare`. */
  readonly share: number;
  /** Makes the log durable as far as the index reaches. */
  readonly syncLog: () => Promise<void>;
  /** Aborted when the store is being closed. */
  readonly signal: AbortSignal;
}

export interface CompactionResult {
  /** In the index's segment table; the run no longer is. */
  readonly segment: Segment;
  readonly bytesRead: number;
}

/** Some entries of a segment of the run, and what holds for all of that segment. */
interface PartOfRun {
  readonly part: SegmentPart;
  readonly segment: Segment;
  /** Of the segment in the run. */
  readonly position: number;
  readonly isNeededForReplay: boolean;
}

/** Compacts a run. Rejects, and leaves nothing behind, when the disk fails, a segment is damaged or it is stopped. */
export async function compact(options: CompactionOptions): Promise<CompactionResult> {
  return await new Compaction(options).run();
}

class Compaction {
  readonly #options: CompactionOptions;
  readonly #share: WorkShare;
  readonly #moves = new MoveList();
  readonly #spaces: KeySpace[] = [];
  readonly #startedMs: number;
  #bytesRead = 0;
  #dropBytes = 0;
  #collectedBytes = 0;
  #movedBytes = 0;
  #mayHoldHints = false;

  constructor(options: CompactionOptions) {
    this.#options = options;
    this.#share = new WorkShare(options);
    this.#startedMs = options.clock.monotonicNow();
  }

  async run(): Promise<CompactionResult> {
    const { disk, run, random, index } = this.#options;
    const collectedBefore = collectedBytesOf(run);
    const first = run[0];
    const last = run.at(-1);
    assert(first !== undefined && last !== undefined, 'a run has segments');
    const name = {
      firstId: first.firstId,
      lastId: last.lastId,
      generation: Math.max(...run.map((segment) => segment.generation)) + 1,
    };
    const header = { ...name, batchMark: random.below(2 ** 32), sequence: first.sequence };
    const path = segmentPath(name);
    let file = await disk.open(`${path}.tmp`, 'create');
    try {
      const output = new CompactionFile({ file, header, checksum: this.#options.checksum });
      await this.#copy(output);
      await this.#options.syncLog();
      await file.close();
      await disk.rename(`${path}.tmp`, path);
      await disk.syncDirectory(logDirectory);
      file = await disk.open(path, 'read');
      const segment = new Segment({ ...header, file, end: output.end });
      index.segments.add(segment);
      await this.#replace(segment);
      // What was forgotten while it was being copied is in the copy.
      segment.collectedBytes = this.#collectedBytes + collectedBytesOf(run) - collectedBefore;
      if (this.#dropBytes + this.#collectedBytes === 0) segment.spotlessBytes = this.#movedBytes;
      return { segment, bytesRead: this.#bytesRead };
    } catch (error) {
      // The first failure is the one to report; recovery copes with what is left over.
      await file.close().catch(() => undefined);
      await disk.remove(`${path}.tmp`).catch(() => undefined);
      await disk.remove(path).catch(() => undefined);
      throw error;
    }
  }

  async #copy(output: CompactionFile): Promise<void> {
    const { run, endSequence } = this.#options;
    await output.start();
    const live = await this.#findLive();
    for (const [position, segment] of run.entries()) {
      const isNeededForReplay = this.#isNeededForReplay(position);
      // What was forgotten during the walk was not found alive, and may have to be kept all the same.
      const offsets = this.#isSparse(position) ? live.get(segment) : undefined;
      const parts =
        offsets === undefined
          ? segmentParts(segment, this.#options)
          : segmentPartsAt(segment, offsets, this.#options);
      for await (const part of parts) {
        await this.#share.slice(() => this.#copyPart({ part, segment, position, isNeededForReplay }, output));
        if (output.isFull) await output.flush();
        await this.#pause();
      }
    }
    await output.finish(endSequence);
  }

  /** Whether what has to be kept of a segment is no more than what is alive in it, and that is little. */
  #isSparse(position: number): boolean {
    const segment = this.#options.run[position];
    if (segment === undefined || segment.liveBytes > segment.end * sparseShareMax) return false;
    if (this.#options.keepsDrops && segment.dropBytes > 0) return false;
    return !(this.#isNeededForReplay(position) && segment.collectedBytes > 0);
  }

  /** Offsets of what is alive in sparse segments, if a walk through the index costs less than looking up their entries. */
  async #findLive(): Promise<ReadonlyMap<Segment, Uint32Array>> {
    const { run, index, clock } = this.#options;
    let entries = 0;
    let slots = 0;
    const sparse = run.filter((_, position) => this.#isSparse(position));
    for (const segment of sparse) entries += this.#endSequenceOf(run.indexOf(segment)) - segment.sequence;
    for (const space of index.spaces()) slots += space.keys;
    if (slots > slotsPerEntryMax * entries) return new Map();
    return await liveOffsets(index, sparse, { share: this.#share, clock });
  }

  #endSequenceOf(position: number): number {
    return this.#options.run[position + 1]?.sequence ?? this.#options.endSequence;
  }

  /** Whether an older segment may hold what entries of this one have superseded. */
  #isNeededForReplay(position: number): boolean {
    return this.#endSequenceOf(position) > this.#options.cleanSequence;
  }

  #copyPart(from: PartOfRun, output: CompactionFile): void {
    const { part, segment, position } = from;
    for (const [index, entry] of part.entries.entries()) {
      this.#bytesRead += entry.length;
      const place = { segment, offset: part.fileOffset + entry.start, length: entry.length };
      const token = this.#neededToken(entry, part.bytes, place);
      if (token === undefined && !(from.isNeededForReplay && this.#isCollected(entry, part.bytes))) continue;
      const bytes = part.bytes.subarray(entry.start, entry.start + entry.length);
      const to = output.add(bytes, part.sequence + index);
      if (token === undefined) {
        this.#collectedBytes += entry.length;
        continue;
      }
      if (entry.kind !== recordKind) continue;
      this.#movedBytes += entry.length;
      const space = this.#spaceNumber(entry.spaceName);
      this.#moves.add({ token, segment: position, space, length: entry.length, from: place.offset, to });
    }
  }

  /** The token of an entry that must be kept, else undefined. */
  #neededToken(entry: EntryView, bytes: Uint8Array, place: EntryPlace): Token | undefined {
    const { index, keepsDrops } = this.#options;
    if (entry.kind === recordKind) {
      // Most of what is looked at is dead, and decoding it all would cost more than anything else here.
      const token = tokenOfEncoded(bytes, entry.payloadStart, entry.start + entry.length);
      const space = index.space(entry.spaceName);
      if (index.slotAt(space.table(token), token, place) < 0) return undefined;
      if (!space.isOwn) this.#mayHoldHints = true;
      return token;
    }
    const isOwn = entry.spaceName === '';
    const keepsDrop = keepsDrops && !isOwn;
    const drop = keepsDrop ? decodeDrop(payloadOf(entry, bytes)) : undefined;
    if (drop === undefined) return undefined;
    this.#dropBytes += entry.length;
    return tokenOf(drop.key);
  }

  /**
   * Whether an entry that the index does not point to may be all that keeps a replay from bringing back what it
   * superseded: one forgotten below the stability floor, or one that made forget, of an own record.
   */
  #isCollected(entry: EntryView, bytes: Uint8Array): boolean {
    if (entry.spaceName !== '') return false;
    if (entry.kind !== recordKind) return true;
    if (!isEncodedDeleteOrExpiry(bytes, entry.payloadStart)) return false;
    const { index, floors } = this.#options;
    const { key, token, version } = decodeRecord(payloadOf(entry, bytes));
    if (!isCollectable(version, floors.floorFor(token))) return false;
    // A newer version of the key does it as well.
    const slot = index.find(index.own, key, token);
    return slot < 0 || index.own.table(token).isDamagedAt(slot);
  }

  #spaceNumber(name: string): number {
    const space = this.#options.index.space(name);
    const known = this.#spaces.indexOf(space);
    return known < 0 ? this.#spaces.push(space) - 1 : known;
  }

  /** Waits as long as the rate demands, and gives up when told to. */
  async #pause(): Promise<void> {
    const { clock, bytesPerSecond, signal } = this.#options;
    checkStopped(signal);
    const dueMs = this.#startedMs + (this.#bytesRead / bytesPerSecond) * 1_000;
    const waitMs = dueMs - clock.monotonicNow();
    // Timers are coarse: many short waits would be much longer than they should be.
    if (waitMs < 10) return;
    await sleep(clock, Math.ceil(waitMs), signal);
    checkStopped(signal);
  }

  /** Lets the index point to the copies, and takes the run out of the segment table. */
  async #replace(segment: Segment): Promise<void> {
    const { index, run, clock } = this.#options;
    segment.sealed = true;
    segment.dropBytes = this.#dropBytes;
    segment.mayHoldHints = this.#mayHoldHints;
    for (let next = 0; next < this.#moves.count; next += limits.compactionSlotsPerTurn) {
      // Not within the share, which may be told to stop: half of the index must not point to a file that is given up.
      this.#repoint(next, segment);
      await nextTurn(clock);
    }
    for (const source of run) index.segments.remove(source);
  }

  /** Some of the moves. */
  #repoint(from: number, segment: Segment): void {
    const { index, run } = this.#options;
    const end = Math.min(from + limits.compactionSlotsPerTurn, this.#moves.count);
    for (let next = from; next < end; next++) {
      const move = this.#moves.at(next);
      const source = run[move.segment];
      const table = this.#spaces[move.space]?.table(move.token);
      if (source === undefined || table === undefined) continue;
      const { length } = move;
      const slot = index.slotAt(table, move.token, { segment: source, offset: move.from, length });
      if (slot < 0) continue;
      table.relocate(slot, { segmentOrdinal: segment.ordinal, offset: move.to });
      source.liveBytes -= length;
      segment.liveBytes += length;
    }
  }
}

function payloadOf(entry: EntryView, bytes: Uint8Array): Uint8Array {
  return bytes.subarray(entry.payloadStart, entry.start + entry.length);
}

function collectedBytesOf(run: readonly Segment[]): number {
  return run.reduce((sum, segment) => sum + segment.collectedBytes, 0);
}
