/**
 * Reads a segment batch by batch and decides what to believe of it.
 *
 * A batch is believed when its mark, its sequence and its checksum are right. Behind a bad one the
 * scan looks for the next good one; what lies between is damage, and of that every entry whose own
 * checksum holds is believed all the same. Bytes at the end that no good batch follows are a torn
 * tail, unless something tells that more was acknowledged: then they are damage like any other.
 */

import { readUint32 } from '../core/bytes.ts';
import type { Checksum } from '../core/crc32.ts';
import type { FileWindow } from './file-window.ts';
import {
  batchChecksum,
  batchHeaderBytes,
  entryFits,
  entryIsIntact,
  readBatchHeader,
  readEntry,
  type BatchHeader,
  type EntryView,
} from './segment-format.ts';

export interface SegmentScanOptions {
  readonly window: FileWindow;
  readonly checksum: Checksum;
  /** Where the first batch is expected, and the least sequence it may have. */
  readonly offset: number;
  readonly sequence: number;
  /** Undefined when the segment's header cannot be believed: then any batch that holds together is taken. */
  readonly batchMark: number | undefined;
  /** Whether the sequences of this segment have gaps, as those of a compacted one do. */
  readonly hasGaps: boolean;
  /** Sequence at which the next segment starts; undefined for the last one or when it is unknown. */
  readonly nextSequence: number | undefined;
  /** False when a next segment was written to: then all that this one held had been acknowledged or given up. */
  readonly isLast: boolean;
  /** Called for each believed entry; `bytes` holds it at `entry.start`, `offset` is where it lies in the file. */
  readonly onEntry: (entry: EntryView, bytes: Uint8Array, offset: number) => void;
  /** Called for each range that is not believed, and for gaps, which have no bytes. */
  readonly onDamage: (damage: ScanDamage) => Promise<void>;
}

export interface ScanDamage {
  readonly offset: number;
  readonly bytes: number;
  readonly reason: string;
  /** Nothing acknowledged can have been in it. */
  readonly isTornTail: boolean;
}

export interface SegmentScanResult {
  /** End of the last believed batch. */
  readonly end: number;
  /** Sequence after the last believed batch. */
  readonly sequence: number;
  /** Whether anything acknowledged is missing. */
  readonly evidenceLost: boolean;
  /** Whether anything before `end` was not believed. */
  readonly isDamaged: boolean;
  /** Whether the last batch was an empty one: a compaction ends its file with it. */
  readonly endsEmpty: boolean;
  readonly batchMark: number | undefined;
}

export async function scanSegment(options: SegmentScanOptions): Promise<SegmentScanResult> {
  return await new SegmentScan(options).run();
}

interface FoundBatch {
  readonly offset: number;
  readonly header: BatchHeader;
}

class SegmentScan {
  readonly #options: SegmentScanOptions;
  readonly #window: FileWindow;
  #mark: number | undefined;
  #offset: number;
  #sequence: number;
  #evidenceLost = false;
  #isDamaged = false;
  #endsEmpty = false;

  constructor(options: SegmentScanOptions) {
    this.#options = options;
    this.#window = options.window;
    this.#mark = options.batchMark;
    this.#offset = options.offset;
    this.#sequence = options.sequence;
  }

  async run(): Promise<SegmentScanResult> {
    const { size } = this.#window;
    while (this.#offset < size) {
      const header = await this.#batchAt(this.#offset);
      if (header !== undefined) {
        await this.#take({ offset: this.#offset, header });
        continue;
      }
      const next = await this.#find(this.#offset + 1);
      if (next === undefined) {
        await this.#tail();
        break;
      }
      await this.#salvage(next.offset, next.header.sequence);
      this.#offset = next.offset;
    }
    return {
      end: this.#offset,
      sequence: this.#sequence,
      evidenceLost: this.#evidenceLost,
      isDamaged: this.#isDamaged,
      endsEmpty: this.#endsEmpty,
      batchMark: this.#mark,
    };
  }

  /** Delivers the entries of a good batch. */
  async #take(batch: FoundBatch): Promise<void> {
    const { header, offset } = batch;
    if (header.sequence > this.#sequence && !this.#options.hasGaps) {
      await this.#report(offset, 0, `${header.sequence - this.#sequence} entries before it are missing`);
      this.#evidenceLost = true;
    }
    this.#mark = header.batchMark;
    const { bytes, start } = this.#window;
    const end = offset - start + batchHeaderBytes + header.payloadBytes;
    let at = offset - start + batchHeaderBytes;
    while (entryFits(bytes, at, end)) {
      const entry = readEntry(bytes, at);
      this.#options.onEntry(entry, bytes, start + at);
      at += entry.length;
    }
    this.#offset = offset + batchHeaderBytes + header.payloadBytes;
    this.#sequence = header.sequence + header.entries;
    this.#endsEmpty = header.entries === 0;
  }

  /** The header of a good batch at an offset, with all of the batch in the window. */
  async #batchAt(offset: number): Promise<BatchHeader | undefined> {
    const window = this.#window;
    if (offset + batchHeaderBytes > window.size) return undefined;
    if (!window.has(offset, batchHeaderBytes)) await window.load(offset, batchHeaderBytes);
    const header = readBatchHeader(window.bytes, offset - window.start);
    if (!this.#isPlausible(header, offset)) return undefined;
    const length = batchHeaderBytes + header.payloadBytes;
    if (!window.has(offset, length)) await window.load(offset, length);
    const checksum = batchChecksum(
      window.bytes,
      offset - window.start,
      header.payloadBytes,
      this.#options.checksum,
    );
    return checksum === header.checksum ? header : undefined;
  }

  #isPlausible(header: BatchHeader, offset: number): boolean {
    return (
      (this.#mark === undefined || header.batchMark === this.#mark) &&
      header.sequence >= this.#sequence &&
      offset + batchHeaderBytes + header.payloadBytes <= this.#window.size &&
      // An entry takes ten bytes at least, so this bounds a made-up count too.
      header.entries * 10 <= header.payloadBytes
    );
  }

  /** The first good batch at or behind an offset. */
  async #find(from: number): Promise<FoundBatch | undefined> {
    const window = this.#window;
    let offset = from;
    while (offset + batchHeaderBytes <= window.size) {
      if (!window.has(offset, batchHeaderBytes)) await window.load(offset, batchHeaderBytes);
      if (this.#mark !== undefined) {
        const at = window.bytes.indexOf(this.#mark >>> 24, offset - window.start);
        // The window's last bytes may be left over from an earlier read; `load` brings them up to date.
        const found = at < 0 ? window.end : Math.min(window.start + at, window.end);
        if (found + batchHeaderBytes > window.end && found > offset) {
          offset = found;
          continue;
        }
        offset = found;
        if (offset + batchHeaderBytes > window.size) return undefined;
      }
      const header = await this.#batchAt(offset);
      if (header !== undefined) return { offset, header };
      offset++;
    }
    return undefined;
  }

  /** Bytes to the end of the file that no good batch follows. */
  async #tail(): Promise<void> {
    const { isLast, nextSequence, hasGaps } = this.#options;
    const { size } = this.#window;
    if (!isLast && (hasGaps || nextSequence === undefined || nextSequence > this.#sequence)) {
      await this.#salvage(size, hasGaps ? undefined : nextSequence);
      this.#offset = size;
      return;
    }
    const reason = isLast
      ? 'torn tail: the last batch was not completely written'
      : 'remains of a write that failed and was not acknowledged';
    await this.#options.onDamage({
      offset: this.#offset,
      bytes: size - this.#offset,
      reason,
      isTornTail: true,
    });
  }

  /**
   * Believes what can be believed between here and `end`. The sequence there says how many entries were
   * in between; undefined when it does not.
   */
  async #salvage(end: number, endSequence: number | undefined): Promise<void> {
    const from = this.#offset;
    await this.#window.load(from, end - from);
    const { bytes, start } = this.#window;
    let at = from;
    let salvaged = 0;
    let isComplete = true;
    while (at < end) {
      const payloadEnd = this.#damagedBatchEnd(at, end);
      await this.#report(at, Math.min(batchHeaderBytes, end - at), 'a batch does not match its checksum');
      let entryAt = Math.min(at + batchHeaderBytes, end);
      while (entryFits(bytes, entryAt - start, payloadEnd - start)) {
        const entry = readEntry(bytes, entryAt - start);
        if (entryIsIntact(bytes, entryAt - start, this.#options.checksum)) {
          this.#options.onEntry(entry, bytes, entryAt);
          salvaged++;
        } else {
          isComplete = false;
          await this.#report(entryAt, entry.length, 'an entry does not match its checksum');
        }
        entryAt += entry.length;
      }
      if (entryAt < payloadEnd) {
        isComplete = false;
        await this.#report(entryAt, payloadEnd - entryAt, 'entries whose lengths do not add up');
      }
      at = payloadEnd;
    }
    const expected =
      endSequence === undefined || this.#options.hasGaps ? undefined : endSequence - this.#sequence;
    if (expected === undefined ? !isComplete : salvaged < expected) this.#evidenceLost = true;
    this.#sequence = endSequence ?? this.#sequence;
  }

  /** Where a damaged batch ends: where its header says, if that is where another one starts or all ends. */
  #damagedBatchEnd(offset: number, end: number): number {
    if (offset + batchHeaderBytes > end) return end;
    const { bytes, start } = this.#window;
    const header = readBatchHeader(bytes, offset - start);
    const stated = offset + batchHeaderBytes + header.payloadBytes;
    if (stated >= end || stated + 4 > end) return end;
    return readUint32(bytes, stated - start) === this.#mark ? stated : end;
  }

  async #report(offset: number, bytes: number, reason: string): Promise<void> {
    this.#isDamaged = true;
    await this.#options.onDamage({ offset, bytes, reason, isTornTail: false });
  }
}
