/**
 * One group commit in the making: entries, as the bytes that go to disk in one write.
 *
 * Small records are copied into one buffer, large ones are written from where they are, so their
 * bytes must not change until the batch has settled.
 */

import { writeUint32 } from '../core/bytes.ts';
import { joinChecksums, type Checksum } from '../core/crc32.ts';
import { limits } from '../core/limits.ts';
import { batchHeaderBytes, entryHeaderBytes, writeBatchHeader, writeEntryHead } from './segment-format.ts';
import type { StagedEntry } from './staging.ts';

/** Buffers of settled batches, for the next ones: allocating and clearing them costs more than filling them. */
export class BatchBuffers {
  readonly #free: Uint8Array[] = [];

  take(): Uint8Array {
    return this.#free.pop() ?? new Uint8Array(64 * 1024);
  }

  give(buffer: Uint8Array): void {
    if (buffer.length <= limits.batchBufferBytesMax && this.#free.length < 3) this.#free.push(buffer);
  }
}

interface OutsidePiece {
  /** Position in the buffer before which the piece goes. */
  readonly at: number;
  readonly bytes: Uint8Array;
  readonly checksum: number;
}

export class Batch {
  /** In the order in which they lie in the log. */
  readonly entries: StagedEntry[] = [];
  /** Called once the batch has settled, by those that wait without an entry of their own. */
  readonly #settled: ((error: Error | undefined) => void)[] = [];
  readonly #checksum: Checksum;
  #buffer: Uint8Array;
  #used = batchHeaderBytes;
  readonly #outside: OutsidePiece[] = [];
  #outsideBytes = 0;
  #count = 0;
  #arrivals = 0;
  #lastArrival: number | undefined;
  /** Batches of short entries that were put in front of it after it was begun to be filled. */
  overtakenBy = 0;

  constructor(options: { readonly checksum: Checksum; readonly buffer: Uint8Array }) {
    this.#checksum = options.checksum;
    this.#buffer = options.buffer;
  }

  /** Bytes of the whole batch, its header included. */
  get bytes(): number {
    return this.#used + this.#outsideBytes;
  }

  /** Number of entries appended. */
  get count(): number {
    return this.#count;
  }

  /** In how many arrivals its entries came: what one client, or one peer, brings at once is one. */
  get arrivals(): number {
    return this.#arrivals;
  }

  /** Whether writing it takes so long that short entries had better not wait for it. */
  get isLong(): boolean {
    return this.bytes > limits.batchBytesMax;
  }

  get buffer(): Uint8Array {
    return this.#buffer;
  }

  /** Whether a further entry of that length belongs into this batch. */
  hasRoomFor(length: number): boolean {
    return (
      this.#count === 0 ||
      (this.#count < limits.batchEntriesMax && this.bytes + length <= limits.batchBytesMax)
    );
  }

  /**
   * Appends an entry; returns where it starts, counted from the start of the batch. Who knows the checksum of a long payload
   * spares reading it twice more.
   */
  append(kind: number, spaceName: Uint8Array, payload: Uint8Array, payloadChecksum?: number): number {
    const isOutside = payload.length > limits.batchCopyBytesMax;
    const headBytes = entryHeaderBytes + spaceName.length;
    const length = headBytes + payload.length;
    const start = this.#used;
    const batchOffset = this.bytes;
    this.#reserve(isOutside ? headBytes : length);
    const buffer = this.#buffer;
    const payloadStart = writeEntryHead(buffer, start, { length, kind, spaceName });
    if (isOutside) {
      this.#used = payloadStart;
      const checksum = payloadChecksum ?? this.#checksum(payload);
      this.#outside.push({ at: payloadStart, bytes: payload, checksum });
      this.#outsideBytes += payload.length;
      const ofHead = this.#checksum(buffer, 0, start + 8, payloadStart);
      writeUint32(buffer, start + 4, joinChecksums(ofHead, checksum, payload.length));
    } else {
      buffer.set(payload, payloadStart);
      this.#used = payloadStart + payload.length;
      writeUint32(buffer, start + 4, this.#checksum(buffer, 0, start + 8, this.#used));
    }
    this.#count++;
    return batchOffset;
  }

  /** Says in which arrival the entry just appended came: a number that only rises. */
  noteArrival(arrival: number): void {
    if (arrival === this.#lastArrival) return;
    this.#lastArrival = arrival;
    this.#arrivals++;
  }

  /** The bytes to write. They stay as they are until the buffer is given to another batch. */
  seal(batchMark: number, sequence: number): Uint8Array[] {
    const buffer = this.#buffer;
    const payloadBytes = this.bytes - batchHeaderBytes;
    writeBatchHeader(buffer, 0, { batchMark, payloadBytes, entries: this.#count, sequence });
    const chunks: Uint8Array[] = [];
    let checksum = this.#checksum(buffer, 0, 0, 20);
    let from = 0;
    let summedTo = batchHeaderBytes;
    for (const piece of this.#outside) {
      chunks.push(buffer.subarray(from, piece.at), piece.bytes);
      checksum = this.#checksum(buffer, checksum, summedTo, piece.at);
      checksum = joinChecksums(checksum, piece.checksum, piece.bytes.length);
      from = summedTo = piece.at;
    }
    if (from < this.#used) chunks.push(buffer.subarray(from, this.#used));
    writeUint32(buffer, 20, this.#checksum(buffer, checksum, summedTo, this.#used));
    return chunks;
  }

  /** Resolves or rejects as the batch does. */
  whenSettled(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#settled.push((error) => (error === undefined ? resolve() : reject(error)));
    });
  }

  settle(error: Error | undefined): void {
    for (const waiter of this.#settled.splice(0)) waiter(error);
  }

  #reserve(bytes: number): void {
    const needed = this.#used + bytes;
    if (needed <= this.#buffer.length) return;
    const grown = new Uint8Array(Math.max(needed, this.#buffer.length * 2));
    grown.set(this.#buffer.subarray(0, this.#used));
    this.#buffer = grown;
  }
}
