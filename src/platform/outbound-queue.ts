/**
 * Frames on their way to one peer: all that one turn of the event loop queues leaves in one write, but for the rest of long frames.
 *
 * Short frames are copied behind each other, length prefixes included, into a slab; long ones are handed to the
 * socket as they are. The longest leave in pieces (`frame-format.ts`), one for each `flush`, so that whatever is queued
 * meanwhile goes between them: a value of some MiB would hold up every heartbeat and small request for as long as the
 * network takes.
 *
 * Bytes of the slab are never written again before the kernel has them: a socket that took a write whole has nothing
 * left to write, and only then is the slab begun anew. Over TLS a write is never over when it returns, but nearly always
 * by the next turn, so the first frame of a turn asks too: one slab serves for as long as the other end keeps up, and a
 * fresh one follows a full one when it does not.
 */

import type { Writable } from 'node:stream';
import { writeUint32 } from '../core/bytes.ts';
import { limits } from '../core/limits.ts';
import { lengthBytes, pieceFlag } from './frame-format.ts';

const noBytes: Uint8Array = new Uint8Array(0);

export interface OutboundQueueOptions {
  readonly socket: Writable;
  /** Most bytes that may wait here and in the socket together. */
  readonly queueBytesMax: number;
}

export class OutboundQueue {
  readonly #socket: Writable;
  readonly #queueBytesMax: number;
  /** What leaves before the open part of the slab. */
  #chunks: Uint8Array[] = [];
  #slab = Buffer.allocUnsafeSlow(limits.peerSlabBytes);
  /** The open part of the slab: not handed over yet. */
  #start = 0;
  #end = 0;
  #queuedBytes = 0;
  /** Frames that leave in pieces, how much of the first has left, and the bytes of all that has not. */
  readonly #long: { readonly head: Uint8Array; readonly tail: Uint8Array }[] = [];
  #longSent = 0;
  #longBytes = 0;

  constructor(options: OutboundQueueOptions) {
    this.#socket = options.socket;
    this.#queueBytesMax = options.queueBytesMax;
  }

  /**
   * Queues a frame, of which `tail` is the end where that lies elsewhere. False when there is no room for it. Neither
   * may change until it is written.
   */
  push(frame: Uint8Array, tail = noBytes): boolean {
    const length = frame.length + tail.length;
    const bytes = lengthBytes + length;
    const waitingBytes = this.#queuedBytes + this.#longBytes + this.#socket.writableLength;
    if (waitingBytes + bytes > this.#queueBytesMax) return false;
    if (length > limits.peerPieceBytes) {
      this.#long.push({ head: frame, tail });
      this.#longBytes += bytes;
      return true;
    }
    if (this.#queuedBytes === 0) this.#reuseSlab();
    this.#queuedBytes += bytes;
    const isShort = length <= limits.peerCopiedFrameBytesMax;
    if (this.#end + (isShort ? bytes : lengthBytes) > this.#slab.length) this.#nextSlab();
    writeUint32(this.#slab, this.#end, length);
    const end = this.#end + lengthBytes;
    if (isShort) {
      this.#slab.set(frame, end);
      if (tail.length > 0) this.#slab.set(tail, end + frame.length);
      this.#end = end + length;
    } else {
      this.#end = end;
      this.#closePart();
      this.#chunks.push(frame);
      if (tail.length > 0) this.#chunks.push(tail);
    }
    return true;
  }

  /** Whether a further `flush` has something to do, although nothing is queued any more. */
  get hasMore(): boolean {
    return this.#long.length > 0;
  }

  /**
   * Hands everything to the socket but the rest of long frames, unless that has more than enough to do: then frames
   * gather here, in whole slabs instead of one small write per turn, until the socket's `drain` calls this again.
   */
  flush(): void {
    if (this.#socket.writableNeedDrain) return;
    if (this.#long.length > 0) this.#takePiece();
    this.#write();
  }

  /** Hands everything to the socket, however busy that is: nothing will come after it. */
  flushAnyway(): void {
    while (this.#long.length > 0) this.#takePiece();
    this.#write();
  }

  #write(): void {
    if (this.#queuedBytes === 0) return;
    this.#queuedBytes = 0;
    const socket = this.#socket;
    if (this.#chunks.length === 0) {
      socket.write(this.#slab.subarray(this.#start, this.#end));
      this.#start = this.#end;
    } else {
      this.#closePart();
      const chunks = this.#chunks;
      this.#chunks = [];
      socket.cork();
      for (const chunk of chunks) socket.write(chunk);
      socket.uncork();
    }
    this.#reuseSlab();
  }

  /** Queues the next piece of the first long frame, behind what is queued already. */
  #takePiece(): void {
    const first = this.#long[0];
    if (first === undefined) return;
    const { head, tail } = first;
    const length = head.length + tail.length;
    const from = this.#longSent;
    const to = Math.min(length, from + limits.peerPieceBytes);
    // The first piece begins with the length of the frame.
    const headBytes = from === 0 ? 2 * lengthBytes : lengthBytes;
    if (this.#queuedBytes === 0) this.#reuseSlab();
    if (this.#end + headBytes > this.#slab.length) this.#nextSlab();
    const pieceBytes = headBytes - lengthBytes + to - from;
    writeUint32(this.#slab, this.#end, (pieceFlag | pieceBytes) >>> 0);
    if (from === 0) writeUint32(this.#slab, this.#end + lengthBytes, length);
    this.#end += headBytes;
    this.#closePart();
    if (from < head.length) this.#chunks.push(head.subarray(from, to));
    if (to > head.length) {
      this.#chunks.push(tail.subarray(Math.max(0, from - head.length), to - head.length));
    }
    this.#queuedBytes += lengthBytes + pieceBytes;
    this.#longBytes -= pieceBytes;
    this.#longSent = to;
    if (to < length) return;
    this.#long.shift();
    this.#longSent = 0;
  }

  /** Begins the slab anew if all of it that was handed over is with the kernel; nothing may be queued. */
  #reuseSlab(): void {
    if (this.#socket.writableLength === 0) this.#start = this.#end = 0;
  }

  #closePart(): void {
    if (this.#end > this.#start) this.#chunks.push(this.#slab.subarray(this.#start, this.#end));
    this.#start = this.#end;
  }

  #nextSlab(): void {
    this.#closePart();
    this.#slab = Buffer.allocUnsafeSlow(limits.peerSlabBytes);
    this.#start = this.#end = 0;
  }
}
