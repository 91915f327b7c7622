/**
 * A window on a file that is read from front to back: what is asked for is in memory, whatever the
 * sizes of the pieces, and reading is sequential and in large pieces.
 */

import { StoreError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import type { DiskFile } from '../ports/disk.ts';

export class FileWindow {
  readonly file: DiskFile;
  /** Length of the file when the reading began. */
  readonly size: number;
  readonly #readBytes: number;
  #bytes = new Uint8Array(0);
  #start = 0;
  #filled = 0;

  /** `readBytes` is read at once where no more is asked for: what is done between two reads holds up the rest. */
  constructor(file: DiskFile, size: number, readBytes: number = limits.segmentReadBytes) {
    this.file = file;
    this.size = size;
    this.#readBytes = readBytes;
  }

  /** The bytes in memory; those of file offset `x` start at `x - start`. Good until the next `load`. */
  get bytes(): Uint8Array {
    return this.#bytes;
  }

  get start(): number {
    return this.#start;
  }

  /** File offset at which the bytes in memory end. */
  get end(): number {
    return this.#start + this.#filled;
  }

  has(offset: number, length: number): boolean {
    return offset >= this.#start && offset + length <= this.end;
  }

  /** Brings a range into memory; the caller has checked that it lies within the file. */
  async load(offset: number, length: number): Promise<void> {
    if (this.has(offset, length)) return;
    const wanted = Math.min(Math.max(length, this.#readBytes), this.size - offset);
    // What is there already moves to the front; only the rest is read.
    const kept = offset >= this.#start && offset < this.end ? this.end - offset : 0;
    const from = offset - this.#start;
    if (wanted > this.#bytes.length) {
      const grown = new Uint8Array(wanted);
      if (kept > 0) grown.set(this.#bytes.subarray(from, from + kept));
      this.#bytes = grown;
    } else if (kept > 0) {
      this.#bytes.copyWithin(0, from, from + kept);
    }
    this.#start = offset;
    this.#filled = kept;
    if (kept >= wanted) return;
    const read = await this.file.read(this.#bytes.subarray(kept, wanted), offset + kept);
    this.#filled = kept + read;
    if (this.#filled < length) {
      throw new StoreError(
        'DISK_READ_FAILED',
        `${this.file.path} ends at offset ${this.end}, before the ${length} bytes at offset ${offset}`,
      );
    }
  }
}
