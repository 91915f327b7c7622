/**
 * Reads the fields of a record from bytes that came from a disk, one after the other.
 *
 * Every read is checked against the end first: bytes that are not what their lengths say end in
 * `LOG_CORRUPT`, never in zeros taken for content. Big-endian.
 */

import { readUint16, readUint32, readUint48 } from '../core/bytes.ts';
import { StoreError } from '../core/errors.ts';

export class ByteCursor {
  readonly #bytes: Uint8Array;
  #offset = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get isAtEnd(): boolean {
    return this.#offset === this.#bytes.length;
  }

  uint8(): number {
    return this.#bytes[this.#advance(1)] ?? 0;
  }

  uint16(): number {
    return readUint16(this.#bytes, this.#advance(2));
  }

  uint32(): number {
    return readUint32(this.#bytes, this.#advance(4));
  }

  uint48(): number {
    return readUint48(this.#bytes, this.#advance(6));
  }

  /** The next bytes, as a view. */
  take(length: number): Uint8Array {
    const start = this.#advance(length);
    return this.#bytes.subarray(start, start + length);
  }

  /** The next bytes, as text of one byte a character. */
  text(length: number): string {
    let text = '';
    for (const byte of this.take(length)) text += String.fromCharCode(byte);
    return text;
  }

  #advance(length: number): number {
    const start = this.#offset;
    if (length > this.#bytes.length - start) {
      throw new StoreError(
        'LOG_CORRUPT',
        `a record wants ${length} bytes at ${start} of ${this.#bytes.length} in its section`,
      );
    }
    this.#offset = start + length;
    return start;
  }
}
