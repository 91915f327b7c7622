/**
 * What `simulate` does: seeds over all cores, up to the lowest that breaks a promise.
 *
 * Apart from the command's definition, so that no other command loads the simulator.
 */

import { availableParallelism } from 'node:os';

import { rarePathsOfDeletes } from '../sim/scenarios/deletes-stay.ts';
import { rarePaths } from '../sim/scenarios/durable-writes.ts';
import { planOfSeed } from '../sim/seed-verdict.ts';
import { seedMax } from '../sim/sim-random.ts';
import { CommandFailure, UsageFailure } from './command-failure.ts';
import { formatScenario, readScenarioFile, type Scenario } from './scenario-file.ts';
import { sweepSeeds, type SweepResult } from './seed-sweep.ts';
import { describeFailure } from './simulate-failure.ts';
import { showProgress } from './simulate-progress.ts';
import { shrinkFailure } from './simulate-shrink.ts';
import { writeHistory, writeTrace } from './simulate-record.ts';
import { seedsDefault, type SimulateOptions } from './simulate.ts';
import { remark, say } from './terminal.ts';

/** One seed in so many is run twice: the traces must have the same hash. */
const twiceOneIn = 20;
/** From this many seeds on every rare path must have been taken. */
const seedsForRarePaths = 200;

/** Runs the command; throws `CommandFailure` when a promise is broken. */
export async function simulate(options: SimulateOptions): Promise<void> {
  const given = options.scenario === undefined ? undefined : await readScenarioFile(options.scenario);
  const from = options.seed ?? given?.seed ?? 1;
  if (options.print === true) return say(formatScenario(scenarioOf(from, given)));
  const seeds = countOf(options);
  if (from + seeds - 1 > seedMax && seeds !== Infinity) {
    throw new UsageFailure(`The last seed would be ${from + seeds - 1}; seeds go up to ${seedMax}.`);
  }
  const { trace, history } = options;
  if ((trace !== undefined || history !== undefined) && seeds !== 1) {
    throw new UsageFailure('--trace and --history are for one seed: name it with --seed or --scenario.');
  }
  const one = { seed: from, plan: given?.plan };
  if (trace !== undefined) remark(`${await writeTrace(trace, one)} events in ${trace}`);
  if (history !== undefined) remark(`${await writeHistory(history, one)} operations in ${history}`);
  const jobs = options.jobs ?? availableParallelism();
  const progress = showProgress(seeds);
  const result = await sweepSeeds({
    from,
    seeds: Math.min(seeds, seedMax - from + 1),
    deadlineMs: performance.now() + (options.minutes ?? Infinity) * 60_000,
    jobs,
    plan: given?.plan,
    twiceOneIn: options.twice === true ? 1 : twiceOneIn,
    onProgress: progress.show,
  });
  progress.end(result.totals);
  if (options.counters === true) {
    for (const [name, count] of result.totals.sometimes.entries()) say(`${count}\t${name}`);
  }
  const { failure } = result;
  if (failure !== undefined) {
    const scenario = scenarioOf(failure.seed, given);
    remark(await describeFailure({ failure, plan: given?.plan, options }));
    if (options.shrink !== undefined) await shrinkFailure({ failure, scenario, jobs, file: options.shrink });
    throw new CommandFailure(`seed ${failure.seed} broke a promise.`);
  }
  praise(result, given);
}

function scenarioOf(seed: number, given: Scenario | undefined): Scenario {
  return { ...given, seed, plan: given?.plan ?? planOfSeed(seed) };
}

function countOf(options: SimulateOptions): number {
  if (options.seeds !== undefined) return options.seeds;
  if (options.minutes !== undefined) return Infinity;
  return options.seed === undefined && options.scenario === undefined ? seedsDefault : 1;
}

function praise({ totals, digest }: SweepResult, given: Scenario | undefined): void {
  const missed = [...rarePaths, ...rarePathsOfDeletes].filter((name) => totals.sometimes.read(name) === 0);
  if (given === undefined && totals.seeds >= seedsForRarePaths && missed.length > 0) {
    throw new CommandFailure(`✘ the faults are too tame: ${missed.join(', ')} never happened`);
  }
  say(
    `✔ no promise broken in ${totals.seeds} ${totals.seeds === 1 ? 'seed' : 'seeds'}; ${totals.repeated} run twice with the same trace; ` +
      `all traces together ${digest}`,
  );
}
