/**
 * One node with a million keys: memory, event-loop stalls, and the time to be ready again.
 *
 * Part one runs a node in this very process, so that its event loop can be watched: every key is written once, then
 * half of them again, while checkpoints and compactions run. Part two starts the node as a process of its own on
 * that data: after a clean stop, and after SIGKILL with writes that no checkpoint knows of. The stalls include what
 * the writer here does in the same loop.
 *
 *   node benchmark/million-keys.ts --keys 1000000 --json million-keys.json
 */

import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { parseArgs } from 'node:util';

import { composeNode } from '../src/cli/compose-node.ts';
import { childEnvironment } from '../src/cli/compile-cache.ts';
import { freePorts } from '../src/cli/free-ports.ts';
import { heapFlags } from '../src/cli/program-process.ts';
import { serveSettings } from '../src/cli/serve-settings.ts';
import { silentObserver } from '../src/ports/observer.ts';
import type { DynamoNode } from '../src/replica/node.ts';
import { prefill } from './load.ts';

const { values } = parseArgs({
  options: {
    keys: { type: 'string', default: '1000000' },
    'value-bytes': { type: 'string', default: '100' },
    'in-flight': { type: 'string', default: '256' },
    tail: { type: 'string', default: '100000' },
    restarts: { type: 'string', default: '3' },
    json: { type: 'string' },
  },
});

const keys = Number(values.keys);
const valueBytes = Number(values['value-bytes']);
const mebibyte = 1024 * 1024;
const encoder = new TextEncoder();

interface Report {
  readonly keys: number;
  readonly putsPerSecond: number;
  readonly stallMsMax: number;
  readonly compactions: number;
  readonly snapshots: boolean;
  readonly cleanRestartMs: readonly number[];
  readonly killedRestartMs: readonly number[];
  readonly residentMiB: readonly number[];
}

/** Writes keys 0 to `count` with so many under way at once. */
async function write(node: DynamoNode, count: number): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < count) {
      const key = encoder.encode(`key-${next++}`);
      const outcome = await node.put({ key, value: new Uint8Array(valueBytes).fill(next & 0xff) });
      if (outcome.kind !== 'stored') throw new Error(`a write was not stored: ${outcome.message}`);
    }
  };
  await Promise.all(Array.from({ length: Number(values['in-flight']) }, worker));
}

/** Part one: fills the data directory and watches the event loop meanwhile. */
async function fill(
  dataDir: string,
): Promise<Pick<Report, 'putsPerSecond' | 'stallMsMax' | 'compactions' | 'snapshots'>> {
  const listen = { host: '127.0.0.1', port: 0 };
  const settings = await serveSettings(
    { dataDir, listen, logFormat: 'text', logLevel: 'warn' },
    { listen: () => Promise.resolve(listen), peerListen: () => Promise.resolve(listen), cores: 1 },
  );
  const running = await composeNode(settings, {
    observer: silentObserver,
    onFatal: (reason) => {
      throw new Error(reason);
    },
  });
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  const startedAt = performance.now();
  await write(running.node, keys);
  await write(running.node, Math.floor(keys / 2));
  const seconds = (performance.now() - startedAt) / 1_000;
  delay.disable();
  const { compactions, lastSnapshotWallMs } = running.node.storage();
  await running.stop();
  return {
    putsPerSecond: Math.round((keys * 1.5) / seconds),
    stallMsMax: Math.round(delay.max / 1e6),
    compactions,
    snapshots: lastSnapshotWallMs !== undefined,
  };
}

interface Started {
  readonly child: ChildProcess;
  readonly url: URL;
  readonly readyMs: number;
}

/** Part two: the node as a process, from its start to the first 200 of `/ready`. */
async function start(dataDir: string): Promise<Started> {
  const [port] = await freePorts(1);
  const url = new URL(`http://127.0.0.1:${port ?? 0}`);
  const main = join(import.meta.dirname, '..', 'src', 'cli', 'main.ts');
  const words = [main, 'serve', '--data-dir', dataDir, '--listen', url.host];
  const startedAt = performance.now();
  const child = spawn(process.execPath, [...heapFlags, ...words], {
    stdio: 'ignore',
    env: childEnvironment(),
  });
  for (;;) {
    const answer = await fetch(new URL('/ready', url)).catch(() => undefined);
    if (answer?.status === 200) return { child, url, readyMs: Math.round(performance.now() - startedAt) };
    if (child.exitCode !== null) throw new Error('the node did not start');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

async function end(started: Started, signal: NodeJS.Signals): Promise<void> {
  const ended = once(started.child, 'exit');
  started.child.kill(signal);
  await ended;
}

function residentMiB({ child }: Started): number {
  const status = readFileSync(`/proc/${child.pid ?? 0}/status`, 'utf8');
  return Math.round((Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1] ?? 0) * 1024) / mebibyte);
}

const folder = await mkdtemp(join(tmpdir(), 'mini-dynamo-million-'));
try {
  const dataDir = join(folder, 'n1');
  const filled = await fill(dataDir);
  const cleanRestartMs: number[] = [];
  const killedRestartMs: number[] = [];
  const resident: number[] = [];
  // The first start fills the compile cache and is not counted.
  await end(await start(dataDir), 'SIGTERM');
  for (let round = 0; round < Number(values.restarts); round++) {
    const clean = await start(dataDir);
    cleanRestartMs.push(clean.readyMs);
    await prefill({ urls: [clean.url], connections: 64, keys: Number(values.tail), valueBytes });
    resident.push(residentMiB(clean));
    await end(clean, 'SIGKILL');
    const killed = await start(dataDir);
    killedRestartMs.push(killed.readyMs);
    resident.push(residentMiB(killed));
    await end(killed, 'SIGTERM');
  }
  const report: Report = { keys, ...filled, cleanRestartMs, killedRestartMs, residentMiB: resident };
  console.log(report);
  if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(report, undefined, 2)}\n`);
} finally {
  await rm(folder, { recursive: true, force: true });
}
