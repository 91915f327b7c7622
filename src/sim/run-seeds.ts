/**
 * Seeds without the program around them: `node src/sim/run-seeds.ts --seeds 2000 --from 1`. It is one thread and needs
 * no package, for `npm run mutants`, which runs it in damaged copies; people use `mini-dynamo simulate`.
 *
 * Runs seeds one after the other and stops at the first that breaks a promise, with the story of the key and
 * how to run it again. Now and then a seed is run twice: its two traces must have the same hash.
 */

import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { inMacrotask } from './drain.ts';
import { History } from './history.ts';
import { historyJson } from './linearizability/history-json.ts';
import { Narrator } from './narrator.ts';
import { rarePathsOfDeletes } from './scenarios/deletes-stay.ts';
import { rarePaths } from './scenarios/durable-writes.ts';
import { judgeSeed, scenarioNames, type SeedVerdict } from './seed-verdict.ts';
import { Sometimes } from './sometimes.ts';

/** One seed in so many is run twice. */
const twiceOneIn = 20;
const progressEveryMs = process.stdout.isTTY ? 500 : 10_000;
/** From this many seeds on every rare path must have been taken. */
const seedsForRarePaths = 200;
/** Lines of the story that are printed: its end is where the promise broke. */
const storyLines = 150;

interface Totals {
  seeds: number;
  operations: number;
  acknowledged: number;
  faults: number;
  virtualMicros: number;
  repeated: number;
  readonly sometimes: Sometimes;
}

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '2000' },
    from: { type: 'string', default: '1' },
    scenario: { type: 'string', default: 'durable-writes' },
    key: { type: 'string' },
    counters: { type: 'boolean', default: false },
    history: { type: 'string' },
  },
});

const scenario = scenarioNames.find((name) => name === values.scenario);

process.exitCode = await main();

async function main(): Promise<number> {
  const [seeds, from] = [Number(values.seeds), Number(values.from)];
  if (scenario === undefined || !Number.isSafeInteger(seeds) || seeds < 1 || !Number.isSafeInteger(from)) {
    console.error(
      'usage: run-seeds.ts [--seeds N] [--from SEED] [--scenario NAME] [--key KEY] [--counters] [--history FILE]',
    );
    return 2;
  }
  const totals: Totals = {
    seeds: 0,
    operations: 0,
    acknowledged: 0,
    faults: 0,
    virtualMicros: 0,
    repeated: 0,
    sometimes: new Sometimes(),
  };
  const startMs = performance.now();
  let shownMs = startMs;
  for (let seed = from; seed < from + seeds; seed++) {
    const history = new History();
    const verdict = await inMacrotask(() => judgeSeed(seed, { history, scenario }));
    add(totals, verdict);
    // That of the seed that fails, or of the last one.
    const isLast = verdict.broken.length > 0 || seed === from + seeds - 1;
    if (values.history !== undefined && isLast) {
      writeFileSync(values.history, historyJson(history.operations));
    }
    if (verdict.broken.length > 0) return await showFailure(verdict);
    if (seed % twiceOneIn === 0 && !(await isRepeatable(verdict, totals))) return 1;
    if (performance.now() - shownMs > progressEveryMs) {
      shownMs = performance.now();
      showProgress(totals, seeds, startMs);
    }
  }
  showProgress(totals, seeds, startMs);
  if (process.stdout.isTTY) process.stdout.write('\n');
  if (values.counters)
    for (const [name, count] of totals.sometimes.entries()) console.log(`${count}\t${name}`);
  const expected = scenario === 'durable-writes' ? rarePaths : rarePathsOfDeletes;
  const missed = expected.filter((name) => totals.sometimes.read(name) === 0);
  if (seeds >= seedsForRarePaths && missed.length > 0) {
    console.error(`✘ the faults are too tame: ${missed.join(', ')} never happened`);
    return 1;
  }
  console.log(`✔ no promise broken in ${seeds} seeds; ${totals.repeated} run twice with the same trace`);
  return 0;
}

function add(totals: Totals, verdict: SeedVerdict): void {
  totals.seeds += 1;
  totals.operations += verdict.operations;
  totals.acknowledged += verdict.acknowledged;
  totals.faults += verdict.faults;
  totals.virtualMicros += verdict.virtualMicros;
  totals.sometimes.addAll(verdict.sometimes);
}

async function isRepeatable(first: SeedVerdict, totals: Totals): Promise<boolean> {
  const second = await inMacrotask(() => judgeSeed(first.seed, { scenario }));
  totals.repeated += 1;
  if (second.traceHash === first.traceHash) return true;
  console.error(
    `\n✘ seed ${first.seed} is not one history: trace ${first.traceHash}, then ${second.traceHash}. ` +
      'Something outside of the simulation leaks in.',
  );
  return false;
}

function showProgress(totals: Totals, seeds: number, startMs: number): void {
  const seconds = (performance.now() - startMs) / 1000;
  const perSecond = (count: number): string => Math.round(count / seconds).toLocaleString('en');
  const line =
    `${totals.seeds} of ${seeds} seeds, ${Math.round(totals.virtualMicros / 1e6).toLocaleString('en')} s simulated ` +
    `(${perSecond(totals.virtualMicros / 1e6)}/s), ${totals.faults.toLocaleString('en')} faults, ` +
    `${totals.operations.toLocaleString('en')} operations (${perSecond(totals.operations)}/s), ` +
    `${totals.acknowledged.toLocaleString('en')} writes acknowledged`;
  process.stdout.write(process.stdout.isTTY ? `\r${line}` : `${line}\n`);
}

/** Runs the seed again with a narrator and prints what happened to the key. */
async function showFailure(verdict: SeedVerdict): Promise<number> {
  const { seed, broken } = verdict;
  const first = broken[0];
  const key = values.key ?? broken.find((one) => one.key !== undefined)?.key ?? '';
  const narrator = new Narrator(new TextEncoder().encode(key));
  const again = await inMacrotask(() => judgeSeed(seed, { narrator, scenario }));
  console.error(
    `\n✘ seed ${seed} breaks ${first?.promise}${key === '' ? '' : ` for ${key}`}: ${first?.message}`,
  );
  if (broken.length > 1) console.error(`  and ${broken.length - 1} more`);
  console.error(`\nThe story of ${key === '' ? 'the nodes' : key}, its last ${storyLines} lines:`);
  for (const line of narrator.lines.slice(-storyLines)) console.error(line);
  console.error(
    `\nRun it again: npm run sim -- --seeds 1 --from ${seed}${key === '' ? '' : ` --key ${key}`}`,
  );
  if (again.traceHash !== verdict.traceHash)
    console.error('The second run went another way: the seed is not one history.');
  return 1;
}
