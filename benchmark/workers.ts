/**
 * One node with one worker beside the same node with several, behind one port each: what more processes bring on one
 * machine, and what is left of it once the load generator has had its share.
 *
 * Runs alternate (1, 2, 1, 2, …). Servers and driver share the cores, so beside the rate stand the CPU per operation of
 * both, how many cores were busy, and what the servers could do if no driver took any core from them: workers ÷ CPU per
 * operation for as many workers as cores. The kernel deals connections out by a hash, so the share of the busiest
 * worker is told, too.
 *
 *   node benchmark/workers.ts --workers 2 --rounds 3 --duration 6 --connections 64 --json workers.json
 */

import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

import { childEnvironment } from '../src/cli/compile-cache.ts';
import { firstOfFreePorts, freePorts } from '../src/cli/free-ports.ts';
import { heapFlags, mainPath } from '../src/cli/program-process.ts';
import { workerDirectory } from '../src/cli/worker-folders.ts';
import { prefill, type Operation } from './load.ts';
import { measure, round, type Measurement } from './measurement.ts';
import { cpuSecondsOf } from './process-cpu.ts';
import { tableOf } from './report.ts';

const { values } = parseArgs({
  options: {
    workers: { type: 'string', default: '2' },
    rounds: { type: 'string', default: '3' },
    duration: { type: 'string', default: '6' },
    'warm-up': { type: 'string', default: '2' },
    connections: { type: 'string', default: '64' },
    keys: { type: 'string', default: '100000' },
    'value-bytes': { type: 'string', default: '100' },
    durability: { type: 'string', default: 'always' },
    json: { type: 'string' },
  },
});

const cores = availableParallelism();
const load = {
  connections: Number(values.connections),
  keys: Number(values.keys),
  valueBytes: Number(values['value-bytes']),
};

interface Node {
  readonly workers: number;
  readonly child: ChildProcess;
  readonly url: URL;
  /** Of each worker; the process that started them does nothing meanwhile. */
  readonly pids: readonly number[];
}

interface Run {
  readonly workers: number;
  readonly measurement: Measurement;
  /** Cores that servers and driver kept busy together. */
  readonly coresBusy: number;
  /** Operations a second if no driver shared the cores, by the CPU that one costs the servers. */
  readonly ceiling: number;
  /** The busiest worker's part of the CPU of all. */
  readonly busiestShare: number;
}

async function startNode(folder: string, workers: number): Promise<Node> {
  const [port] = await freePorts(1);
  const url = new URL(`http://127.0.0.1:${port ?? 0}`);
  const dataDir = join(folder, String(workers));
  const peer = workers === 1 ? [] : ['--peer-listen', `127.0.0.1:${await firstOfFreePorts(workers)}`];
  const where = ['--listen', url.host, ...peer, '--data-dir', dataDir];
  const words = ['serve', '--workers', String(workers), '--durability', values.durability, ...where];
  const child = spawn(process.execPath, [...heapFlags, mainPath(), ...words], {
    stdio: 'ignore',
    env: childEnvironment(),
  });
  for (;;) {
    const answer = await fetch(new URL('/ready', url)).catch(() => undefined);
    await answer?.arrayBuffer();
    if (answer?.status === 200) break;
    if (child.exitCode !== null) throw new Error(`a node with ${workers} workers did not start`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  const pids = Array.from({ length: workers }, (_, index) =>
    pidIn(join(workerDirectory(dataDir, index + 1), 'node.pid')),
  );
  return { workers, child, url, pids };
}

/** Puts every key, over few connections: on a busy machine a node refuses what has waited for too long. */
async function fill(url: URL): Promise<void> {
  const { errors } = await prefill({ ...load, connections: Math.min(load.connections, 8), urls: [url] });
  if (errors.size === 0) return;
  throw new Error(`prefilling ${url.host} failed: ${JSON.stringify(Object.fromEntries(errors))}`);
}

function pidIn(path: string): number {
  return Number(/"pid":(\d+)/.exec(readFileSync(path, 'utf8'))?.[1]);
}

async function end({ child }: Node): Promise<void> {
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  await ended;
}

async function run(node: Node, operation: Operation): Promise<Run> {
  const cpuOf = (): readonly number[] => node.pids.map((pid) => cpuSecondsOf([pid]) ?? 0);
  const before = cpuOf();
  const measurement = await measure({
    ...load,
    urls: [node.url],
    pids: node.pids,
    operation,
    durationMs: Number(values.duration) * 1_000,
    warmUpMs: Number(values['warm-up']) * 1_000,
  });
  const used = cpuOf().map((seconds, index) => seconds - (before[index] ?? 0));
  const server = measurement.serverCpuSecondsPer1000 ?? 0;
  const perSecond = measurement.operationsPerSecond / 1_000;
  return {
    workers: node.workers,
    measurement,
    coresBusy: round(perSecond * (server + measurement.driverCpuSecondsPer1000), 2),
    ceiling: Math.round((Math.min(cores, node.workers) * 1_000) / server),
    busiestShare: round(Math.max(...used) / used.reduce((sum, seconds) => sum + seconds), 2),
  };
}

function median(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((left, right) => left - right);
  return ((sorted[(sorted.length - 1) >>> 1] ?? 0) + (sorted[sorted.length >>> 1] ?? 0)) / 2;
}

function show(operation: Operation, pairs: readonly (readonly [one: Run, several: Run])[]): void {
  const runs = pairs.flat();
  process.stdout.write(
    `${tableOf(runs.map(({ workers, measurement }) => ({ name: `${workers}`, measurement })))}\n`,
  );
  for (const side of [0, 1] as const) {
    const of = pairs.map((pair) => pair[side]);
    const { workers = 0 } = of[0] ?? {};
    const cpu = median(of.map(({ measurement }) => (measurement.serverCpuSecondsPer1000 ?? 0) * 1_000));
    process.stdout.write(
      `${operation}, ${workers} workers: ${Math.round(median(of.map((r) => r.measurement.operationsPerSecond)))}/s, ` +
        `${cpu.toFixed(1)} µs of server CPU each, ${median(of.map((r) => r.coresBusy)).toFixed(2)} of ${cores} cores busy, ` +
        `without a driver ${Math.round(median(of.map((r) => r.ceiling)))}/s; ` +
        `busiest worker ${Math.round(100 * median(of.map((r) => r.busiestShare)))} %\n`,
    );
  }
  const ratioOf = (figure: (run: Run) => number): string => {
    const ratios = pairs.map(([one, several]) => figure(several) / figure(one));
    return `${median(ratios).toFixed(2)} (${Math.min(...ratios).toFixed(2)} to ${Math.max(...ratios).toFixed(2)})`;
  };
  process.stdout.write(
    `${operation}: ${values.workers} workers / 1 = ${ratioOf((r) => r.measurement.operationsPerSecond)} with the driver on ` +
      `the same cores, ${ratioOf((r) => r.ceiling)} without\n\n`,
  );
}

const folder = await mkdtemp(join(tmpdir(), 'mini-dynamo-workers-'));
const nodes: Node[] = [];
try {
  const one = await startNode(folder, 1);
  nodes.push(one);
  const several = await startNode(folder, Number(values.workers));
  nodes.push(several);
  for (const { url } of nodes) {
    await fill(url);
  }
  const report: Record<string, readonly (readonly [Run, Run])[]> = {};
  for (const operation of ['put', 'get'] as const) {
    const pairs: (readonly [Run, Run])[] = [];
    for (let index = 0; index < Number(values.rounds); index++) {
      pairs.push([await run(one, operation), await run(several, operation)]);
    }
    show(operation, pairs);
    report[operation] = pairs;
  }
  if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(report, undefined, 2)}\n`);
} finally {
  await Promise.all(nodes.map(end));
  await rm(folder, { recursive: true, force: true });
}
