/**
 * A closed-loop load: so many connections, each with one request under way, the next as soon as it is
 * answered. What is measured is what a caller of that concurrency sees.
 *
 * Closed loops flatter latency when a server stalls (fewer requests are sent meanwhile); the maximum is
 * therefore always shown beside the percentiles. Keys are drawn evenly; requests are one string each, written at
 * once, so that the driver costs a fraction of what the servers do.
 */

import { LogHistogram } from './log-histogram.ts';
import { LoadConnection } from './load-connection.ts';

export type Operation = 'put' | 'get' | 'mix';

export interface LoadOptions {
  /** Base addresses; connections are dealt out to them in turn. */
  readonly urls: readonly URL[];
  readonly operation: Operation;
  readonly connections: number;
  readonly keys: number;
  readonly valueBytes: number;
}

export interface LoadResult {
  readonly durationMs: number;
  /** Requests answered as they should be. */
  readonly operations: number;
  /** In microseconds, of those. */
  readonly latency: LogHistogram;
  /** Everything else, by status or by what went wrong with the connection. */
  readonly errors: ReadonlyMap<string, number>;
}

export interface Request {
  readonly method: 'PUT' | 'GET';
  readonly key: number;
}

/** Draws requests at random until `durationMs` have passed; ends when the last of them is answered. */
export function runLoad(options: LoadOptions & { readonly durationMs: number }): Promise<LoadResult> {
  const end = performance.now() + options.durationMs;
  return drive(options, () => {
    if (performance.now() >= end) return undefined;
    const isPut = options.operation === 'put' || (options.operation === 'mix' && Math.random() < 0.5);
    return { method: isPut ? 'PUT' : 'GET', key: Math.floor(Math.random() * options.keys) };
  });
}

/** Puts every key once. */
export function prefill(options: Omit<LoadOptions, 'operation'>): Promise<LoadResult> {
  let key = 0;
  return drive(options, () => (key < options.keys ? { method: 'PUT', key: key++ } : undefined));
}

/** Sends what `nextRequest` gives over all connections until it gives nothing more. */
async function drive(
  options: Omit<LoadOptions, 'operation'>,
  nextRequest: () => Request | undefined,
): Promise<LoadResult> {
  const latency = new LogHistogram();
  const errors = new Map<string, number>();
  const text = requestText(options.valueBytes);
  const startedAt = performance.now();

  async function runConnection(index: number): Promise<void> {
    const url = options.urls[index % options.urls.length];
    if (url === undefined) throw new Error('no server to drive: give at least one --url');
    const connection = new LoadConnection(url);
    try {
      for (let request = nextRequest(); request !== undefined; request = nextRequest()) {
        const sentAt = performance.now();
        const outcome = await connection.exchange(text(request, url));
        if (outcome === expectedStatus[request.method]) latency.record((performance.now() - sentAt) * 1_000);
        else errors.set(String(outcome), (errors.get(String(outcome)) ?? 0) + 1);
      }
    } finally {
      connection.close();
    }
  }

  await Promise.all(Array.from({ length: options.connections }, (_, index) => runConnection(index)));
  return { durationMs: performance.now() - startedAt, operations: latency.count, latency, errors };
}

const expectedStatus = { PUT: 204, GET: 200 } as const;

/** Values differ by where in one random text they start. */
const valueOffsets = 1_024;

/** Writes requests with values of so many bytes, each in one string. */
export function requestText(valueBytes: number): (request: Request, url: URL) => string {
  const value = randomText(valueBytes + valueOffsets);
  return ({ method, key }, url) => {
    const head = `${method} ${url.pathname.replace(/\/$/, '')}/kv/key-${key} HTTP/1.1\r\nHost: ${url.host}\r\n`;
    if (method === 'GET') return `${head}\r\n`;
    const offset = Math.floor(Math.random() * valueOffsets);
    return `${head}Content-Length: ${valueBytes}\r\n\r\n${value.slice(offset, offset + valueBytes)}`;
  };
}

function randomText(length: number): string {
  let text = '';
  while (text.length < length) text += Math.random().toString(36).slice(2);
  return text.slice(0, length);
}
