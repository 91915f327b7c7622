/**
 * What anti-entropy costs and how soon it levels a cluster of three real nodes, with hints switched off.
 *
 * In order: the cost at rest; one record that differs among all; writes that a node missed; a node with an empty
 * disk, with clients at the two others meanwhile. Bytes are those of anti-entropy's own messages, as the nodes count them,
 * and of all heartbeats where it says so.
 *
 *   node benchmark/healing.ts --keys 1000000 --missed 10000 --json healing.json
 *   node benchmark/healing.ts --keys 200000 --only empty-disk
 */

import { writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { parseArgs } from 'node:util';

import { z } from 'zod';

import { formatAddress } from '../src/cli/address.ts';
import { ThrowawayCluster } from '../src/cli/throwaway-cluster.ts';
import { prefill, runLoad, type LoadResult } from './load.ts';
import { LogHistogram } from './log-histogram.ts';
import { clusterPids, cpuSecondsOf } from './process-cpu.ts';

const { values } = parseArgs({
  options: {
    keys: { type: 'string', default: '100000' },
    missed: { type: 'string', default: '10000' },
    'value-bytes': { type: 'string', default: '100' },
    connections: { type: 'string', default: '8' },
    'idle-seconds': { type: 'string', default: '10' },
    only: { type: 'string' },
    json: { type: 'string' },
  },
});
const keys = Number(values.keys);
const missed = Math.min(Number(values.missed), keys);
const valueBytes = Number(values['value-bytes']);
const connections = Number(values.connections);
const idleMs = Number(values['idle-seconds']) * 1_000;
const levelBoundMs = 600_000;
/** A ping or pong with its sum, and the length before it; two of each a second for each pair and direction. */
const heartbeatBytes = 4 + 24 + 12;

const antiEntropySchema = z.object({
  level: z.boolean(),
  evidence: z.object({ complete: z.boolean() }),
  owners: z.array(z.object({ sent_bytes: z.number(), received_bytes: z.number(), pulled: z.number() })),
});
const persistSchema = z.object({ keys: z.number() });

const cluster = await ThrowawayCluster.create({ nodes: 3, settings: { hintedHandoff: false } });
try {
  const report = await measure();
  console.log(JSON.stringify(report, undefined, 2));
  if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(report, undefined, 2)}\n`);
} finally {
  await cluster.remove();
}

async function measure(): Promise<Record<string, unknown>> {
  await cluster.start();
  await cluster.connected();
  tell(`writing ${keys} keys of ${valueBytes} bytes`);
  await prefill({ urls: urlsOf('n1', 'n2', 'n3'), connections: 64, keys, valueBytes });
  await untilLevel();
  if (values.only === 'empty-disk') return { keys, valueBytes, emptyDisk: await emptyDisk() };
  return {
    keys,
    valueBytes,
    idle: await atRest(),
    oneRecord: await oneRecord(),
    missedWrites: await missedWrites(),
    emptyDisk: await emptyDisk(),
  };
}

/** CPU and traffic of a healthy cluster that nobody uses. */
async function atRest(): Promise<Record<string, unknown>> {
  tell('at rest');
  await sleep(3_000);
  const pids = clusterPids(cluster.local.dataRoot);
  const cpuBefore = cpuSecondsOf(pids) ?? 0;
  const bytesBefore = await exchangedBytes();
  await sleep(idleMs);
  const perSecond = (amount: number): number => (amount * 1_000) / idleMs;
  const bytes = perSecond((await exchangedBytes()) - bytesBefore) / pids.length;
  return {
    cpuShareOfACorePerNode: round(perSecond((cpuSecondsOf(pids) ?? 0) - cpuBefore) / pids.length, 4),
    antiEntropyBytesPerSecondPerNode: round(bytes, 1),
    heartbeatBytesPerSecondPerNode: heartbeatBytes * 2 * 2 * (pids.length - 1),
  };
}

/** A version that one node alone holds. */
async function oneRecord(): Promise<Record<string, unknown>> {
  tell('one record differs');
  const bytesBefore = await exchangedBytes();
  const startedAt = performance.now();
  const value = Buffer.from(`alone ${startedAt}`);
  // Old enough not to count as a write under way, and later than what was written.
  const record = { key: 'key-7', value: value.toString('base64'), ts: Date.now() - 1_500, writer_id: 'n3' };
  await json('n3', 'POST', '/internal/put', { record });
  await until(async () => {
    const held = await Promise.all(['n1', 'n2'].map((id) => cluster.client(id).localRecord('key-7')));
    return held.every((copy) => copy.kind === 'value' && copy.value.equals(value));
  });
  const healedMs = Math.round(performance.now() - startedAt);
  await untilLevel();
  return { healedMs, bytesOnTheWire: (await exchangedBytes()) - bytesBefore };
}

/** Writes while one node is down; its return is what counts. */
async function missedWrites(): Promise<Record<string, unknown>> {
  tell(`${missed} writes that n3 misses`);
  await cluster.kill('n3');
  await prefill({ urls: urlsOf('n1', 'n2'), connections: 64, keys: missed, valueBytes });
  await sleep(1_000);
  const bytesBefore = (await pulledBytes('n1')) + (await pulledBytes('n2'));
  await cluster.start('n3');
  const startedAt = performance.now();
  await until(async () => (await antiEntropyOf('n3')).owners.some((owner) => owner.pulled >= missed));
  const healedMs = Math.round(performance.now() - startedAt);
  await untilLevel();
  const bytes =
    (await pulledBytes('n3')) + (await pulledBytes('n1')) + (await pulledBytes('n2')) - bytesBefore;
  return { missed, healedMs, bytesReceived: bytes };
}

/** A node that comes back with nothing, while clients go on. */
async function emptyDisk(): Promise<Record<string, unknown>> {
  tell('n3 comes back on an empty disk, with clients at n1 and n2');
  const load = (durationMs: number): Promise<LoadResult> =>
    runLoad({ urls: urlsOf('n1', 'n2'), operation: 'mix', connections, keys, valueBytes, durationMs });
  await load(2_000);
  const before = await load(5_000);
  await cluster.kill('n3');
  await rm(cluster.dataDirectory('n3'), { recursive: true, force: true });
  await cluster.start('n3');
  const startedAt = performance.now();
  let filledMs: number | undefined;
  const slices: LoadResult[] = [];
  while (filledMs === undefined) {
    slices.push(await load(1_000));
    const { keys: held } = persistSchema.parse(await json('n3', 'GET', '/debug/persist'));
    if (held >= keys) filledMs = Math.round(performance.now() - startedAt);
    if (performance.now() - startedAt > levelBoundMs) throw new Error(`n3 holds ${held} of ${keys} keys`);
  }
  await until(async () => (await antiEntropyOf('n3')).evidence.complete);
  const witnessMs = Math.round(performance.now() - startedAt);
  const whole = new LogHistogram();
  for (const slice of slices) whole.add(slice.latency);
  const seconds = slices.map((slice) => slice.latency.percentile(0.99)).sort((left, right) => left - right);
  return {
    filledMs,
    witnessMs,
    foregroundP99Ms: {
      before: milliseconds(before.latency.percentile(0.99)),
      during: milliseconds(whole.percentile(0.99)),
      duringMedianSecond: milliseconds(seconds[seconds.length >>> 1] ?? 0),
      duringWorstSecond: milliseconds(seconds.at(-1) ?? 0),
    },
    foregroundOperationsPerSecond: {
      before: Math.round((before.operations * 1_000) / before.durationMs),
      during: Math.round(
        slices.reduce((sum, slice) => sum + (slice.operations * 1_000) / slice.durationMs, 0) / slices.length,
      ),
    },
    secondsP99Ms: slices.map((slice) => milliseconds(slice.latency.percentile(0.99))),
    errors: Object.fromEntries(slices.flatMap((slice) => [...slice.errors])),
  };
}

function urlsOf(...ids: readonly string[]): URL[] {
  return ids.map((id) => new URL(`http://${formatAddress(cluster.node(id).address)}`));
}

async function json(id: string, method: string, path: string, body?: unknown): Promise<unknown> {
  const [url] = urlsOf(id);
  const init = body === undefined ? { method } : { method, body: JSON.stringify(body) };
  const answer = await fetch(new URL(path, url), init);
  if (!answer.ok)
    throw new Error(`${method} ${path} at ${id} answered ${answer.status}: ${await answer.text()}`);
  return await answer.json();
}

async function antiEntropyOf(id: string): Promise<z.infer<typeof antiEntropySchema>> {
  return antiEntropySchema.parse(await json(id, 'GET', '/debug/ae'));
}

/** What all nodes have sent and received for anti-entropy; each byte is counted at the node that asked. */
async function exchangedBytes(): Promise<number> {
  const pages = await Promise.all(cluster.ids.map(antiEntropyOf));
  return pages
    .flatMap((page) => page.owners)
    .reduce((sum, owner) => sum + owner.sent_bytes + owner.received_bytes, 0);
}

async function pulledBytes(id: string): Promise<number> {
  return (await antiEntropyOf(id)).owners.reduce((sum, owner) => sum + owner.received_bytes, 0);
}

async function untilLevel(): Promise<void> {
  await until(async () => (await Promise.all(cluster.ids.map(antiEntropyOf))).every((page) => page.level));
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  const endsAt = performance.now() + levelBoundMs;
  while (!(await condition())) {
    if (performance.now() > endsAt) throw new Error(`not so within ${levelBoundMs} ms`);
    await sleep(20);
  }
}

function sleep(durationMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, durationMs));
}

function tell(text: string): void {
  console.error(`… ${text}`);
}

function milliseconds(micros: number): number {
  return round(micros / 1_000, 2);
}

function round(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}
