/**
 * Reads HTTP/1.1 responses off a keep-alive connection with as little work as is correct.
 *
 * Only the status and `Content-Length` matter to a load driver; bodies are counted, not kept. A response
 * without a length (and not 204 or 304), a chunked one, or one that is no HTTP at all is an error: guessing where
 * it ends would corrupt every figure after it. Nothing is copied unless a head is split over two reads.
 */

/** Longest head (status line and headers) that is accepted. */
const headBytesMax = 16 * 1024;

const lineFeed = 0x0a;
const carriageReturn = 0x0d;
const noBytes = new Uint8Array(0);
const decoder = new TextDecoder('latin1');

export class ResponseParser {
  readonly #onResponse: (status: number, bodyBytes: number) => void;
  /** The part of a head that came so far. */
  #partialHead: Uint8Array = noBytes;
  #status = 0;
  #bodyBytes = 0;
  /** Bytes of the body that are still to come; undefined while a head is read. */
  #bodyLeft: number | undefined;

  /** `onResponse` is called when a response is complete. */
  constructor(onResponse: (status: number, bodyBytes: number) => void) {
    this.#onResponse = onResponse;
  }

  /** Takes what was read. Throws for what is no response of known length. The bytes may be reused afterwards. */
  feed(bytes: Uint8Array): void {
    let offset = 0;
    while (offset < bytes.length) {
      offset = this.#bodyLeft === undefined ? this.#readHead(bytes, offset) : this.#skipBody(bytes, offset);
    }
  }

  #readHead(bytes: Uint8Array, start: number): number {
    const partial = this.#partialHead;
    const head = partial.length === 0 ? bytes.subarray(start) : joined(partial, bytes.subarray(start));
    // The end may have begun in the part that was there before.
    const end = endOfHead(head, Math.max(0, partial.length - 3));
    if (end < 0) {
      if (head.length > headBytesMax) throw new Error(`a response head of more than ${headBytesMax} bytes`);
      this.#partialHead = head.slice();
      return bytes.length;
    }
    this.#partialHead = noBytes;
    this.#startBody(decoder.decode(head.subarray(0, end)));
    return start + end - partial.length;
  }

  #startBody(head: string): void {
    const status = /^HTTP\/1\.[01] (\d{3})[ \r]/.exec(head)?.[1];
    if (status === undefined) throw new Error(`no HTTP response: ${JSON.stringify(head.slice(0, 60))}`);
    this.#status = Number(status);
    if (/\r\ntransfer-encoding:/i.test(head))
      throw new Error('a chunked response; only Content-Length is read');
    const length = /\r\ncontent-length:[ \t]*(\d{1,15})[ \t]*\r\n/i.exec(head)?.[1];
    const hasNoBody = this.#status === 204 || this.#status === 304;
    if (length === undefined && !hasNoBody) throw new Error(`a response ${status} without Content-Length`);
    this.#bodyBytes = hasNoBody ? 0 : Number(length);
    this.#bodyLeft = this.#bodyBytes;
    if (this.#bodyLeft === 0) this.#complete();
  }

  #skipBody(bytes: Uint8Array, start: number): number {
    const left = this.#bodyLeft ?? 0;
    const taken = Math.min(left, bytes.length - start);
    this.#bodyLeft = left - taken;
    if (this.#bodyLeft === 0) this.#complete();
    return start + taken;
  }

  #complete(): void {
    this.#bodyLeft = undefined;
    this.#onResponse(this.#status, this.#bodyBytes);
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
