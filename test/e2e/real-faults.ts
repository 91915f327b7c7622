/**
 * Real nodes under real faults, judged by the simulator's checkers:
 *
 *   node test/e2e/real-faults.ts --story partition          one story; --story list names them
 *   node test/e2e/real-faults.ts --seed 7 --seconds 600     a random mix, its faults drawn from the seed
 *
 * The mix takes `--nodes N` and `--engine NAME`; `--history FILE` writes what clients did in the format of `mini-dynamo
 * simulate --history`. Exit codes: 0 all promises kept, 1 one was broken, 77 this machine forbids it, and standard
 * output says why.
 */

import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';

import { historyJson } from '../../src/sim/linearizability/history-json.ts';
import type { BrokenPromise } from '../../src/sim/checkers/broken-promise.ts';
import { SimRandom } from '../../src/sim/sim-random.ts';
import { fakeClockLibrary } from './faults/fake-clock.ts';
import { FaultCluster } from './faults/fault-cluster.ts';
import {
  endWithOutside,
  isInsideOwnNetwork,
  ownNetworkProblem,
  runInOwnNetwork,
  skippedExitCode,
} from './faults/own-network.ts';
import { strikeAtRandom } from './faults/random-mix.ts';
import { RecordedLoad } from './faults/recorded-load.ts';
import { stories, type Story } from './faults/stories.ts';
import { judge } from './faults/verdict.ts';

const { values } = parseArgs({
  options: {
    story: { type: 'string' },
    seed: { type: 'string', default: String(Math.floor(Math.random() * 2 ** 32)) },
    seconds: { type: 'string', default: '15' },
    nodes: { type: 'string', default: '3' },
    engine: { type: 'string', default: 'log' },
    history: { type: 'string' },
  },
});
const seed = wholeNumber('--seed', values.seed);
const seconds = wholeNumber('--seconds', values.seconds);
const nodes = wholeNumber('--nodes', values.nodes);

if (values.story === 'list') {
  for (const { name, title } of stories) console.log(`${name.padEnd(12)} ${title}`);
} else if (isInsideOwnNetwork()) {
  endWithOutside();
  process.exit(await run(values.story === undefined ? randomMix() : storyOf(values.story)));
} else process.exitCode = await runOutside();

async function runOutside(): Promise<number> {
  const story = values.story === undefined ? undefined : storyOf(values.story);
  const noClocks = story?.options?.fakeClocks === true && fakeClockLibrary() === undefined;
  const problem = ownNetworkProblem() ?? (noClocks ? 'libfaketime is not installed' : undefined);
  if (problem !== undefined) {
    console.log(problem);
    return skippedExitCode;
  }
  // The seed may have been drawn just now.
  return await runInOwnNetwork([import.meta.filename, ...process.argv.slice(2), '--seed', String(seed)]);
}

async function run(story: Story): Promise<number> {
  const startedMs = performance.now();
  const cluster = await FaultCluster.start(story.options);
  const load = new RecordedLoad(cluster, new SimRandom(seed).fork('load'));
  const { operations } = load.history;
  let playedMs = startedMs;
  let broken: readonly BrokenPromise[];
  try {
    await story.play(cluster, load);
    await load.stop();
    playedMs = performance.now();
    broken = await judge(cluster, load);
    load.close();
  } finally {
    if (values.history !== undefined) writeFileSync(values.history, historyJson(operations));
  }
  console.log(
    `${story.name}, seed ${seed}: ${operations.length} operations (${summary(load)}), ` +
      `${await cluster.network.hitPackets()} packets hit; ` +
      `${((playedMs - startedMs) / 1000).toFixed(1)} s played, ${((performance.now() - playedMs) / 1000).toFixed(1)} s judged`,
  );
  return conclude(story, broken, cluster);
}

function conclude(story: Story, broken: readonly BrokenPromise[], cluster: FaultCluster): number {
  const unseen = (story.breaks ?? []).filter((name) => !broken.some(({ promise }) => promise === name));
  for (const name of unseen) console.log(`${name} must be broken here, and no checker says so`);
  if (story.breaks !== undefined) return unseen.length === 0 ? 0 : 1;
  for (const { promise, key, message } of broken)
    console.log(`BROKEN ${promise} (${key ?? 'no key'}): ${message}`);
  if (broken.length === 0) return 0;
  console.log(cluster.allLogs());
  return 1;
}

function summary(load: RecordedLoad): string {
  const kinds = new Map<string, number>();
  for (const { end } of load.history.operations) {
    const kind = end?.outcome.kind ?? 'unanswered';
    kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
  }
  return [...kinds].map(([kind, count]) => `${count} ${kind}`).join(', ');
}

function randomMix(): Story {
  const startedMs = performance.now();
  return {
    name: 'random mix',
    title: `faults drawn from seed ${seed}`,
    options: { fakeClocks: true, nodes, settings: { engine: values.engine } },
    play: (cluster, _load) =>
      strikeAtRandom(cluster, new SimRandom(seed).fork('faults'), {
        seconds,
        onFault: (text) =>
          console.log(`${((performance.now() - startedMs) / 1000).toFixed(1).padStart(7)} s  ${text}`),
      }),
  };
}

function storyOf(name: string): Story {
  const story = stories.find((candidate) => candidate.name === name);
  if (story === undefined)
    throw new Error(`no story ${name}; there are ${stories.map(({ name }) => name).join(', ')}`);
  return story;
}

function wholeNumber(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0) throw new Error(`${name} must be a whole number`);
  return value;
}
