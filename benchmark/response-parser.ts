/**
 * Reads HTTP/1.1 responses off a keep-alive connection with as little work as is correct.
 *
 * Bodies are counted, and kept only for a caller that wants them. A response without a length (and not chunked, 204 or
 * 304), or one that is no HTTP at all, is an error: guessing where it ends would corrupt every figure after it. Nothing is
 * copied unless a head or the line before a chunk is split over two reads.
 */

/** Longest head (status line and headers) that is accepted. */
const headBytesMax = 16 * 1024;
/** Longest line that announces a chunk; extensions are allowed in it, and nobody sends any. */
const chunkLineBytesMax = 256;

const lineFeed = 0x0a;
const carriageReturn = 0x0d;
const noBytes = new Uint8Array(0);
const decoder = new TextDecoder('latin1');

export interface HttpResponse {
  readonly bodyBytes: number;
  /** Status line and headers. */
  readonly head: string;
  /** As latin1 text; empty unless bodies are kept, or it explains an error. */
  readonly body: string;
}

/** What is read next: a head, a body of known length, or a part of a chunked one. */
type Expected = 'head' | 'body' | 'chunk-line' | 'chunk' | 'chunk-end' | 'trailer';

export class ResponseParser {
  readonly #onResponse: (status: number, response: HttpResponse) => void;
  readonly #keepBodies: boolean;
  #expected: Expected = 'head';
  /** The part of a head or line that came so far. */
  #partial: Uint8Array = noBytes;
  #head = '';
  #status = 0;
  #bodyBytes = 0;
  #body: string[] = [];
  /** Bytes of the body or chunk that are still to come. */
  #left = 0;

  /** `onResponse` is called when a response is complete. */
  constructor(
    onResponse: (status: number, response: HttpResponse) => void,
    options: { readonly keepBodies?: boolean } = {},
  ) {
    this.#onResponse = onResponse;
    this.#keepBodies = options.keepBodies ?? false;
  }

  /** Takes what was read. Throws for what is no response of known length. The bytes may be reused afterwards. */
  feed(bytes: Uint8Array): void {
    let offset = 0;
    while (offset < bytes.length) {
      if (this.#expected === 'head') offset = this.#readHead(bytes, offset);
      else if (this.#expected === 'body' || this.#expected === 'chunk')
        offset = this.#readBody(bytes, offset);
      else offset = this.#readLine(bytes, offset);
    }
  }

  #readHead(bytes: Uint8Array, start: number): number {
    const partial = this.#partial;
    const head = partial.length === 0 ? bytes.subarray(start) : joined(partial, bytes.subarray(start));
    // The end may have begun in the part that was there before.
    const end = endOfHead(head, Math.max(0, partial.length - 3));
    if (end < 0) {
      if (head.length > headBytesMax) throw new Error(`a response head of more than ${headBytesMax} bytes`);
      this.#partial = head.slice();
      return bytes.length;
    }
    this.#partial = noBytes;
    this.#startBody(decoder.decode(head.subarray(0, end)));
    return start + end - partial.length;
  }

  #startBody(head: string): void {
    const status = /^HTTP\/1\.[01] (\d{3})[ \r]/.exec(head)?.[1];
    if (status === undefined) throw new Error(`no HTTP response: ${JSON.stringify(head.slice(0, 60))}`);
    this.#status = Number(status);
    this.#head = head;
    this.#bodyBytes = 0;
    this.#body = [];
    if (this.#status === 204 || this.#status === 304) {
      this.#complete();
      return;
    }
    const length = /\r\ncontent-length:[ \t]*(\d{1,15})[ \t]*\r\n/i.exec(head)?.[1];
    if (length === undefined) {
      if (!/\r\ntransfer-encoding:[ \t]*chunked[ \t]*\r\n/i.test(head)) {
        throw new Error(`a response ${status} without Content-Length`);
      }
      this.#expected = 'chunk-line';
      return;
    }
    this.#left = Number(length);
    this.#expected = 'body';
    if (this.#left === 0) this.#complete();
  }

  #readBody(bytes: Uint8Array, start: number): number {
    const taken = Math.min(this.#left, bytes.length - start);
    this.#left -= taken;
    this.#bodyBytes += taken;
    if (this.#keepBodies || this.#status >= 400)
      this.#body.push(decoder.decode(bytes.subarray(start, start + taken)));
    if (this.#left === 0) {
      if (this.#expected === 'chunk') this.#expected = 'chunk-end';
      else this.#complete();
    }
    return start + taken;
  }

  /** A line of the chunked form: a length, the end of a chunk, or what follows the last chunk. */
  #readLine(bytes: Uint8Array, start: number): number {
    const at = bytes.indexOf(lineFeed, start);
    const end = at < 0 ? bytes.length : at + 1;
    const part = joined(this.#partial, bytes.subarray(start, end));
    if (part.length > chunkLineBytesMax) throw new Error('a line between chunks that is too long');
    this.#partial = at < 0 ? part : noBytes;
    if (at >= 0) this.#takeLine(decoder.decode(part).trimEnd());
    return end;
  }

  #takeLine(line: string): void {
    if (this.#expected === 'chunk-end') {
      if (line !== '') throw new Error('a chunk that is longer than announced');
      this.#expected = 'chunk-line';
    } else if (this.#expected === 'trailer') {
      if (line === '') this.#complete();
    } else {
      const length = /^([0-9a-f]{1,12})(;|$)/i.exec(line)?.[1];
      if (length === undefined) throw new Error(`no length of a chunk: ${JSON.stringify(line)}`);
      this.#left = Number.parseInt(length, 16);
      this.#expected = this.#left === 0 ? 'trailer' : 'chunk';
    }
  }

  #complete(): void {
    this.#expected = 'head';
    const body = this.#body.length === 0 ? '' : this.#body.join('');
    this.#onResponse(this.#status, { bodyBytes: this.#bodyBytes, head: this.#head, body });
  }
}

/** The offset behind the empty line that ends a head, or -1. */
function endOfHead(bytes: Uint8Array, from: number): number {
  for (let at = bytes.indexOf(lineFeed, from + 3); at >= 0; at = bytes.indexOf(lineFeed, at + 1)) {
    const isEmptyLine =
      bytes[at - 1] === carriageReturn && bytes[at - 2] === lineFeed && bytes[at - 3] === carriageReturn;
    if (isEmptyLine) return at + 1;
  }
  return -1;
}

function joined(left: Uint8Array, right: Uint8Array): Uint8Array {
  const whole = new Uint8Array(left.length + right.length);
  whole.set(left);
  whole.set(right, left.length);
  return whole;
}
