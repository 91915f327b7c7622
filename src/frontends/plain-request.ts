/**
 * Reads the requests that nearly all clients send nearly always: one whole `/kv` request in one
 * packet, with headers that change nothing about how it is framed.
 *
 * This is no HTTP parser and must not become one. What it does not know for certain (a body in
 * pieces, a transfer coding, an unusual header, a second request behind the first, anything
 * malformed) it declines, and `node:http` judges it. So it may be strict without refusing anybody, and
 * the two can never disagree about where a request ends: what is read here has exactly one
 * `Content-Length` at most, and ends with the packet (RFC 9112, §6.3).
 *
 * Clients repeat their headers from request to request, so a header block is parsed once and then
 * compared.
 */

import type { IncomingHttpHeaders } from 'node:http';
import { limits } from '../core/limits.ts';

export interface PlainRequest {
  readonly method: 'GET' | 'PUT' | 'DELETE';
  /** As it stood in the request line, beginning with `/kv/`. */
  readonly target: string;
  readonly headers: IncomingHttpHeaders;
  /** A view into the packet. */
  readonly body: Uint8Array;
}

const headEnd = Buffer.from('\r\n\r\n', 'latin1');
const versionSuffix = ' HTTP/1.1';
const plainTarget = /^[\x21-\x7e]+$/;
const plainLine = /^([A-Za-z0-9-]+):[ \t]*([\x20-\x7e]*?)[ \t]*$/;
const plainLength = /^\d{1,9}$/;

/** Headers that say nothing about framing or the fate of the connection. */
const plainNames: ReadonlySet<string> = new Set([
  'accept',
  'accept-encoding',
  'accept-language',
  'authorization',
  'cache-control',
  'connection',
  'content-encoding',
  'content-length',
  'content-range',
  'content-type',
  'cookie',
  'host',
  'if-match',
  'if-none-match',
  'origin',
  'pragma',
  'priority',
  'referer',
  'sec-fetch-dest',
  'sec-fetch-mode',
  'sec-fetch-site',
  'user-agent',
  'x-causal-context',
]);

const methods = [
  ['GET /kv/', 'GET'],
  ['PUT /kv/', 'PUT'],
  ['DELETE /kv/', 'DELETE'],
] as const;

/** One for each connection: it remembers the last header block. */
export class PlainRequestReader {
  #block = '';
  #headers: IncomingHttpHeaders = {};
  #bodyBytes = 0;
  #known = false;

  /** The request that this packet is, or undefined when it is anything else. */
  read(packet: Buffer): PlainRequest | undefined {
    const end = packet.indexOf(headEnd);
    if (end < 0 || end > limits.httpHeaderBytesMax) return undefined;
    const head = packet.toString('latin1', 0, end + 2);
    const lineEnd = head.indexOf('\r\n');
    const method = methodOf(head);
    if (method === undefined || !head.startsWith(versionSuffix, lineEnd - versionSuffix.length))
      return undefined;
    const target = head.slice(method.length + 1, lineEnd - versionSuffix.length);
    if (!plainTarget.test(target)) return undefined;
    const block = head.slice(lineEnd + 2);
    if (!(this.#known && block === this.#block) && !this.#learn(block)) return undefined;
    const bodyStart = end + headEnd.length;
    if (packet.length - bodyStart !== this.#bodyBytes) return undefined;
    if (method !== 'PUT' && this.#bodyBytes > 0) return undefined;
    return { method, target, headers: this.#headers, body: packet.subarray(bodyStart) };
  }

  /** Parses a header block; false, and nothing is known, when any line of it is out of the ordinary. */
  #learn(block: string): boolean {
    this.#known = false;
    const headers: Record<string, string> = {};
    for (const line of block.slice(0, -2).split('\r\n')) {
      const match = plainLine.exec(line);
      const name = match?.[1]?.toLowerCase();
      if (name === undefined || !plainNames.has(name) || Object.hasOwn(headers, name)) return false;
      headers[name] = match?.[2] ?? '';
    }
    const { host, connection, 'content-length': length = '0' } = headers;
    if (host === undefined || !plainLength.test(length)) return false;
    if (connection !== undefined && connection.toLowerCase() !== 'keep-alive') return false;
    this.#block = block;
    this.#headers = headers;
    this.#bodyBytes = Number(length);
    this.#known = true;
    return true;
  }
}

function methodOf(head: string): PlainRequest['method'] | undefined {
  for (const [start, method] of methods) if (head.startsWith(start)) return method;
  return undefined;
}
