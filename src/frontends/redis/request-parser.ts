/**
 * Requests of the Redis protocol, cut out of a byte stream: multibulk (`*2\r\n$3\r\nGET\r\n$1\r\na\r\n`) and inline.
 *
 * Bytes go in as they arrive and whole requests are taken out one at a time, so that a connection that may not
 * start another leaves the rest unparsed. Arguments are views into what arrived, never copied unless one came
 * in several pieces: nobody may change a chunk that was pushed. What is kept between two chunks is at most
 * one request within the limits; any stream, however it is cut, parses alike. The limits and the
 * messages are those of Redis (`networking.c`).
 */

import { splitInlineArguments } from './inline-arguments.ts';

export interface RequestLimits {
  /** Longest line: an inline command, or the number of arguments or bytes that follows. */
  readonly lineBytesMax: number;
  readonly argumentsMax: number;
  readonly argumentBytesMax: number;
  /** All arguments of one request together, `argumentOverheadBytes` counted for each. */
  readonly requestBytesMax: number;
}

/** What an argument costs beside its bytes. */
export const argumentOverheadBytes = 64;

/** The bytes are no request; nothing behind them can be read. */
export class ProtocolError extends Error {}

const asterisk = 0x2a;
const dollar = 0x24;
const carriageReturn = 0x0d;
const lineFeed = 0x0a;
const nothing: Buffer = Buffer.alloc(0);
/** Longer than the name of any command. */
const rememberedNameMax = 32;

export class RequestParser {
  readonly #limits: RequestLimits;
  #chunk = nothing;
  #offset = 0;
  /** Where the search for the end of a line goes on, so that a line in many pieces is searched once. */
  #searchFrom = 0;
  #arguments: Buffer[] = [];
  /** A command's name that came before. */
  #lastName = nothing;
  /** Arguments of the request under way that are still missing; 0 between requests. */
  #missing = 0;
  /** Length of the argument under way; -1 before it is known. */
  #length = -1;
  /** The beginning of an argument that is longer than what has arrived. */
  #pieces: Buffer[] = [];
  #piecesBytes = 0;
  /** Of the request under way: the arguments that are whole, and what they all cost. */
  #requestBytes = 0;
  /** The bytes of the request that `next` returned last, with what its arguments cost. */
  lastRequestBytes = 0;

  constructor(limits: RequestLimits) {
    this.#limits = limits;
  }

  /** Bytes of requests that have not been taken out yet. */
  get bufferedBytes(): number {
    return this.#chunk.length - this.#offset + this.#requestBytes + this.#piecesBytes;
  }

  /** Whether a request has begun and is not whole. */
  get isPartial(): boolean {
    return this.#missing > 0 || this.#offset < this.#chunk.length;
  }

  /** Takes in what has arrived. Takes over the chunk: it must not change any more. */
  push(chunk: Buffer): void {
    this.#searchFrom -= this.#offset;
    this.#chunk =
      this.#offset === this.#chunk.length
        ? chunk
        : Buffer.concat([this.#chunk.subarray(this.#offset), chunk]);
    this.#offset = 0;
    if (this.#searchFrom < 0) this.#searchFrom = 0;
  }

  /**
   * The arguments of the next whole request, the command's name first; undefined when more bytes are needed.
   * Empty requests are skipped. Throws `ProtocolError`, after which the parser is of no use.
   */
  next(): Buffer[] | undefined {
    for (;;) {
      if (this.#missing === 0) {
        if (this.#offset >= this.#chunk.length) return this.#waitForMore();
        if (this.#chunk[this.#offset] !== asterisk) {
          const line = this.#line('too big inline request');
          if (line === undefined) return undefined;
          const words = this.#wordsOf(line);
          if (words.length > 0) return words;
          continue;
        }
        const count = this.#number('multibulk', 'too big mbulk count string');
        if (count === undefined) return undefined;
        if (count > this.#limits.argumentsMax) throw new ProtocolError('invalid multibulk length');
        if (count <= 0) continue;
        this.#missing = count;
      }
      if (!this.#readArguments()) return undefined;
      const taken = this.#arguments;
      this.#arguments = [];
      this.lastRequestBytes = this.#requestBytes;
      this.#requestBytes = 0;
      return taken;
    }
  }

  /** Reads arguments until the request is whole; false when more bytes are needed. */
  #readArguments(): boolean {
    while (this.#missing > 0) {
      if (this.#length < 0 && !this.#readLength()) return false;
      const argument = this.#readArgument();
      if (argument === undefined) return false;
      this.#arguments.push(argument);
      this.#length = -1;
      this.#missing--;
    }
    return true;
  }

  #readLength(): boolean {
    const first = this.#chunk[this.#offset];
    if (first === undefined) {
      this.#waitForMore();
      return false;
    }
    if (first !== dollar) {
      throw new ProtocolError(`expected '$', got '${printable(first)}'`);
    }
    const length = this.#number('bulk', 'too big bulk count string');
    if (length === undefined) return false;
    if (length < 0 || length > this.#limits.argumentBytesMax) throw new ProtocolError('invalid bulk length');
    // What counts as buffered is what has arrived; what was announced is held against the limit.
    this.#requestBytes += argumentOverheadBytes;
    if (this.#requestBytes + length > this.#limits.requestBytesMax)
      throw new ProtocolError('too big request');
    this.#length = length;
    return true;
  }

  /** The argument, once it and its line end have arrived. */
  #readArgument(): Buffer | undefined {
    const wanted = this.#length - this.#piecesBytes;
    const available = this.#chunk.length - this.#offset;
    if (available < wanted + 2) {
      // A short rest is joined to the next chunk; a long argument is collected, so that nothing is copied twice.
      if (this.#length > this.#limits.lineBytesMax && available > 0) {
        const piece = this.#chunk.subarray(this.#offset, this.#offset + Math.min(available, wanted));
        this.#pieces.push(piece);
        this.#piecesBytes += piece.length;
        this.#offset += piece.length;
      }
      return undefined;
    }
    const end = this.#offset + wanted;
    if (this.#chunk[end] !== carriageReturn || this.#chunk[end + 1] !== lineFeed) {
      throw new ProtocolError('expected the line end that closes an argument');
    }
    const last = this.#arguments.length === 0 ? this.#nameUpTo(end) : this.#chunk.subarray(this.#offset, end);
    this.#offset = end + 2;
    this.#searchFrom = this.#offset;
    this.#requestBytes += this.#length;
    if (this.#pieces.length === 0) return last;
    const whole = Buffer.concat([...this.#pieces, last]);
    this.#pieces = [];
    this.#piecesBytes = 0;
    return whole;
  }

  /** The command's name, or its last piece. Mostly that of the request before, and a view costs more than a comparison. */
  #nameUpTo(end: number): Buffer {
    const start = this.#offset;
    const last = this.#lastName;
    let same = 0;
    while (same < last.length && last[same] === this.#chunk[start + same]) same++;
    if (same === end - start && same === last.length) return last;
    const name = this.#chunk.subarray(start, end);
    // A copy, or the whole chunk would be kept for the sake of a few bytes.
    if (name.length <= rememberedNameMax) this.#lastName = Buffer.from(name);
    return name;
  }

  /** The number behind the first byte of a line; undefined when the line is not whole. */
  #number(what: 'multibulk' | 'bulk', tooLong: string): number | undefined {
    const start = this.#offset + 1;
    // Numbers are short and mostly whole: read the digits before searching for the line's end.
    let value = 0;
    let index = start;
    for (; index < this.#chunk.length && index - start < 10; index++) {
      const digit = (this.#chunk[index] ?? 0) - 0x30;
      if (digit < 0 || digit > 9) break;
      value = value * 10 + digit;
    }
    if (
      index > start &&
      this.#chunk[index] === carriageReturn &&
      this.#chunk[index + 1] === lineFeed &&
      (index === start + 1 || this.#chunk[start] !== 0x30)
    ) {
      this.#offset = index + 2;
      this.#searchFrom = this.#offset;
      return value;
    }
    const line = this.#line(tooLong)?.toString('latin1', 1);
    if (line === undefined) return undefined;
    // Only what the quick way leaves gets here: a missing, negative, padded or overlong number.
    if (/^-[1-9]\d{0,9}$/.test(line)) return Number(line);
    throw new ProtocolError(`invalid ${what} length`);
  }

  /** The line without its end, which is a line feed with or without a carriage return before it. */
  #line(tooLong: string): Buffer | undefined {
    const { lineBytesMax } = this.#limits;
    const end = this.#chunk.indexOf(lineFeed, this.#searchFrom);
    if (end < 0 || end - this.#offset > lineBytesMax) {
      if (end >= 0 || this.#chunk.length - this.#offset > lineBytesMax) throw new ProtocolError(tooLong);
      this.#searchFrom = this.#chunk.length;
      return undefined;
    }
    const line = this.#chunk.subarray(
      this.#offset,
      end > this.#offset && this.#chunk[end - 1] === carriageReturn ? end - 1 : end,
    );
    this.#offset = end + 1;
    this.#searchFrom = this.#offset;
    return line;
  }

  #wordsOf(line: Buffer): Buffer[] {
    const words = splitInlineArguments(line);
    if (words === undefined) throw new ProtocolError('unbalanced quotes in request');
    this.lastRequestBytes = line.length + words.length * argumentOverheadBytes;
    return words;
  }

  /** Lets go of the chunk, all of which has been read. */
  #waitForMore(): undefined {
    this.#chunk = nothing;
    this.#offset = 0;
    this.#searchFrom = 0;
    return undefined;
  }
}

function printable(byte: number): string {
  return byte >= 0x20 && byte <= 0x7e ? String.fromCharCode(byte) : '?';
}
