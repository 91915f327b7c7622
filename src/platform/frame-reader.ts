/**
 * Cuts the stream of a peer into frames, however it arrives (`frame-format.ts`).
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
import { limits } from '../core/limits.ts';
import { lengthBytes, pieceFlag } from './frame-format.ts';

/** First buffer of a frame that comes in several chunks. */
const firstBufferBytes = 64 * 1024;
/**
 * The buffer of a long frame has room for so many times what has arrived. Doubling it would take as much copying, and twice
 * the memory to clear, as the frame is long: a value of 4 MiB then held up all others for a dozen milliseconds.
 */
const growthFactor = 8;
/** The longest piece of a frame, the first with the length of the frame before it. */
const pieceBytesMax = limits.peerPieceBytes + lengthBytes;
const noBytes = new Uint8Array(0);

export interface FrameReaderOptions {
  /** Longest frame, its length prefix not counted. */
  readonly frameBytesMax: number;
  /** Gets each frame to keep. May call `stop`. */
  readonly onFrame: (frame: Uint8Array) => void;
}

/** Cuts one of the two streams. */
class FrameCutter {
  readonly #options: FrameReaderOptions;
  /** Takes in the pieces of the other stream, where there may be some. */
  readonly #pieces: FrameCutter | undefined;
  /** Bytes of the piece that has begun which have not arrived. */
  #pieceLeft = 0;
  /** The length prefix, as far as it has arrived when a chunk ended within it. */
  readonly #prefix = new Uint8Array(lengthBytes);
  #prefixLength = 0;
  /** Length of the frame that has begun but is not complete; 0 when there is none. */
  #frameLength = 0;
  #buffer = noBytes;
  #buffered = 0;
  #isStopped = false;

  constructor(options: FrameReaderOptions, pieces?: FrameCutter) {
    this.#options = options;
    this.#pieces = pieces;
  }

  get bufferBytes(): number {
    return this.#buffer.length + (this.#pieces?.bufferBytes ?? 0);
  }

  stop(): void {
    this.#isStopped = true;
    this.#buffer = noBytes;
    this.#pieces?.stop();
  }

  /** Takes in part of a chunk; see `FrameReader.push`. */
  take(chunk: Uint8Array, start: number, end: number): string | undefined {
    let offset = start;
    while (offset < end && !this.#isStopped) {
      if (this.#frameLength > 0) {
        offset = this.#fillBuffer(chunk, offset, end);
        continue;
      }
      if (this.#pieceLeft > 0) {
        const pieceEnd = Math.min(end, offset + this.#pieceLeft);
        this.#pieceLeft -= pieceEnd - offset;
        const refusal = this.#pieces?.take(chunk, offset, pieceEnd);
        if (refusal !== undefined) return refusal;
        offset = pieceEnd;
        continue;
      }
      let length: number;
      if (this.#prefixLength === 0 && offset + lengthBytes <= end) {
        length = readUint32(chunk, offset);
        offset += lengthBytes;
      } else {
        this.#prefix[this.#prefixLength++] = chunk[offset++] ?? 0;
        if (this.#prefixLength < lengthBytes) continue;
        length = readUint32(this.#prefix, 0);
        this.#prefixLength = 0;
      }
      if (length === 0 || length > this.#options.frameBytesMax) {
        const refusal = this.#beginPiece(length);
        if (refusal !== undefined) return refusal;
      } else if (offset + length <= end) {
        this.#options.onFrame(new Uint8Array(chunk.buffer, chunk.byteOffset + offset, length));
        offset += length;
      } else {
        this.#frameLength = length;
      }
    }
    return undefined;
  }

  /** What is not the length of a frame may be that of a piece; returns why it is not. */
  #beginPiece(prefix: number): string | undefined {
    const length = prefix - pieceFlag;
    if (length < 0 || this.#pieces === undefined) return this.#refusal(prefix);
    if (length === 0 || length > pieceBytesMax) {
      return `it announced a piece of ${length} bytes; at least 1 and at most ${pieceBytesMax} are allowed`;
    }
    this.#pieceLeft = length;
    return undefined;
  }

  /** Copies what belongs to the frame that has begun; returns where the next one starts in the chunk. */
  #fillBuffer(chunk: Uint8Array, offset: number, chunkEnd: number): number {
    const end = Math.min(chunkEnd, offset + this.#frameLength - this.#buffered);
    const wanted = this.#buffered + end - offset;
    if (wanted > this.#buffer.length) this.#growBuffer(wanted);
    this.#buffer.set(chunk.subarray(offset, end), this.#buffered);
    this.#buffered = wanted;
    if (wanted === this.#frameLength) {
      const frame = this.#buffer;
      this.#buffer = noBytes;
      this.#buffered = 0;
      this.#frameLength = 0;
      // Growth stops at the length of the frame, so the full buffer is the frame.
      this.#options.onFrame(frame);
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
      : `it announced a frame of ${length} bytes; at most ${this.#options.frameBytesMax} are allowed`;
  }
}

export class FrameReader {
  readonly #cutter: FrameCutter;
  /** The chunk being taken in, and whether a frame lies in it that was handed on. */
  #chunk: Uint8Array = noBytes;
  #isKept = false;

  constructor({ frameBytesMax, onFrame }: FrameReaderOptions) {
    const options = {
      frameBytesMax,
      onFrame: (frame: Uint8Array) => {
        if (frame.buffer === this.#chunk.buffer) this.#isKept = true;
        onFrame(frame);
      },
    };
    this.#cutter = new FrameCutter(options, new FrameCutter(options));
  }

  /** Bytes held for frames that are not complete yet. */
  get bufferBytes(): number {
    return this.#cutter.bufferBytes;
  }

  /** No frame is handed on after this. */
  stop(): void {
    this.#cutter.stop();
  }

  /**
   * Takes in a chunk, which is the reader's from then on: it must not change, and its memory may be freed. Returns why
   * the stream can't be believed any more, or undefined; after a reason nothing more may be pushed.
   */
  push(chunk: Uint8Array): string | undefined {
    this.#chunk = chunk;
    this.#isKept = false;
    const refusal = this.#cutter.take(chunk, 0, chunk.length);
    this.#chunk = noBytes;
    // All of it has been copied, and it is nobody else's.
    if (!this.#isKept) giveBack(chunk);
    return refusal;
  }
}
