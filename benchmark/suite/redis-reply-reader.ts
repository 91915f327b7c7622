/**
 * Reads RESP2 replies however they arrive. Strings are counted, and kept only for a caller that wants them; of an
 * array only the number of strings anywhere in it is told.
 */

export type RedisReply =
  | { readonly kind: 'status' | 'error'; readonly text: string }
  | { readonly kind: 'integer'; readonly value: number }
  | { readonly kind: 'null' }
  | { readonly kind: 'text'; readonly bytes: number; readonly text: string }
  | { readonly kind: 'array'; readonly texts: number };

const lineBytesMax = 64 * 1024;
const lineFeed = 0x0a;
/** Behind every string. */
const endBytes = 2;
const decoder = new TextDecoder('latin1');

export class RedisReplyReader {
  readonly #onReply: (reply: RedisReply) => void;
  readonly #keepTexts: boolean;
  /** The part of a line that came so far. */
  #line = '';
  /** Bytes of a string, its end included, that are still to come; undefined between strings. */
  #left: number | undefined;
  #textBytes = 0;
  #parts: string[] = [];
  /** Elements of an array that are still to come, nested ones included; 0 outside of an array. */
  #elements = 0;
  #textsOfArray = 0;

  constructor(onReply: (reply: RedisReply) => void, options: { readonly keepTexts?: boolean } = {}) {
    this.#onReply = onReply;
    this.#keepTexts = options.keepTexts ?? false;
  }

  /** Takes what was read, which may be reused afterwards. Throws for what is no reply. */
  feed(bytes: Uint8Array): void {
    let offset = 0;
    while (offset < bytes.length) {
      offset = this.#left === undefined ? this.#readLine(bytes, offset) : this.#readText(bytes, offset);
    }
  }

  #readLine(bytes: Uint8Array, start: number): number {
    const at = bytes.indexOf(lineFeed, start);
    const end = at < 0 ? bytes.length : at + 1;
    this.#line += decoder.decode(bytes.subarray(start, end));
    if (this.#line.length > lineBytesMax) throw new Error('a line of a reply that is too long');
    if (at >= 0) {
      const line = this.#line.slice(0, -endBytes);
      this.#line = '';
      this.#takeLine(line);
    }
    return end;
  }

  #takeLine(line: string): void {
    const rest = line.slice(1);
    switch (line[0]) {
      case '+':
        return this.#take({ kind: 'status', text: rest });
      case '-':
        return this.#take({ kind: 'error', text: rest });
      case ':':
        return this.#take({ kind: 'integer', value: Number(rest) });
      case '$':
        return this.#startText(lengthOf(rest));
      case '*':
        return this.#startArray(lengthOf(rest));
      default:
        throw new Error(`no reply: ${JSON.stringify(line.slice(0, 60))}`);
    }
  }

  #startText(length: number): void {
    if (length < 0) return this.#take({ kind: 'null' });
    this.#textBytes = length;
    this.#left = length + endBytes;
    this.#parts = [];
  }

  #readText(bytes: Uint8Array, start: number): number {
    const left = this.#left ?? 0;
    const taken = Math.min(left, bytes.length - start);
    const ofText = Math.min(taken, left - endBytes);
    if (this.#keepTexts && ofText > 0)
      this.#parts.push(decoder.decode(bytes.subarray(start, start + ofText)));
    this.#left = left - taken;
    if (this.#left === 0) {
      this.#left = undefined;
      this.#take({ kind: 'text', bytes: this.#textBytes, text: this.#parts.join('') });
    }
    return start + taken;
  }

  #startArray(length: number): void {
    if (this.#elements > 0) {
      // Nested: its elements take its place.
      this.#elements += Math.max(0, length) - 1;
    } else {
      this.#elements = Math.max(0, length);
      this.#textsOfArray = 0;
    }
    if (this.#elements === 0) this.#onReply({ kind: 'array', texts: this.#textsOfArray });
  }

  #take(reply: RedisReply): void {
    if (this.#elements === 0) {
      this.#onReply(reply);
      return;
    }
    if (reply.kind === 'text') this.#textsOfArray += 1;
    this.#elements -= 1;
    if (this.#elements === 0) this.#onReply({ kind: 'array', texts: this.#textsOfArray });
  }
}

function lengthOf(text: string): number {
  if (!/^(-1|\d{1,10})$/.test(text)) throw new Error(`no length: ${JSON.stringify(text.slice(0, 60))}`);
  return Number(text);
}
