/**
 * Requests at a steady rate, whether or not those before them were answered: half puts, half gets, keys drawn evenly.
 *
 * Latency counts from the moment a request was due, so a server that stalls, a connection that is not free, or a late
 * timer of the driver itself is not left out (no coordinated omission). Connections are so many that at the rate in
 * question one is nearly always free; a request that finds none waits for one.
 */

import { LoadConnection } from './load-connection.ts';
import { requestText, type LoadOptions, type LoadResult } from './load.ts';
import { LogHistogram } from './log-histogram.ts';

/** How often the driver looks which requests are due; a request that is due in between is that much late in both phases. */
const tickMs = 1;

export interface PacedLoadOptions extends Omit<LoadOptions, 'operation'> {
  readonly ratePerSecond: number;
  readonly durationMs: number;
}

/** Resolves when the last request is answered. */
export async function runPaced(options: PacedLoadOptions): Promise<LoadResult> {
  const { urls, connections, ratePerSecond, durationMs } = options;
  const latency = new LogHistogram();
  const errors = new Map<string, number>();
  const text = requestText(options.valueBytes);
  const free = Array.from({ length: connections }, (_, index) => {
    const url = urls[index % urls.length];
    if (url === undefined) throw new Error('no server to drive');
    return { url, connection: new LoadConnection(url) };
  });
  const all = [...free];
  const due: number[] = [];
  const underWay = new Set<Promise<void>>();

  async function send(client: (typeof all)[number], dueMs: number): Promise<void> {
    const method = Math.random() < 0.5 ? 'PUT' : 'GET';
    const key = Math.floor(Math.random() * options.keys);
    const outcome = await client.connection.exchange(text({ method, key }, client.url));
    if (outcome === 200 || outcome === 204) latency.record((performance.now() - dueMs) * 1_000);
    else errors.set(String(outcome), (errors.get(String(outcome)) ?? 0) + 1);
    const next = due.shift();
    if (next === undefined) free.push(client);
    else await send(client, next);
  }

  const startMs = performance.now();
  for (let issued = 0; ;) {
    const nowMs = performance.now();
    const endMs = Math.min(nowMs, startMs + durationMs);
    for (; startMs + (issued * 1_000) / ratePerSecond <= endMs; issued++) {
      due.push(startMs + (issued * 1_000) / ratePerSecond);
    }
    while (due.length > 0 && free.length > 0) {
      const client = free.shift();
      const dueMs = due.shift();
      if (client === undefined || dueMs === undefined) break;
      const sent = send(client, dueMs).finally(() => underWay.delete(sent));
      underWay.add(sent);
    }
    if (nowMs >= startMs + durationMs) break;
    await new Promise((resolve) => setTimeout(resolve, tickMs));
  }
  await Promise.all(underWay);
  for (const { connection } of all) connection.close();
  return { durationMs: performance.now() - startMs, operations: latency.count, latency, errors };
}
