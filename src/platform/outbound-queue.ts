/**
 * Frames on their way to one peer: all that one turn of the event loop queues leaves in one write.
 *
 * Short frames are copied behind each other, length prefixes included, into a slab; long ones are handed to the
 * socket as they are. Bytes of the slab are never written again before the kernel has them: a socket
 * that took a write whole has nothing left to write, and only then is the slab begun anew. Over TLS a write is
 * never over when it returns, but nearly always by the next turn, so the first frame of a turn asks too: one slab
 * serves for as long as the other end keeps up, and a fresh one follows a full one when it does not.
 */

import type { Writable } from 'node:stream';
import { limits } from '../core/limits.ts';

const lengthBytes = 4;

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

  constructor(options: OutboundQueueOptions) {
    this.#socket = options.socket;
    this.#queueBytesMax = options.queueBytesMax;
  }

  /** Queues a frame, which must not change until it is written. False when there is no room for it. */
  push(frame: Uint8Array): boolean {
    const length = frame.length;
    const bytes = lengthBytes + length;
    if (this.#queuedBytes + this.#socket.writableLength + bytes > this.#queueBytesMax) return false;
    if (this.#queuedBytes === 0) this.#reuseSlab();
    this.#queuedBytes += bytes;
    const isShort = length <= limits.peerCopiedFrameBytesMax;
    if (this.#end + (isShort ? bytes : lengthBytes) > this.#slab.length) this.#nextSlab();
    const slab = this.#slab;
    let end = this.#end;
    slab[end] = length >>> 24;
    slab[end + 1] = length >>> 16;
    slab[end + 2] = length >>> 8;
    slab[end + 3] = length;
    end += lengthBytes;
    if (isShort) {
      slab.set(frame, end);
      this.#end = end + length;
    } else {
      this.#end = end;
      this.#closePart();
      this.#chunks.push(frame);
    }
    return true;
  }

  /**
   * Hands everything to the socket, unless that has more than enough to do: then frames gather here, in whole
   * slabs instead of one small write per turn, until the socket's `drain` calls this again.
   */
  flush(): void {
    if (!this.#socket.writableNeedDrain) this.flushAnyway();
  }

  /** Hands everything to the socket, however busy that is: nothing will come after it. */
  flushAnyway(): void {
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
