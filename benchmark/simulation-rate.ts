/**
 * `npm run sim:rate`: how fast simulations run on one core, in seconds of CPU time, so that neighbours do not count.
 *
 *   node benchmark/simulation-rate.ts [--rounds 5] [--seeds 40] [--json out.json]
 *
 * Two mixes: the plans that seeds draw, as CI plays them, and five nodes under the ordinary workload
 * (`src/sim/ordinary-plan.ts`). Each round plays other seeds; the table shows the median round, the slowest and the
 * fastest. Bars: 3,000 client operations and 300 simulated seconds a second.
 */

import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';

import { inMacrotask } from '../src/sim/drain.ts';
import { ordinaryPlan } from '../src/sim/ordinary-plan.ts';
import { judgeSeed } from '../src/sim/seed-verdict.ts';
import type { SwarmPlan } from '../src/sim/swarm-plan.ts';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    seeds: { type: 'string', default: '40' },
    json: { type: 'string' },
  },
});
const rounds = Number(values.rounds);
const seeds = Number(values.seeds);
if (!Number.isInteger(rounds) || rounds < 1 || !Number.isInteger(seeds) || seeds < 1) {
  throw new Error('--rounds and --seeds: whole numbers from 1 on');
}

interface Round {
  readonly operationsPerSecond: number;
  readonly simulatedPerSecond: number;
  readonly seedsPerSecond: number;
}

const mixes: readonly { readonly name: string; readonly plan: SwarmPlan | undefined }[] = [
  { name: 'plans as seeds draw them', plan: undefined },
  { name: 'five nodes, ordinary workload', plan: ordinaryPlan },
];

// The first seeds are slower, until the code is compiled.
await play(1, Math.min(seeds, 10), undefined);
const results = new Map<string, Round[]>();
for (let round = 0; round < rounds; round++) {
  // Mixes take turns, so that a machine that grows slower grows slower for all.
  for (const { name, plan } of mixes) {
    const measured = await play(1 + round * seeds, seeds, plan);
    results.set(name, [...(results.get(name) ?? []), measured]);
  }
}
for (const [name, measured] of results) {
  console.log(`${name} (${rounds} rounds of ${seeds} seeds, Node ${process.versions.node}):`);
  console.log(
    `  client operations a second  ${spreadOf(measured.map((round) => round.operationsPerSecond))}`,
  );
  console.log(`  simulated seconds a second  ${spreadOf(measured.map((round) => round.simulatedPerSecond))}`);
  console.log(`  seeds a second              ${spreadOf(measured.map((round) => round.seedsPerSecond))}`);
}
if (values.json !== undefined) writeFileSync(values.json, JSON.stringify(Object.fromEntries(results)));

async function play(from: number, count: number, plan: SwarmPlan | undefined): Promise<Round> {
  const start = process.cpuUsage();
  let [operations, virtualMicros] = [0, 0];
  for (let seed = from; seed < from + count; seed++) {
    const verdict = await inMacrotask(() => judgeSeed(seed, { plan }));
    const [broken] = verdict.broken;
    if (broken !== undefined) throw new Error(`seed ${seed} breaks ${broken.promise}: ${broken.message}`);
    operations += verdict.operations;
    virtualMicros += verdict.virtualMicros;
  }
  const { user, system } = process.cpuUsage(start);
  const seconds = (user + system) / 1e6;
  return {
    operationsPerSecond: operations / seconds,
    simulatedPerSecond: virtualMicros / 1e6 / seconds,
    seedsPerSecond: count / seconds,
  };
}

/** The median, and in brackets the least and the greatest. */
function spreadOf(figures: readonly number[]): string {
  const sorted = figures.toSorted((left, right) => left - right);
  const show = (figure: number | undefined): string =>
    (figure ?? 0).toLocaleString('en', { maximumFractionDigits: (figure ?? 0) < 100 ? 1 : 0 });
  return `${show(sorted[sorted.length >>> 1])} [${show(sorted[0])} to ${show(sorted.at(-1))}]`;
}
