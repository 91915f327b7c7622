/**
 * What clients notice of what goes on behind them: the latency of small requests at a moderate, steady rate, in turn
 * with nothing else, with a bulk load, a compaction and an exchange of anti-entropy all at once, and with clients that
 * put and get values of 4 MiB.
 *
 * All phases alternate in one run, so that a busy neighbour disturbs all alike; each round gives a ratio, and the
 * spread is shown. That compaction and anti-entropy were at work is checked, not assumed.
 *
 *   node benchmark/background-work.ts --keys 200000 --rounds 5 --json background-work.json
 */

import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';

import { z } from 'zod';

import { formatAddress } from '../src/cli/address.ts';
import { ThrowawayCluster } from '../src/cli/throwaway-cluster.ts';
import { startBackground, type BackgroundReport } from './background-load.ts';
import { prefill } from './load.ts';
import { machineFigures } from './machine-figures.ts';
import { runPaced } from './paced-load.ts';

const { values } = parseArgs({
  options: {
    keys: { type: 'string', default: '200000' },
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '6' },
    /** Rounds before those that count: a node is compiled while it runs. */
    'warm-up': { type: 'string', default: '1' },
    /** Of the foreground, over all nodes. */
    rate: { type: 'string', default: '800' },
    'bulk-connections': { type: 'string', default: '2' },
    /** Records a second that one node alone is given. */
    'one-sided-rate': { type: 'string', default: '300' },
    'large-connections': { type: 'string', default: '2' },
    'large-bytes': { type: 'string', default: String(4 * 1024 * 1024) },
    phases: { type: 'string', default: 'busy,large' },
    json: { type: 'string' },
  },
});
const keys = Number(values.keys);
const valueBytes = 100;
const phaseMs = Number(values.seconds) * 1_000;
const settleMs = 1_500;

type PhaseName = 'quiet' | 'busy' | 'large';

interface Phase {
  readonly name: PhaseName;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
  readonly maxMs: number;
  readonly operationsPerSecond: number;
  readonly errors: number;
  /** Of all processors: what the host of a virtual machine kept for others, or for carrying out its input and output. */
  readonly stolenMs?: number;
  readonly diskWritesPerSecond?: number;
  readonly background: Readonly<Record<string, number>>;
}

const persistSchema = z.object({ compactions: z.number() });
const antiEntropySchema = z.object({ owners: z.array(z.object({ pulled: z.number() })) });
const jobSchema = z.object({ state: z.string() });

const cluster = await ThrowawayCluster.create({ nodes: 3 });
let newKeys = keys;
try {
  const phases = await measure();
  const report = { keys, rate: Number(values.rate), phases, summary: summaryOf(phases) };
  console.log(JSON.stringify(report.summary, undefined, 2));
  if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(report, undefined, 2)}\n`);
} finally {
  await cluster.remove();
}

async function measure(): Promise<readonly Phase[]> {
  await cluster.start();
  await cluster.connected();
  console.error(`… writing ${keys} keys`);
  await prefill({ urls: urls(), connections: 64, keys, valueBytes });
  await foreground(3_000);
  const others = values.phases.split(',').filter((name) => name === 'busy' || name === 'large');
  const phases: Phase[] = [];
  const warmUp = Number(values['warm-up']);
  for (let round = 0; round < warmUp + Number(values.rounds); round++) {
    for (const name of ['quiet', ...others] as const) {
      await sleep(settleMs);
      const phase = await measurePhase(name);
      if (round < warmUp) continue;
      phases.push(phase);
      console.error(JSON.stringify(phase));
    }
  }
  return phases;
}

async function measurePhase(name: PhaseName): Promise<Phase> {
  const end = name === 'busy' ? beginBusy() : name === 'large' ? beginLarge() : undefined;
  if (end !== undefined) await sleep(settleMs);
  const before = machineFigures();
  const { latency, operations, durationMs, errors } = await foreground(phaseMs);
  const after = machineFigures();
  const background = (await end?.()) ?? {};
  const inMs = (micros: number): number => round(micros / 1_000);
  return {
    name,
    p50Ms: inMs(latency.percentile(0.5)),
    p99Ms: inMs(latency.percentile(0.99)),
    p999Ms: inMs(latency.percentile(0.999)),
    maxMs: inMs(latency.max),
    operationsPerSecond: Math.round((operations * 1_000) / durationMs),
    errors: [...errors.values()].reduce((sum, count) => sum + count, 0),
    ...(before === undefined || after === undefined
      ? {}
      : {
          stolenMs: after.stolenMs - before.stolenMs,
          diskWritesPerSecond: Math.round(((after.diskWrites - before.diskWrites) * 1_000) / durationMs),
        }),
    background,
  };
}

function foreground(durationMs: number): ReturnType<typeof runPaced> {
  const ratePerSecond = Number(values.rate);
  return runPaced({ urls: urls(), connections: 48, keys, valueBytes, ratePerSecond, durationMs });
}

/** A bulk load, a compaction of one node after the other, and records that anti-entropy has to carry. */
function beginBusy(): () => Promise<Record<string, number>> {
  const addresses = urls().map(String);
  const bulkConnections = Number(values['bulk-connections']);
  const endBulk = startBackground({
    ...{ kind: 'bulk', urls: addresses, connections: bulkConnections, valueBytes, keys: newKeys },
  });
  const endOneSided = startBackground({
    ...{ kind: 'one-sided', urls: addresses.slice(2), connections: 1, valueBytes, keys },
    ratePerSecond: Number(values['one-sided-rate']),
  });
  const before = figures();
  const compacting = { isWanted: true };
  const compaction = compactInTurn(compacting);
  const startedAt = performance.now();
  return async () => {
    const bulk = await endBulk();
    const oneSided = await endOneSided();
    newKeys += bulk.operations + bulkConnections;
    compacting.isWanted = false;
    await compaction;
    const [then, now] = [await before, await figures()];
    const [compactions, pulled] = [now.compactions - then.compactions, now.pulled - then.pulled];
    if (compactions < 1 || pulled < 1) {
      throw new Error(`${compactions} compactions, ${pulled} records pulled: nothing was measured`);
    }
    const seconds = (performance.now() - startedAt) / 1_000;
    return {
      bulkPerSecond: Math.round(bulk.operations / seconds),
      ...{ compactions, pulled, oneSided: oneSided.operations },
      backgroundErrors: errorsOf(bulk) + errorsOf(oneSided),
    };
  };
}

/** Clients that put and get large values as fast as they are answered. */
function beginLarge(): () => Promise<Record<string, number>> {
  const end = startBackground({
    ...{ kind: 'large', urls: urls().map(String), connections: Number(values['large-connections']) },
    ...{ valueBytes: Number(values['large-bytes']), keys },
  });
  const startedAt = performance.now();
  return async () => {
    const large = await end();
    const seconds = (performance.now() - startedAt) / 1_000;
    return { largePerSecond: round(large.operations / seconds), backgroundErrors: errorsOf(large) };
  };
}

function errorsOf(report: BackgroundReport): number {
  return Object.values(report.errors).reduce((sum, count) => sum + count, 0);
}

async function compactInTurn(compacting: { isWanted: boolean }): Promise<void> {
  for (let turn = 0; compacting.isWanted; turn++) {
    const url = urls()[turn % 3];
    if (url === undefined) return;
    await json(url, '/debug/compact', 'POST');
    while (jobSchema.parse(await json(url, '/debug/compact', 'GET')).state === 'running') await sleep(100);
  }
}

async function figures(): Promise<{ readonly compactions: number; readonly pulled: number }> {
  let [compactions, pulled] = [0, 0];
  for (const url of urls()) {
    compactions += persistSchema.parse(await json(url, '/debug/persist', 'GET')).compactions;
    const { owners } = antiEntropySchema.parse(await json(url, '/debug/ae', 'GET'));
    pulled += owners.reduce((sum, owner) => sum + owner.pulled, 0);
  }
  return { compactions, pulled };
}

function summaryOf(phases: readonly Phase[]): Record<string, unknown> {
  const of = (name: PhaseName): readonly Phase[] => phases.filter((phase) => phase.name === name);
  const quiet = of('quiet');
  const names = (['quiet', 'busy', 'large'] as const).filter((name) => of(name).length > 0);
  return Object.fromEntries(
    names.map((name) => {
      const ratios = of(name).map((phase, round) => phase.p99Ms / (quiet[round]?.p99Ms ?? Number.NaN));
      return [
        name,
        {
          p50Ms: medianOf(of(name).map((phase) => phase.p50Ms)),
          p99Ms: spreadOf(of(name).map((phase) => phase.p99Ms)),
          p999Ms: spreadOf(of(name).map((phase) => phase.p999Ms)),
          p99OfQuiet: spreadOf(ratios),
        },
      ];
    }),
  );
}

function spreadOf(all: readonly number[]): Record<string, number> {
  return { median: medianOf(all), least: round(Math.min(...all)), most: round(Math.max(...all)) };
}

function medianOf(all: readonly number[]): number {
  const sorted = all.toSorted((left, right) => left - right);
  return round(sorted[sorted.length >>> 1] ?? Number.NaN);
}

function round(value: number): number {
  return Number(value.toFixed(2));
}

function urls(): URL[] {
  return cluster.ids.map((id) => new URL(`http://${formatAddress(cluster.node(id).address)}`));
}

async function json(url: URL, path: string, method: string): Promise<unknown> {
  const init = method === 'POST' ? { method, body: '{}' } : { method };
  const answer = await fetch(new URL(path, url), init);
  if (!answer.ok) throw new Error(`${method} ${path} answered ${answer.status}: ${await answer.text()}`);
  return await answer.json();
}

function sleep(durationMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, durationMs));
}
