/**
 * What one bad owner of three costs the clients of the other two: healthy, slow by 500 ms a request, well again, silent
 * (its packets are dropped), and dead. Three real nodes, N = 3, R = W = 2; the third is reached through a proxy.
 *
 * The first seconds after each change are measured by themselves: that is what detection costs.
 *
 *   node benchmark/slow-owner.ts --seconds 10 --connections 16 --json slow-owner.json
 */

import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

import { freePorts } from '../src/cli/free-ports.ts';
import { DelayingProxy } from './delaying-proxy.ts';
import { prefill, runLoad, type Operation } from './load.ts';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '10' },
    connections: { type: 'string', default: '16' },
    keys: { type: 'string', default: '1000' },
    'value-bytes': { type: 'string', default: '100' },
    'delay-ms': { type: 'string', default: '500' },
    json: { type: 'string' },
  },
});

const detectionMs = 2_000;
const recoveryMs = 4_000;

interface Row {
  readonly phase: string;
  readonly operation: Operation;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  readonly operations: number;
  readonly errors: number;
  readonly hintsWritten: number;
}

interface Cluster {
  /** The two nodes that stay well. */
  readonly urls: readonly URL[];
  readonly proxy: DelayingProxy;
  killThird(): void;
  stop(): Promise<void>;
}

async function startCluster(): Promise<Cluster> {
  const folder = await mkdtemp(join(tmpdir(), 'mini-dynamo-slow-owner-'));
  const [first = 0, second = 0, third = 0, peers = 0, proxied = 0] = await freePorts(5);
  const proxy = new DelayingProxy(peers);
  await proxy.listen(proxied);
  const nodes = [
    { id: 'n1', addr: `127.0.0.1:${first}` },
    { id: 'n2', addr: `127.0.0.1:${second}` },
    // Nodes with smaller ids open the connections, so all of them pass the proxy.
    { id: 'n3', addr: `127.0.0.1:${third}`, peerAddr: `127.0.0.1:${proxied}` },
  ];
  const config = join(folder, 'nodes.json');
  await writeFile(config, JSON.stringify({ nodes, vnodes: 64, n: 3, r: 2, w: 2 }));
  const main = join(import.meta.dirname, '..', 'src', 'cli', 'main.ts');
  const children = nodes.map(({ id }) => {
    const words = [main, 'serve', '--id', id, '--config', config, '--data-dir', join(folder, id)];
    if (id === 'n3') words.push('--peer-listen', `127.0.0.1:${peers}`);
    return spawn(process.execPath, words, { stdio: 'ignore' });
  });
  const urls = nodes.map(({ addr }) => new URL(`http://${addr}`));
  const stop = async (): Promise<void> => {
    proxy.isSilent = false;
    proxy.delayMs = 0;
    await Promise.all(children.map(end));
    proxy.close();
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await Promise.all(urls.map((url) => until(() => isReady(url), 30_000)));
  } catch (error) {
    await stop();
    throw error;
  }
  return { urls: urls.slice(0, 2), proxy, killThird: () => children[2]?.kill('SIGKILL'), stop };
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), 10_000);
  await ended;
  clearTimeout(timer);
}

async function until(condition: () => Promise<boolean>, withinMs: number): Promise<number> {
  const startedAt = performance.now();
  while (!(await condition())) {
    if (performance.now() - startedAt > withinMs) throw new Error(`not within ${withinMs} ms`);
    await sleep(20);
  }
  return performance.now() - startedAt;
}

async function isReady(url: URL): Promise<boolean> {
  const answer = await fetch(new URL('/ready', url)).catch(() => undefined);
  const text = await answer?.text();
  return answer?.status === 200 && text?.includes('down') === false;
}

async function isTrusted(url: URL, id: string): Promise<boolean> {
  const answer = await fetch(new URL('/debug/peers', url));
  const { peers } = (await answer.json()) as { peers: { id: string; up: boolean; suspect: boolean }[] };
  return peers.some((peer) => peer.id === id && peer.up && !peer.suspect);
}

async function hintsWritten(urls: readonly URL[]): Promise<number> {
  const counts = await Promise.all(
    urls.map(async (url) => {
      const answer = await fetch(new URL('/debug/hints', url));
      return ((await answer.json()) as { written: number }).written;
    }),
  );
  return counts.reduce((sum, count) => sum + count, 0);
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

const rows: Row[] = [];

async function measurePhase(phase: string, urls: readonly URL[], durationMs: number): Promise<void> {
  for (const operation of ['put', 'get'] as const) {
    const before = await hintsWritten(urls);
    const result = await runLoad({
      urls,
      operation,
      connections: Number(values.connections),
      keys: Number(values.keys),
      valueBytes: Number(values['value-bytes']),
      durationMs,
    });
    const inMs = (micros: number): number => Number((micros / 1_000).toFixed(2));
    const row: Row = {
      phase,
      operation,
      p50Ms: inMs(result.latency.percentile(0.5)),
      p99Ms: inMs(result.latency.percentile(0.99)),
      maxMs: inMs(result.latency.max),
      operations: result.operations,
      errors: [...result.errors.values()].reduce((sum, count) => sum + count, 0),
      hintsWritten: (await hintsWritten(urls)) - before,
    };
    rows.push(row);
    const columns = [row.phase.padEnd(22), row.operation, `p50 ${row.p50Ms} ms`, `p99 ${row.p99Ms} ms`];
    const others = [`max ${row.maxMs} ms`, `${row.operations} operations`, `${row.errors} errors`];
    console.log([...columns, ...others, `${row.hintsWritten} hints written`].join('  '));
  }
}

function worstRatio(phase: string): string {
  const ratios = (['put', 'get'] as const).map((operation) => {
    const p99 = (of: string): number =>
      rows.find((row) => row.phase === of && row.operation === operation)?.p99Ms ?? Number.NaN;
    return `${operation} ${(p99(phase) / p99('healthy')).toFixed(2)}×`;
  });
  return `${phase}: p99 ${ratios.join(', ')} of the healthy one`;
}

const durationMs = Number(values.seconds) * 1_000;
const cluster = await startCluster();
try {
  const { urls, proxy } = cluster;
  const load = { urls, connections: Number(values.connections), keys: Number(values.keys) };
  await prefill({ ...load, valueBytes: Number(values['value-bytes']) });
  await runLoad({ ...load, operation: 'mix', valueBytes: Number(values['value-bytes']), durationMs: 2_000 });
  await measurePhase('healthy', urls, durationMs);
  proxy.delayMs = Number(values['delay-ms']);
  await measurePhase('slow, first 2 s', urls, detectionMs / 2);
  await measurePhase('slow', urls, durationMs);
  proxy.delayMs = 0;
  const recoveredMs = await Promise.all(urls.map((url) => until(() => isTrusted(url, 'n3'), 30_000)));
  console.log(`well again             trusted after ${Math.round(Math.max(...recoveredMs))} ms`);
  await sleep(recoveryMs);
  await measurePhase('well again', urls, durationMs);
  proxy.isSilent = true;
  await measurePhase('silent, first 2 s', urls, detectionMs / 2);
  await measurePhase('silent', urls, durationMs);
  proxy.isSilent = false;
  await Promise.all(urls.map((url) => until(() => isReady(url), 60_000)));
  await sleep(recoveryMs);
  cluster.killThird();
  await measurePhase('dead, first 2 s', urls, detectionMs / 2);
  await measurePhase('dead', urls, durationMs);
  for (const phase of ['slow', 'silent', 'dead']) console.log(worstRatio(phase));
  if (values.json !== undefined)
    writeFileSync(values.json, `${JSON.stringify({ rows, recoveredMs }, undefined, 2)}\n`);
} finally {
  await cluster.stop();
}
