/**
 * The 24 bytes that every internode message begins with; message-codec.ts draws them. Beside them what all fields
 * are read with: a cursor that checks every length before it is used.
 */

import { readUint16, readUint32, readUint48, writeUint16, writeUint32, writeUint48 } from '../core/bytes.ts';
import { takeBytes } from '../core/byte-pool.ts';
import { StoreError } from '../core/errors.ts';
import { actorTexts } from '../core/record.ts';
import type { MessageHeader } from './messages.ts';

export const protocolVersion = 1;
export const headerBytes = 24;
const actorBytesMax = 255;

/** A frame with its header, and room for the fields of its kind. */
export function newFrame(header: MessageHeader, kind: number, fieldBytes: number): Uint8Array {
  const bytes = takeBytes(headerBytes + fieldBytes);
  bytes[0] = protocolVersion;
  bytes[1] = kind;
  writeUint16(bytes, 2, header.sentTick);
  writeUint32(bytes, 4, header.epoch);
  writeUint32(bytes, 8, header.incarnation);
  writeUint32(bytes, 12, header.sequence);
  writeUint48(bytes, 16, header.clock.wallMs);
  writeUint16(bytes, 22, header.clock.counter);
  return bytes;
}

/** The header of a frame; throws `FRAME_INVALID` or `FORMAT_UNSUPPORTED`. */
export function readHeader(bytes: Uint8Array): MessageHeader {
  if (bytes.length < headerBytes) throw invalidFrame(`${bytes.length} bytes are too few for a message`);
  if (bytes[0] !== protocolVersion) {
    throw new StoreError(
      'FORMAT_UNSUPPORTED',
      `message version ${bytes[0]}; this node speaks ${protocolVersion}`,
    );
  }
  return {
    epoch: readUint32(bytes, 4),
    incarnation: readUint32(bytes, 8),
    sequence: readUint32(bytes, 12),
    sentTick: readUint16(bytes, 2),
    clock: { wallMs: readUint48(bytes, 16), counter: readUint16(bytes, 22) },
  };
}

/** Throws `FRAME_INVALID` for a frame that is shorter than its fields. */
export function needBytes(bytes: Uint8Array, length: number): void {
  if (bytes.length < length) throw invalidFrame(`message kind ${bytes[1]} ends after ${bytes.length} bytes`);
}

export function invalidFrame(message: string): StoreError {
  return new StoreError('FRAME_INVALID', message);
}

/** Reads fields one after the other; every read checks that the bytes are there. */
export class FieldReader {
  readonly #bytes: Uint8Array;
  #offset = headerBytes;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get restBytes(): number {
    return this.#bytes.length - this.#offset;
  }

  uint8(): number {
    return this.#bytes[this.#take(1)] ?? 0;
  }

  uint16(): number {
    return readUint16(this.#bytes, this.#take(2));
  }

  uint32(): number {
    return readUint32(this.#bytes, this.#take(4));
  }

  uint48(): number {
    return readUint48(this.#bytes, this.#take(6));
  }

  /** The next 32 bits, which stay to be read: the length that a record begins with. */
  peekUint32(): number {
    needBytes(this.#bytes, this.#offset + 4);
    return readUint32(this.#bytes, this.#offset);
  }

  /** A view of the next bytes. */
  bytes(length: number): Uint8Array {
    const start = this.#take(length);
    return this.#bytes.subarray(start, start + length);
  }

  /** The actor that the next bytes spell; it ends up in HTTP headers and the order of versions, so not all of them do. */
  actor(length: number): string {
    const isSpelled = length > 0 && length <= actorBytesMax;
    const actor = isSpelled ? actorTexts.read(this.#bytes, this.#take(length), length) : undefined;
    if (actor === undefined)
      throw invalidFrame('the actor of a digest is not 1 to 255 characters of printable ASCII');
    return actor;
  }

  /** How many items of this size follow, all of them; throws when they are too many or do not fill the frame. */
  count(itemBytes: number, max: number): number {
    const count = this.restBytes / itemBytes;
    if (!Number.isInteger(count)) {
      throw invalidFrame(`message kind ${this.#bytes[1]} ends in the midst of an item`);
    }
    if (count > max) {
      throw invalidFrame(`message kind ${this.#bytes[1]} has ${count} items; ${max} are allowed`);
    }
    return count;
  }

  #take(length: number): number {
    const start = this.#offset;
    needBytes(this.#bytes, start + length);
    this.#offset += length;
    return start;
  }
}

/** Writes fields one after the other into a frame of the right length. */
export class FieldWriter {
  readonly frame: Uint8Array;
  #offset = headerBytes;

  constructor(frame: Uint8Array) {
    this.frame = frame;
  }

  uint8(value: number): this {
    this.frame[this.#take(1)] = value;
    return this;
  }

  uint16(value: number): this {
    writeUint16(this.frame, this.#take(2), value);
    return this;
  }

  uint32(value: number): this {
    writeUint32(this.frame, this.#take(4), value);
    return this;
  }

  uint48(value: number): this {
    writeUint48(this.frame, this.#take(6), value);
    return this;
  }

  bytes(bytes: Uint8Array): this {
    this.frame.set(bytes, this.#take(bytes.length));
    return this;
  }

  /** A text of ASCII characters. */
  ascii(text: string): this {
    const start = this.#take(text.length);
    for (let index = 0; index < text.length; index++) this.frame[start + index] = text.charCodeAt(index);
    return this;
  }

  #take(length: number): number {
    const start = this.#offset;
    this.#offset += length;
    return start;
  }
}
