/**
 * Durable `SET`s of the store beside the nearest that Redis 7.0 has: a primary with two replicas, `appendfsync always` on
 * all three, and a `WAIT 1` behind every write. The client hears of a write when the primary has it on disk and one
 * replica has received it (Redis waits for a replica's disk only from 7.2 on); the store then has it on two disks.
 *
 * Runs alternate and the ratio of each pair is what is to be looked at. The load generator is the same for both, and both
 * are warmed up: a node is compiled while it runs, and has all its speed after some ten seconds.
 *
 *   node benchmark/redis-durable.ts --pairs 5 --seconds 5 --connections 64,256
 */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

import { round } from './measurement.ts';
import { startDurableRedis } from './redis-process.ts';
import type { SetLoadResult } from './redis-set-load.ts';
import { startCluster, type RunningServer } from './server-process.ts';

const { values } = parseArgs({
  options: {
    command: {
      type: 'string',
      default: 'node src/cli/main.ts serve --id {id} --config {config} --data-dir {data}',
    },
    pairs: { type: 'string', default: '5' },
    // About so long a run; the number of requests follows from a first run.
    seconds: { type: 'string', default: '5' },
    // Seconds of load before the first run of a kind.
    'warm-up': { type: 'string', default: '10' },
    connections: { type: 'string', default: '64,256' },
    keys: { type: 'string', default: '100000' },
    'value-bytes': { type: 'string', default: '100' },
    json: { type: 'string' },
  },
});

const firstRequests = 10_000;

interface Comparison {
  readonly connections: number;
  readonly pairs: readonly {
    readonly store: SetLoadResult;
    readonly redis: SetLoadResult;
    readonly ratio: number;
  }[];
}

async function measure(
  server: RunningServer,
  load: { readonly connections: number; readonly requests: number; readonly wait: number },
): Promise<SetLoadResult> {
  const words = ['--ports', server.urls.map(({ port }) => port).join(','), '--keys', values.keys];
  words.push('--connections', String(load.connections), '--requests', String(load.requests));
  words.push('--wait', String(load.wait), '--value-bytes', values['value-bytes']);
  const script = join(import.meta.dirname, 'redis-set-load.ts');
  const child = spawn(process.execPath, [script, ...words], { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0) throw new Error('the load generator failed');
  const result = JSON.parse(output) as SetLoadResult;
  if (result.failures > 0) throw new Error(`${result.failures} writes were not acknowledged`);
  return result;
}

async function compare(
  connections: number,
  servers: { readonly store: RunningServer; readonly redis: RunningServer },
): Promise<Comparison> {
  const sized = async (server: RunningServer, wait: number): Promise<number> => {
    const warmAtMs = performance.now() + Number(values['warm-up']) * 1_000;
    let first = await measure(server, { connections, requests: firstRequests, wait });
    while (performance.now() < warmAtMs) {
      first = await measure(server, { connections, requests: firstRequests, wait });
    }
    return Math.max(firstRequests, Math.ceil(first.requestsPerSecond * Number(values.seconds)));
  };
  const ofStore = { connections, requests: await sized(servers.store, 0), wait: 0 };
  const ofRedis = { connections, requests: await sized(servers.redis, 1), wait: 1 };
  const pairs: Comparison['pairs'][number][] = [];
  for (let index = 0; index < Number(values.pairs); index++) {
    const store = await measure(servers.store, ofStore);
    const redis = await measure(servers.redis, ofRedis);
    pairs.push({ store, redis, ratio: round(store.requestsPerSecond / redis.requestsPerSecond, 3) });
  }
  return { connections, pairs };
}

function show({ connections, pairs }: Comparison): void {
  for (const { store, redis, ratio } of pairs) {
    process.stdout.write(`  store ${lineOf(store)}\n  redis ${lineOf(redis)}  ratio ${ratio}\n`);
  }
  const ratios = pairs.map(({ ratio }) => ratio).toSorted((left, right) => left - right);
  const middle = (ratios[(ratios.length - 1) >>> 1] ?? 0) + (ratios[ratios.length >>> 1] ?? 0);
  process.stdout.write(
    `${connections} connections: store / redis = ${round(middle / 2, 3)} ` +
      `(min ${ratios[0] ?? 0}, max ${ratios.at(-1) ?? 0}, ${pairs.length} pairs)\n\n`,
  );
}

function lineOf({ requestsPerSecond, p50Ms, p99Ms }: SetLoadResult): string {
  return `${String(requestsPerSecond).padStart(7)}/s  p50 ${p50Ms} ms  p99 ${p99Ms} ms`;
}

const comparisons: Comparison[] = [];
const redis = await startDurableRedis();
try {
  const store = await startCluster({ nodes: 3, command: values.command, readyPath: '/ready' });
  try {
    for (const connections of values.connections.split(',').map(Number)) {
      const comparison = await compare(connections, { store, redis });
      comparisons.push(comparison);
      show(comparison);
    }
  } finally {
    await store.stop();
  }
} finally {
  await redis.stop();
}
if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(comparisons, undefined, 2)}\n`);
