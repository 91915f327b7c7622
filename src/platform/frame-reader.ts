/**
 * Cuts the stream of a peer into frames: `u32 length, bytes`, in pieces of any size.
 *
 * A frame that arrived whole is handed on as a view into the received chunk, which nobody ever writes
 * again: the runtime allocates each chunk anew and at its own size. Whoever keeps such a frame keeps
 * the chunk (at most 64 KiB), so what lives long is copied, as the log's batch buffer does.
 *
 * A length is checked before anything is allocated for it, and the buffer of a long frame grows as its bytes arrive: a
 * peer that announces 60 MiB and sends none costs nothing.
 */

import { giveBack } from '../core/byte-pool.ts';
import { readUint32 } from '../core/bytes.ts';

const lengthBytes = 4;
/** First buffer of a frame that comes in several chunks. */
const firstBufferBytes = 64 * 1024;
/**
 * The buffer of a long frame has room for so many times what has arrived. Doubling it would take as much copying, and twice
 * the memory to clear, as the frame is long: a value of 4 MiB then held up all others for a dozen milliseconds.
 */
const growthFactor = 8;
const noBytes = new Uint8Array(0);

export interface FrameReaderOptions {
  /** Longest frame, its length prefix not counted. */
  readonly frameBytesMax: number;
  /** Gets each frame to keep. May call `stop`. */
  readonly onFrame: (frame: Uint8Array) => void;
}

export class FrameReader {
  readonly #frameBytesMax: number;
  readonly #onFrame: (frame: Uint8Array) => void;
  /** The length prefix, as far as it has arrived when a chunk ended within it. */
  readonly #prefix = new Uint8Array(lengthBytes);
  #prefixLength = 0;
  /** Length of the frame that has begun but is not complete; 0 when there is none. */
  #frameLength = 0;
  #buffer = noBytes;
  #buffered = 0;
  #isStopped = false;

  constructor(options: FrameReaderOptions) {
    this.#frameBytesMax = options.frameBytesMax;
    this.#onFrame = options.onFrame;
  }

  /** Bytes held for a frame that is not complete yet. */
  get bufferBytes(): number {
    return this.#buffer.length;
  }

  /** No frame is handed on after this. */
  stop(): void {
    this.#isStopped = true;
    this.#buffer = noBytes;
  }

  /**
   * Takes in a chunk, which is the reader's from then on: it must not change, and its memory may be freed. Returns why the stream can't be believed any more, or
   * undefined; after a reason nothing more may be pushed.
   */
  push(chunk: Uint8Array): string | undefined {
    const end = chunk.length;
    let offset = 0;
    while (offset < end && !this.#isStopped) {
      if (this.#frameLength > 0) {
        offset = this.#fillBuffer(chunk, offset);
      } else if (this.#prefixLength === 0 && offset + lengthBytes <= end) {
        const length = readUint32(chunk, offset);
        if (length === 0 || length > this.#frameBytesMax) return this.#refusal(length);
        offset += lengthBytes;
        if (offset + length <= end) {
          this.#onFrame(new Uint8Array(chunk.buffer, chunk.byteOffset + offset, length));
          offset += length;
        } else {
          this.#frameLength = length;
        }
      } else {
        this.#prefix[this.#prefixLength++] = chunk[offset++] ?? 0;
        if (this.#prefixLength < lengthBytes) continue;
        const length = readUint32(this.#prefix, 0);
        if (length === 0 || length > this.#frameBytesMax) return this.#refusal(length);
        this.#prefixLength = 0;
        this.#frameLength = length;
      }
    }
    return undefined;
  }

  /** Copies what belongs to the frame that has begun; returns where the next one starts in the chunk. */
  #fillBuffer(chunk: Uint8Array, offset: number): number {
    const { length } = chunk;
    const end = Math.min(length, offset + this.#frameLength - this.#buffered);
    const wanted = this.#buffered + end - offset;
    if (wanted > this.#buffer.length) this.#growBuffer(wanted);
    this.#buffer.set(chunk.subarray(offset, end), this.#buffered);
    this.#buffered = wanted;
    // All of it has been copied, and it is nobody else's.
    if (offset === 0 && end === length) giveBack(chunk);
    if (wanted === this.#frameLength) {
      const frame = this.#buffer;
      this.#buffer = noBytes;
      this.#buffered = 0;
      this.#frameLength = 0;
      // Growth stops at the length of the frame, so the full buffer is the frame.
      this.#onFrame(frame);
    }
    return end;
  }

  #growBuffer(wanted: number): void {
    const bytes = Math.min(
      this.#frameLength,
      Math.max(firstBufferBytes, growthFactor * this.#buffered, wanted),
    );
    // It is handed on when all of it has been written, so it need not be cleared.
    const grown = new Uint8Array(Buffer.allocUnsafeSlow(bytes).buffer);
    grown.set(this.#buffer.subarray(0, this.#buffered));
    giveBack(this.#buffer);
    this.#buffer = grown;
  }

  #refusal(length: number): string {
    return length === 0
      ? 'it sent a frame of length 0'
      : `it announced a frame of ${length} bytes; at most ${this.#frameBytesMax} are allowed`;
  }
}
