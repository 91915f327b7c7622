/**
 * The store beside `redis-server`, both under the unmodified `redis-benchmark`, in the same minutes.
 *
 * Redis runs alone, without replicas and without persistence; the store has every write on the disks of a quorum of three
 * nodes. Runs alternate (store, Redis, store, …) and the ratio of each pair is what is to be looked at. Each run has
 * as many load generators as the store has nodes, their connections split evenly, so that both servers pay for
 * the same generators. A run counts from the start of the first generator to the end of the last. Before the first run
 * of a kind both have its load for a while: a node is compiled while it runs, and has all its speed after some ten seconds.
 *
 *   node benchmark/redis-compare.ts --pairs 5 --seconds 5 --json redis.json
 *
 * Needs Debian's redis-tools. `redis-durable.ts` is the comparison with a Redis that is as durable.
 */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';

import { round } from './measurement.ts';
import { cpuSecondsOf } from './process-cpu.ts';
import { redisHost, startRedis } from './redis-process.ts';
import { startCluster, type RunningServer } from './server-process.ts';

const { values } = parseArgs({
  options: {
    command: {
      type: 'string',
      default: 'node src/cli/main.ts serve --id {id} --config {config} --data-dir {data}',
    },
    nodes: { type: 'string', default: '3' },
    pairs: { type: 'string', default: '5' },
    // About so long a run; the number of requests follows from a first run.
    seconds: { type: 'string', default: '5' },
    // Seconds of load before the first run of a kind.
    'warm-up': { type: 'string', default: '10' },
    connections: { type: 'string', default: '64' },
    pipelines: { type: 'string', default: '1,16' },
    tests: { type: 'string', default: 'set,get' },
    // Requests draw from so many keys. With one key, which is the default of redis-benchmark, nothing is stored.
    keys: { type: 'string', default: '100000' },
    'value-bytes': { type: 'string', default: '100' },
    json: { type: 'string' },
  },
});

interface Load {
  readonly test: string;
  readonly pipeline: number;
  readonly requests: number;
}

interface Run {
  readonly requestsPerSecond: number;
  /** Milliseconds, the worst of the load generators. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly cpuMsPer1000: number | undefined;
}

interface Comparison {
  readonly test: string;
  readonly pipeline: number;
  readonly pairs: readonly { readonly store: Run; readonly redis: Run; readonly ratio: number }[];
  readonly ratio: { readonly min: number; readonly median: number; readonly max: number };
}

const firstRequests = 20_000;

/** One run; the load generators share connections and requests, and go round the server's addresses. */
async function measure(server: RunningServer, load: Load): Promise<Run> {
  const generators = Number(values.nodes);
  const connections = Number(values.connections);
  const cpuBefore = cpuSecondsOf(server.pids);
  const startedMs = performance.now();
  const outputs = await Promise.all(
    Array.from({ length: generators }, (_, index) => {
      const url = server.urls[index % server.urls.length];
      const share = Math.floor((connections + index) / generators);
      return generate(Number(url?.port), { ...load, requests: Math.ceil(load.requests / generators) }, share);
    }),
  );
  const seconds = (performance.now() - startedMs) / 1_000;
  const cpuAfter = cpuSecondsOf(server.pids);
  const cpuSeconds = cpuBefore === undefined || cpuAfter === undefined ? undefined : cpuAfter - cpuBefore;
  return {
    requestsPerSecond: Math.round(load.requests / seconds),
    p50Ms: Math.max(...outputs.map(({ p50Ms }) => p50Ms)),
    p99Ms: Math.max(...outputs.map(({ p99Ms }) => p99Ms)),
    cpuMsPer1000: cpuSeconds === undefined ? undefined : round((cpuSeconds * 1e6) / load.requests, 1),
  };
}

async function generate(
  port: number,
  load: Load,
  connections: number,
): Promise<{ readonly p50Ms: number; readonly p99Ms: number }> {
  const words = ['-h', redisHost, '-p', port, '-c', connections, '-n', load.requests, '-P', load.pipeline];
  words.push('-t', load.test, '-d', values['value-bytes'], '-r', values.keys, '--csv');
  const child = spawn('redis-benchmark', words.map(String), { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  const [code] = (await once(child, 'close')) as [number | null];
  // "test","rps","avg_latency_ms","min_latency_ms","p50_latency_ms","p95_latency_ms","p99_latency_ms","max_latency_ms"
  const figures = output.trim().split('\n').at(-1)?.split(',') ?? [];
  const [p50Ms, p99Ms] = [figures[4], figures[6]].map((text) => Number(text?.replaceAll('"', '')));
  if (code !== 0 || p50Ms === undefined || p99Ms === undefined || Number.isNaN(p50Ms + p99Ms)) {
    throw new Error(`redis-benchmark failed:\n${output}`);
  }
  return { p50Ms, p99Ms };
}

/** As many requests as a server does in the wanted time, by the last of some short runs, which warm it up. */
async function sized(server: RunningServer, test: string, pipeline: number): Promise<Load> {
  const short = { test, pipeline, requests: firstRequests * Math.min(pipeline, 4) };
  const warmAtMs = performance.now() + Number(values['warm-up']) * 1_000;
  let first = await measure(server, short);
  while (performance.now() < warmAtMs) first = await measure(server, short);
  const requests = Math.ceil(first.requestsPerSecond * Number(values.seconds));
  return { test, pipeline, requests: Math.max(requests, firstRequests) };
}

async function compare(
  test: string,
  pipeline: number,
  servers: { readonly store: RunningServer; readonly redis: RunningServer },
): Promise<Comparison> {
  const storeLoad = await sized(servers.store, test, pipeline);
  const redisLoad = await sized(servers.redis, test, pipeline);
  const pairs: Comparison['pairs'][number][] = [];
  for (let index = 0; index < Number(values.pairs); index++) {
    const store = await measure(servers.store, storeLoad);
    const redis = await measure(servers.redis, redisLoad);
    pairs.push({ store, redis, ratio: round(store.requestsPerSecond / redis.requestsPerSecond, 3) });
  }
  const ratios = pairs.map(({ ratio }) => ratio).toSorted((left, right) => left - right);
  const middle = (ratios[(ratios.length - 1) >>> 1] ?? 0) + (ratios[ratios.length >>> 1] ?? 0);
  return {
    test,
    pipeline,
    pairs,
    ratio: { min: ratios[0] ?? 0, median: round(middle / 2, 3), max: ratios.at(-1) ?? 0 },
  };
}

function show({ test, pipeline, pairs, ratio }: Comparison): void {
  for (const { store, redis } of pairs) {
    process.stdout.write(`  store ${lineOf(store)}\n  redis ${lineOf(redis)}\n`);
  }
  process.stdout.write(
    `${test.toUpperCase()} -P ${pipeline}: store / redis = ${ratio.median} (min ${ratio.min}, max ${ratio.max}, ` +
      `${pairs.length} pairs)\n\n`,
  );
}

function lineOf({ requestsPerSecond, p50Ms, p99Ms, cpuMsPer1000 }: Run): string {
  return `${String(requestsPerSecond).padStart(8)}/s  p50 ${p50Ms} ms  p99 ${p99Ms} ms  ${cpuMsPer1000 ?? '-'} CPU ms per 1,000`;
}

const comparisons: Comparison[] = [];
const redis = await startRedis();
try {
  const store = await startCluster({
    nodes: Number(values.nodes),
    command: values.command,
    readyPath: '/ready',
  });
  try {
    for (const pipeline of values.pipelines.split(',').map(Number)) {
      for (const name of values.tests.split(',')) {
        const comparison = await compare(name, pipeline, { store, redis });
        comparisons.push(comparison);
        show(comparison);
      }
    }
  } finally {
    await store.stop();
  }
} finally {
  await redis.stop();
}
if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(comparisons, undefined, 2)}\n`);
