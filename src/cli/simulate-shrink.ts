/** `simulate --shrink`: looks for a smaller scenario that breaks the same promise, over all cores. */

import { writeFile } from 'node:fs/promises';

import { shrinkPlan } from '../sim/shrink-plan.ts';
import { seedMax } from '../sim/sim-random.ts';
import type { SwarmPlan } from '../sim/swarm-plan.ts';
import { formatScenario, type Scenario } from './scenario-file.ts';
import { SeedRunner, type SeedReport } from './seed-runner.ts';
import { remark, say } from './terminal.ts';

/** A smaller plan draws other histories, so each is tried with so many seeds. */
const seedsPerPlan = 8;
/** Whoever waits for a smaller scenario waits no longer than this. */
const shrinkMsMax = 120_000;
/** A run of a plan that was made smaller takes seconds; a longer one is no improvement. */
const seedTimeoutMs = 20_000;

/** Prints the smaller scenario, or writes it to `file`, and says how to run it. */
export async function shrinkFailure(options: {
  readonly failure: SeedReport;
  readonly scenario: Scenario;
  readonly jobs: number;
  /** True to print it. */
  readonly file: string | true;
}): Promise<void> {
  const { failure, scenario, file } = options;
  const promise = failure.broken[0]?.promise ?? '';
  const deadlineMs = performance.now() + shrinkMsMax;
  remark(`\nLooking for a smaller scenario that breaks ${promise}, for ${shrinkMsMax / 1000} s at most:`);
  const runners = Array.from({ length: options.jobs }, () => new SeedRunner({ seedTimeoutMs }));
  const shrunk = await shrinkPlan({
    plan: scenario.plan,
    seed: scenario.seed,
    failingSeed: (plan, firstSeed) => failingSeed({ runners, plan, firstSeed, promise, deadlineMs }),
    isOver: () => performance.now() > deadlineMs,
    onKept: (what) => remark(`  ${what}`),
  });
  await Promise.all(runners.map((runner) => runner.stop()));
  remark(
    `${shrunk.kept} of ${shrunk.tried} reductions still fail; the smaller scenario has seed ${shrunk.seed}.`,
  );
  const text = formatScenario({ why: `breaks ${promise}`, seed: shrunk.seed, plan: shrunk.plan });
  if (file === true) say(text);
  else await writeFile(file, `${text}\n`);
  const path = file === true ? 'FILE (with what stands above)' : file;
  remark(`Run it: npx mini-dynamo simulate --scenario ${path}`);
}

/** The first of some seeds with which the plan breaks the promise; the lowest in their order, on any machine. */
async function failingSeed(options: {
  readonly runners: readonly SeedRunner[];
  readonly plan: SwarmPlan;
  readonly firstSeed: number;
  readonly promise: string;
  readonly deadlineMs: number;
}): Promise<number | undefined> {
  const { runners, plan, firstSeed, promise } = options;
  const last = Math.min(firstSeed + seedsPerPlan - 1, seedMax);
  let next = firstSeed;
  let found: number | undefined;
  const take = (report: SeedReport): void => {
    const isBroken = report.broken.some((one) => one.promise === promise);
    if (isBroken && report.seed < (found ?? Infinity)) found = report.seed;
  };
  const work = async (runner: SeedRunner): Promise<void> => {
    while (found === undefined && next <= last && performance.now() < options.deadlineMs) {
      await runner.run({ from: next++, count: 1, plan, twiceOneIn: 0 }, take);
    }
  };
  await Promise.all(runners.map(work));
  return found;
}
