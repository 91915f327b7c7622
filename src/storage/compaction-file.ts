/**
 * The file that a compaction writes: entries byte for byte, in batches of its own.
 *
 * Each batch carries the sequence of its first entry, so sequences rise as they did, with gaps. An
 * empty batch at the end says at which sequence the next segment goes on, and that the file is whole.
 */

import { writeUint32 } from '../core/bytes.ts';
import type { Checksum } from '../core/crc32.ts';
import { limits } from '../core/limits.ts';
import type { DiskFile } from '../ports/disk.ts';
import {
  batchChecksum,
  batchHeaderBytes,
  encodeSegmentHeader,
  segmentHeaderBytes,
  writeBatchHeader,
  type SegmentHeader,
} from './segment-format.ts';

export class CompactionFile {
  readonly #file: Pick<DiskFile, 'write' | 'sync'>;
  readonly #header: SegmentHeader;
  readonly #checksum: Checksum;
  #buffer = new Uint8Array(16 * 1024);
  #used = batchHeaderBytes;
  #entries = 0;
  #sequence = 0;
  /** Up to where it is durable. */
  #syncedEnd = 0;
  /** Where the batch being filled will lie. */
  #position = segmentHeaderBytes;

  constructor(options: {
    readonly file: Pick<DiskFile, 'write' | 'sync'>;
    readonly header: SegmentHeader;
    readonly checksum: Checksum;
  }) {
    this.#file = options.file;
    this.#header = options.header;
    this.#checksum = options.checksum;
  }

  /** Bytes written so far, and where the file ends once it is finished. */
  get end(): number {
    return this.#position;
  }

  get isFull(): boolean {
    return this.#used >= limits.maintenanceReadBytes;
  }

  async start(): Promise<void> {
    await this.#file.write([encodeSegmentHeader(this.#header, this.#checksum)], 0);
  }

  /** Copies an entry; returns where it lies in the file. */
  add(entry: Uint8Array, sequence: number): number {
    if (this.#entries === 0) this.#sequence = sequence;
    const needed = this.#used + entry.length;
    if (needed > this.#buffer.length) {
      const grown = new Uint8Array(Math.max(needed, this.#buffer.length * 2));
      grown.set(this.#buffer.subarray(0, this.#used));
      this.#buffer = grown;
    }
    this.#buffer.set(entry, this.#used);
    const offset = this.#position + this.#used;
    this.#used = needed;
    this.#entries++;
    return offset;
  }

  /** Writes what was added as one batch, and syncs now and then: little at a time, for the log's syncs wait behind it. */
  async flush(): Promise<void> {
    if (this.#entries > 0) await this.#writeBatch();
    if (this.#position - this.#syncedEnd < limits.maintenanceSyncBytes) return;
    this.#syncedEnd = this.#position;
    await this.#file.sync();
  }

  /** Writes the rest and the end, and makes the content durable. */
  async finish(endSequence: number): Promise<void> {
    await this.flush();
    this.#sequence = endSequence;
    await this.#writeBatch();
    await this.#file.sync();
  }

  async #writeBatch(): Promise<void> {
    const buffer = this.#buffer;
    const payloadBytes = this.#used - batchHeaderBytes;
    writeBatchHeader(buffer, 0, {
      batchMark: this.#header.batchMark,
      payloadBytes,
      entries: this.#entries,
      sequence: this.#sequence,
    });
    writeUint32(buffer, 20, batchChecksum(buffer, 0, payloadBytes, this.#checksum));
    await this.#file.write([buffer.subarray(0, this.#used)], this.#position);
    this.#position += this.#used;
    this.#used = batchHeaderBytes;
    this.#entries = 0;
  }
}
