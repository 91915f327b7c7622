/**
 * `mini-dynamo simulate`: the store's own code under simulated failure, seed by seed, over all cores.
 *
 * Ends at the lowest seed that breaks a promise, with the story of the key, the scenario and how to run it
 * again. Progress goes to standard error, the verdict and scenarios to standard output.
 */

import { Command } from 'commander';

import { seedMax } from '../sim/sim-random.ts';
import { parseInteger, withExamples } from './command-options.ts';

/** Seeds of a run for which nothing else was asked. */
export const seedsDefault = 200;
const jobsMax = 256;
const minutesMax = 10_000;

export const simulateCommand = withExamples(
  new Command('simulate')
    .description(
      'run a simulated cluster through crashes, lost power and partitions, and check every promise',
    )
    .option('-s, --seed <number>', 'the first seed; alone, the only one', parseInteger(0, seedMax))
    .option('-n, --seeds <count>', `how many seeds (${seedsDefault} unless told)`, parseInteger(1, seedMax))
    .option('-m, --minutes <count>', 'go on for so long, instead of a count', parseInteger(1, minutesMax))
    .option('--scenario <file>', 'the plan (and seed) of this JSON file instead of the plan each seed draws')
    .option('--print', 'print the scenario that the seed draws, as JSON, and run nothing')
    .option('--trace <file>', 'write all that happens in one seed, as JSON lines')
    .option('--history <file>', 'write what the clients of one seed did and were told, as JSON')
    .option(
      '--shrink [file]',
      'after a failure look for a smaller scenario that fails; print it, or write it',
    )
    .option('--key <key>', 'tell the story of this key, instead of the one whose promise broke')
    .option('--jobs <count>', 'threads (one for each core unless told)', parseInteger(1, jobsMax))
    .option('--twice', 'run every seed twice and compare the traces, instead of one in twenty')
    .option('--counters', 'print how often each rare path was taken')
    .action(async (options: SimulateOptions) => {
      const { simulate } = await import('./simulate-run.ts');
      await simulate(options);
    }),
  [
    ['simulate', `${seedsDefault} seeds`],
    ['simulate --seeds 20000', ''],
    ['simulate --minutes 60', 'as many seeds as fit'],
    ['simulate --seed 42 --trace run.jsonl', 'one seed, with all that happens in it'],
    ['simulate --seed 42 --print > plan.json', 'what the seed would do, to be changed'],
    ['simulate --scenario plan.json --seeds 100', 'that plan, with a hundred seeds'],
    ['simulate --seed 42 --shrink small.json', 'from a failing seed to a smaller scenario'],
  ],
);

export interface SimulateOptions {
  readonly seed?: number;
  readonly seeds?: number;
  readonly minutes?: number;
  readonly scenario?: string;
  readonly print?: boolean;
  readonly trace?: string;
  readonly history?: string;
  readonly shrink?: string | true;
  readonly key?: string;
  readonly jobs?: number;
  readonly twice?: boolean;
  readonly counters?: boolean;
}
