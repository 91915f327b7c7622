/**
 * What goes on in the background of a measurement, in a process of its own, so that it does not hold up the clock of
 * the foreground: new keys in bulk, large values, or records that one node alone is given, for anti-entropy to spread.
 *
 * Starts at once and runs until it is told to stop; then it tells how many requests were answered as they should be,
 * and which were not.
 */

import { fork } from 'node:child_process';

import { LoadConnection } from './load-connection.ts';

export interface BackgroundLoad {
  readonly kind: 'bulk' | 'large' | 'one-sided';
  /** Base addresses; connections are dealt out to them in turn. */
  readonly urls: readonly string[];
  readonly connections: number;
  readonly valueBytes: number;
  /** Number of the first new key, or of keys that are there already. */
  readonly keys: number;
  /** Requests a second of each connection, if it does not go as fast as it is answered. */
  readonly ratePerSecond?: number;
}

export interface BackgroundReport {
  readonly operations: number;
  readonly errors: Readonly<Record<string, number>>;
}

/** Begins it; the returned function ends it. */
export function startBackground(load: BackgroundLoad): () => Promise<BackgroundReport> {
  const child = fork(import.meta.filename, [JSON.stringify(load)], { execArgv: [] });
  const report = new Promise<BackgroundReport>((resolve, reject) => {
    child.once('message', (message) => resolve(message as BackgroundReport));
    child.once('exit', (code) => reject(new Error(`the background load ended with ${code}`)));
  });
  return async () => {
    child.send('stop');
    return await report;
  };
}

/** Keys of large values: few, so that they are overwritten and the disk stays small. */
const largeKeys = 8;

let isStopped = false;

async function runConnection(
  load: BackgroundLoad,
  index: number,
  onOutcome: (outcome: number | string) => void,
): Promise<void> {
  const url = new URL(load.urls[index % load.urls.length] ?? '');
  const connection = new LoadConnection(url);
  const value = 'v'.repeat(load.valueBytes);
  const startMs = performance.now();
  for (let count = 0; !isStopped; count++) {
    onOutcome(await connection.exchange(requestOf(load, { url, value, index, count })));
    const dueMs = load.ratePerSecond === undefined ? 0 : startMs + ((count + 1) * 1_000) / load.ratePerSecond;
    const waitMs = dueMs - performance.now();
    if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
  }
  connection.close();
}

interface Turn {
  readonly url: URL;
  readonly value: string;
  readonly index: number;
  readonly count: number;
}

function requestOf(load: BackgroundLoad, turn: Turn): string {
  const { url, value, index, count } = turn;
  const head = (method: string, path: string): string =>
    `${method} ${path} HTTP/1.1\r\nHost: ${url.host}\r\n`;
  switch (load.kind) {
    case 'bulk': {
      const key = load.keys + count * load.connections + index;
      return `${head('PUT', `/kv/key-${key}`)}Content-Length: ${value.length}\r\n\r\n${value}`;
    }
    case 'large': {
      const path = `/kv/large-${index}-${(count >>> 1) % largeKeys}`;
      if (count % 2 === 1) return `${head('GET', path)}\r\n`;
      return `${head('PUT', path)}Content-Length: ${value.length}\r\n\r\n${value}`;
    }
    case 'one-sided': {
      // Old enough not to count as a write under way, and later than what was there before.
      const record = {
        key: `key-${Math.floor(Math.random() * load.keys)}`,
        value: Buffer.from(value).toString('base64'),
        ts: Date.now() - 1_500,
        writer_id: 'n3',
      };
      const body = JSON.stringify({ record });
      const length = `Content-Length: ${Buffer.byteLength(body)}\r\n`;
      return `${head('POST', '/internal/put')}Content-Type: application/json\r\n${length}\r\n${body}`;
    }
  }
}

async function main(load: BackgroundLoad): Promise<void> {
  process.once('message', () => (isStopped = true));
  let operations = 0;
  const errors: Record<string, number> = {};
  const onOutcome = (outcome: number | string): void => {
    if (outcome === 200 || outcome === 204) operations += 1;
    else errors[String(outcome)] = (errors[String(outcome)] ?? 0) + 1;
  };
  await Promise.all(
    Array.from({ length: load.connections }, (_, index) => runConnection(load, index, onOutcome)),
  );
  const report: BackgroundReport = { operations, errors };
  process.send?.(report, undefined, undefined, () => process.disconnect?.());
}

// Whoever starts it says in its one argument what to do.
if (import.meta.main) await main(JSON.parse(process.argv[2] ?? '') as BackgroundLoad);
