/**
 * What a key costs a node in memory, and what many keys do to the latency of a read.
 *
 * For each number of keys a process of its own writes them all to a store (`--fill`), and tells what it has resident
 * after a collection beyond what it had at the start. Then nodes are started on what was written, as any node is: the one
 * with the fewest keys is the base that the others are compared with, before and after reads. The reads of all nodes alternate.
 *
 *   node benchmark/memory-per-key.ts --keys 100000,5000000 --pairs 3 --json memory-per-key.json
 */

import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createReadStream, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs, promisify } from 'node:util';

import { childEnvironment } from '../src/cli/compile-cache.ts';
import { freePorts } from '../src/cli/free-ports.ts';
import { heapFlags, mainPath } from '../src/cli/program-process.ts';
import { defaultVnodes, partitionsFor } from '../src/core/config.ts';
import { encodeRecord } from '../src/core/record.ts';
import { FileDisk } from '../src/platform/file-disk.ts';
import { SystemClock } from '../src/platform/system-clock.ts';
import { SystemRandom } from '../src/platform/system-random.ts';
import { zlibChecksum } from '../src/platform/zlib-checksum.ts';
import { silentObserver } from '../src/ports/observer.ts';
import { openLogStore } from '../src/storage/log-store.ts';
import { runLoad } from './load.ts';
import { cpuSecondsOf } from './process-cpu.ts';

const { values } = parseArgs({
  options: {
    keys: { type: 'string', default: '100000,5000000' },
    'value-bytes': { type: 'string', default: '100' },
    connections: { type: 'string', default: '64' },
    pairs: { type: 'string', default: '3' },
    duration: { type: 'string', default: '3' },
    json: { type: 'string' },
    /** Where the data is kept; what was filled there before is used again. A temporary folder unless told. */
    folder: { type: 'string' },
    /** Only writes `--keys` keys to this data directory. */
    fill: { type: 'string' },
  },
});

const valueBytes = Number(values['value-bytes']);
const inFlight = 4_096;

interface Filled {
  readonly mergesPerSecond: number;
  readonly residentBytes: number;
}

/** Writes the keys to a store in this very process, and says what it then has resident beyond what it had before. */
async function fill(dataDir: string, keys: number): Promise<Filled> {
  const disk = new FileDisk({ root: dataDir });
  const unlock = await disk.lock();
  const store = await openLogStore({
    disk,
    clock: new SystemClock(),
    random: new SystemRandom(),
    observer: silentObserver,
    checksum: zlibChecksum,
    partitions: partitionsFor(1, defaultVnodes),
    // What is measured is memory; waiting for the disk would only take longer.
    durability: { mode: 'never' },
  });
  const encoder = new TextEncoder();
  const value = new Uint8Array(valueBytes).fill(0x61);
  const wallMs = Date.now();
  let next = 0;
  const write = async (until: number): Promise<void> => {
    while (next < until) {
      const dot = { wallMs: wallMs + (next >>> 16), counter: next & 0xffff, actor: 'n1.filled' };
      await store.merge(encodeRecord({ key: encoder.encode(`key-${next++}`), dot, value }, zlibChecksum));
    }
  };
  const writeAll = async (until: number): Promise<void> =>
    void (await Promise.all(Array.from({ length: inFlight }, () => write(until))));
  // Compiled code and buffers are no cost of a key.
  const before = Math.min(50_000, keys);
  await writeAll(before);
  const base = residentAfterCollection();
  const startedAt = performance.now();
  await writeAll(keys);
  const seconds = (performance.now() - startedAt) / 1_000;
  const residentBytes = residentAfterCollection() - base;
  await store.close();
  await unlock();
  return { mergesPerSecond: Math.round((keys - before) / seconds), residentBytes };
}

function residentAfterCollection(): number {
  if (globalThis.gc === undefined) throw new Error('run with --expose-gc');
  for (let round = 0; round < 3; round++) globalThis.gc();
  return process.memoryUsage.rss();
}

interface Node {
  readonly keys: number;
  readonly child: ChildProcess;
  readonly url: URL;
  readonly readyMs: number;
}

async function start(dataDir: string, keys: number): Promise<Node> {
  const [port] = await freePorts(1);
  const url = new URL(`http://127.0.0.1:${port ?? 0}`);
  const words = [mainPath(), 'serve', '--data-dir', dataDir, '--listen', url.host];
  const startedAt = performance.now();
  const child = spawn(process.execPath, [...heapFlags, ...words], {
    stdio: 'ignore',
    env: childEnvironment(),
  });
  for (;;) {
    const answer = await fetch(new URL('/ready', url)).catch(() => undefined);
    await answer?.arrayBuffer();
    if (answer?.status === 200) break;
    if (child.exitCode !== null) throw new Error('a node did not start');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return { keys, child, url, readyMs: Math.round(performance.now() - startedAt) };
}

function residentOf({ child }: Node): number {
  const status = readFileSync(`/proc/${child.pid ?? 0}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1] ?? 0) * 1_024;
}

interface Reads {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Of the node, each. */
  readonly cpuMicros: number;
  /** What did not come from the page cache. */
  readonly diskBytes: number;
}

async function read(node: Node, durationMs: number): Promise<Reads> {
  const pid = node.child.pid ?? 0;
  const cpuBefore = cpuSecondsOf([pid]) ?? Number.NaN;
  const diskBefore = diskBytesReadBy(pid);
  const { operations, latency, errors, ...run } = await runLoad({
    urls: [node.url],
    operation: 'get',
    connections: Number(values.connections),
    keys: node.keys,
    valueBytes,
    durationMs,
  });
  if (errors.size > 0) throw new Error(`reads failed: ${JSON.stringify(Object.fromEntries(errors))}`);
  const percentileMs = (share: number): number => Math.round(latency.percentile(share)) / 1_000;
  return {
    perSecond: Math.round((operations * 1_000) / run.durationMs),
    p50Ms: percentileMs(0.5),
    p99Ms: percentileMs(0.99),
    cpuMicros: round1((((cpuSecondsOf([pid]) ?? Number.NaN) - cpuBefore) * 1e6) / operations),
    diskBytes: diskBytesReadBy(pid) - diskBefore,
  };
}

function diskBytesReadBy(pid: number): number {
  return Number(/^read_bytes: (\d+)$/m.exec(readFileSync(`/proc/${pid}/io`, 'utf8'))?.[1] ?? Number.NaN);
}

/** Reads everything below a folder once. */
async function readFilesOf(folder: string): Promise<void> {
  for (const entry of readdirSync(folder, { withFileTypes: true, recursive: true })) {
    if (!entry.isFile()) continue;
    const file = createReadStream(join(entry.parentPath, entry.name), { highWaterMark: 1 << 20 });
    for await (const chunk of file) void chunk;
  }
}

interface Figures {
  readonly keys: number;
  /** Of the process that wrote them all. */
  readonly writtenBytesPerKey: number;
  readonly mergesPerSecond: number;
  /** Of a process that was started on them, and after reads: beyond the node with the fewest keys. */
  readonly startedBytesPerKey: number;
  readonly readBytesPerKey: number;
  readonly readyMs: number;
  readonly reads: readonly Reads[];
}

/** Keys for which a difference in memory between processes means something. */
const comparableKeysMin = 1_000_000;

/** Fills a folder in a process of its own, unless that has been done. */
async function filledFolder(folder: string, keys: number): Promise<Filled> {
  const told = join(folder, `${keys}.json`);
  if (!existsSync(told)) {
    const dataDir = join(folder, String(keys));
    const words = ['--fill', dataDir, '--keys', String(keys), '--value-bytes', String(valueBytes)];
    const program = [...heapFlags, '--expose-gc', import.meta.filename];
    const { stdout } = await promisify(execFile)(process.execPath, [...program, ...words], {
      env: childEnvironment(),
    });
    writeFileSync(told, stdout);
  }
  return JSON.parse(readFileSync(told, 'utf8')) as Filled;
}

async function compare(folder: string, counts: readonly number[]): Promise<Figures[]> {
  const filled: Filled[] = [];
  for (const keys of counts) filled.push(await filledFolder(folder, keys));
  const nodes: Node[] = [];
  try {
    for (const keys of counts) nodes.push(await start(join(folder, String(keys)), keys));
    const started = nodes.map(residentOf);
    // How quick the disk is, is another question: what was not in the page cache is told all the same.
    for (const keys of counts) await readFilesOf(join(folder, String(keys)));
    for (const node of nodes) await read(node, 2_000);
    const reads: Reads[][] = nodes.map(() => []);
    for (let pair = 0; pair < Number(values.pairs); pair++) {
      for (const [index, node] of nodes.entries()) {
        reads[index]?.push(await read(node, Number(values.duration) * 1_000));
      }
    }
    const after = nodes.map(residentOf);
    const perKey = (bytes: readonly number[], index: number): number => {
      const further = (counts[index] ?? 0) - (counts[0] ?? 0);
      if (further < comparableKeysMin) return Number.NaN;
      return round1(((bytes[index] ?? 0) - (bytes[0] ?? 0)) / further);
    };
    return nodes.map((node, index) => ({
      keys: node.keys,
      writtenBytesPerKey: round1((filled[index]?.residentBytes ?? 0) / node.keys),
      mergesPerSecond: filled[index]?.mergesPerSecond ?? 0,
      startedBytesPerKey: perKey(started, index),
      readBytesPerKey: perKey(after, index),
      readyMs: node.readyMs,
      reads: reads[index] ?? [],
    }));
  } finally {
    for (const { child } of nodes) {
      const ended = once(child, 'exit');
      child.kill('SIGKILL');
      await ended;
    }
  }
}

function round1(value: number): number {
  return Math.round(value * 10) / 10;
}

if (values.fill !== undefined) {
  process.stdout.write(JSON.stringify(await fill(values.fill, Number(values.keys))));
} else {
  const folder = values.folder ?? (await mkdtemp(join(tmpdir(), 'mini-dynamo-memory-')));
  mkdirSync(folder, { recursive: true });
  try {
    const figures = await compare(
      folder,
      values.keys
        .split(',')
        .map(Number)
        .toSorted((left, right) => left - right),
    );
    console.dir(figures, { depth: null });
    if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(figures, undefined, 2)}\n`);
  } finally {
    if (values.folder === undefined) await rm(folder, { recursive: true, force: true });
  }
}
