/**
 * Replies as bytes, RESP2 or RESP3, collected for one socket write.
 *
 * One encoder serves all connections in turn: small replies are written into a slab, a long value goes out as it
 * is, uncopied. Who took the chunks says with `rewind` that their part of the slab may be used again, which is only
 * true once the socket has handed them to the kernel; otherwise the next chunks are laid behind them, and a full slab
 * is left to the collector.
 */

import { limits } from '../../core/limits.ts';
import type { ProtocolVersion, Reply } from './reply.ts';

const carriageReturn = 0x0d;
const lineFeed = 0x0a;
/** What most requests are answered with. */
const ok = Buffer.from('+OK\r\n', 'latin1');
const oneOk: readonly Buffer[] = [ok];
const nullOfVersion2 = Buffer.from('$-1\r\n', 'latin1');
const nullOfVersion3 = Buffer.from('_\r\n', 'latin1');
/** Longest head of a reply: its type, fifteen digits and a sign, the line end. */
const headBytesMax = 24;

export class ReplyEncoder {
  #slab: Buffer = Buffer.allocUnsafeSlow(limits.redisOutputSlabBytes);
  /** Where the bytes that were not taken yet begin. */
  #start = 0;
  #end = 0;
  /** Where, in this slab, the chunks begin that will be taken next. */
  #takeStart = 0;
  /** Where the chunks begin that were taken last; what lies before it in the slab may still be needed. */
  #takenFrom = 0;
  #chunks: Buffer[] = [];
  #chunkBytes = 0;

  /** Bytes that were encoded and not taken yet. */
  get pendingBytes(): number {
    return this.#chunkBytes + this.#end - this.#start;
  }

  /** Appends a reply. */
  encode(reply: Reply, protocol: ProtocolVersion): void {
    switch (reply.kind) {
      case 'bulk':
        return this.#bulk(reply.value);
      case 'simple':
        return reply.text === 'OK' ? this.#bytes(ok) : this.#line('+', reply.text);
      case 'error':
        return this.#line('-', reply.text);
      case 'integer':
        return this.#head(0x3a, reply.value);
      case 'null':
        return this.#bytes(protocol === 3 ? nullOfVersion3 : nullOfVersion2);
      case 'text':
        return this.#bulk(Buffer.from(reply.text, 'utf8'));
      case 'verbatim':
        return this.#verbatim(Buffer.from(reply.text, 'utf8'), protocol);
      case 'array':
        this.#head(0x2a, reply.items.length);
        for (const item of reply.items) this.encode(item, protocol);
        return;
      case 'set':
        this.#head(protocol === 3 ? 0x7e : 0x2a, reply.items.length);
        for (const item of reply.items) this.encode(item, protocol);
        return;
      case 'map':
        this.#head(protocol === 3 ? 0x25 : 0x2a, reply.entries.length * (protocol === 3 ? 1 : 2));
        for (const [name, value] of reply.entries) {
          this.encode(name, protocol);
          this.encode(value, protocol);
        }
    }
  }

  /** What was encoded since the last call, in order. The chunks stay as they are, unless `rewind` gives them up. */
  take(): readonly Buffer[] {
    this.#takenFrom = this.#takeStart;
    if (this.#isOneOk()) {
      this.#end = this.#start;
      return oneOk;
    }
    this.#close();
    this.#takeStart = this.#end;
    const taken = this.#chunks;
    this.#chunks = [];
    this.#chunkBytes = 0;
    return taken;
  }

  /** Nobody needs the chunks that were taken last any more. */
  rewind(): void {
    if (this.#start !== this.#end || this.#chunks.length > 0) return;
    this.#start = this.#takenFrom;
    this.#end = this.#takenFrom;
    this.#takeStart = this.#takenFrom;
  }

  /** Whether no more waits than the reply to one write: it needs no bytes of its own. */
  #isOneOk(): boolean {
    if (this.#chunks.length > 0 || this.#end - this.#start !== ok.length) return false;
    for (let index = 0; index < ok.length; index++) {
      if (this.#slab[this.#start + index] !== ok[index]) return false;
    }
    return true;
  }

  #bulk(value: Uint8Array): void {
    this.#head(0x24, value.length);
    this.#bytes(value);
    this.#lineEnd();
  }

  #verbatim(text: Buffer, protocol: ProtocolVersion): void {
    if (protocol === 2) return this.#bulk(text);
    this.#head(0x3d, text.length + 4);
    this.#bytes(Buffer.from('txt:', 'latin1'));
    this.#bytes(text);
    this.#lineEnd();
  }

  #bytes(value: Uint8Array): void {
    if (value.length > limits.redisCopiedReplyBytesMax) {
      this.#close();
      this.#chunks.push(Buffer.from(value.buffer, value.byteOffset, value.length));
      this.#chunkBytes += value.length;
      return;
    }
    this.#reserve(value.length);
    this.#slab.set(value, this.#end);
    this.#end += value.length;
  }

  /** A line break in a text would be an injected reply. */
  #line(type: string, text: string): void {
    const line = Buffer.from(`${type}${text.replaceAll(/[\r\n]+/g, ' ')}\r\n`, 'utf8');
    this.#bytes(line);
  }

  /** A type and a whole number, without making a string of it. */
  #head(type: number, value: number): void {
    this.#reserve(headBytesMax);
    const slab = this.#slab;
    let end = this.#end;
    slab[end++] = type;
    if (value >= 0 && value < 10) {
      slab[end++] = 0x30 + value;
    } else if (value >= 0 && value < 0x7fffffff) {
      let digits = 1;
      for (let power = 10; power <= value; power *= 10) digits++;
      let rest = value;
      for (let index = end + digits - 1; index >= end; index--) {
        const quotient = (rest / 10) | 0;
        slab[index] = 0x30 + rest - quotient * 10;
        rest = quotient;
      }
      end += digits;
    } else {
      end += slab.write(String(value), end, 'latin1');
    }
    slab[end++] = carriageReturn;
    slab[end++] = lineFeed;
    this.#end = end;
  }

  #lineEnd(): void {
    this.#reserve(2);
    this.#slab[this.#end++] = carriageReturn;
    this.#slab[this.#end++] = lineFeed;
  }

  /** Makes room in the slab, in a new one if need be. */
  #reserve(bytes: number): void {
    if (this.#end + bytes <= this.#slab.length) return;
    this.#close();
    this.#slab = Buffer.allocUnsafeSlow(limits.redisOutputSlabBytes);
    this.#start = 0;
    this.#end = 0;
    this.#takeStart = 0;
  }

  /** Turns what the slab holds of the current chunk into one. */
  #close(): void {
    if (this.#start === this.#end) return;
    this.#chunks.push(this.#slab.subarray(this.#start, this.#end));
    this.#chunkBytes += this.#end - this.#start;
    this.#start = this.#end;
  }
}
