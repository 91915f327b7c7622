/** What every section of the suite works with, and the loop that all of them have: rounds in which servers take turns. */

import type { RunningServer } from '../server-process.ts';
import type { Contestant, RunningContestant } from './contestants.ts';
import type { LoaderPool } from './loader-pool.ts';
import { measureRun, type RunSpec } from './measure-run.ts';
import type { Mix } from './mix.ts';
import type { Profile } from './profile.ts';
import type { Point, Run } from './results.ts';
import { spreadOf } from './spread.ts';

export interface Bench {
  readonly profile: Profile;
  /** All that run; sections that need servers of another size start their own. */
  readonly contestants: readonly RunningContestant[];
  readonly loaders: LoaderPool;
  /** Whether a section may start this one itself: it was asked for, and its program is there. */
  readonly canRun: (contestant: Contestant) => boolean;
  /** Starts a server that is stopped with the suite, if not by the section before. */
  readonly start: (start: () => Promise<RunningServer>) => Promise<RunningServer>;
  readonly say: (line: string) => void;
}

/** A point to be measured: one contestant, one load. */
export interface PointPlan {
  readonly contestant: RunningContestant;
  readonly operation: string;
  readonly at: number;
  readonly spec: RunSpec;
}

/** Short values, as in most of what is said about speed. */
export const shortValueBytes = 100;

/** What most sections ask for: short values, a closed loop, and the profile's connections, keys and times. */
export function usualLoad({ profile }: Bench): Omit<RunSpec, 'mix'> {
  const { usualConnections: connections, keys, warmUpMs, runMs: durationMs } = profile;
  const pace = { kind: 'closed' } as const;
  return { connections, keys, warmUpMs, durationMs, pace, pipeline: 1, valueBytes: shortValueBytes };
}

/** Cores used by others during a run from which on it is repeated. */
const disturbedCores = 0.25;

const warmUpMix: Mix = { distribution: 'uniform', shares: { read: 0.5, update: 0.5 } };
const warmUpKeys = 1_000;

/** Asks a server for a while without measuring it. */
export async function warmUp(bench: Bench, contestant: RunningContestant): Promise<void> {
  const durationMs = bench.profile.serverWarmUpMs;
  if (durationMs === 0) return;
  await fillKeys(bench, contestant, { to: warmUpKeys, valueBytes: shortValueBytes });
  const spec = { ...usualLoad(bench), keys: warmUpKeys, durationMs, mix: warmUpMix };
  await measureRun(contestant, spec, { loaders: bench.loaders, round: 0 });
}

/**
 * Measures points side by side: in each round all of them have one run, beginning with another one each time, so that a
 * busy moment of the machine hits neighbours alike and nobody is always first.
 */
export async function measureInTurns(
  bench: Bench,
  plans: readonly PointPlan[],
  rounds: number,
): Promise<Point[]> {
  const runs = plans.map((): Run[] => []);
  for (let round = 0; round < rounds; round++) {
    for (let turn = 0; turn < plans.length; turn++) {
      const index = (turn + round) % plans.length;
      const plan = plans[index];
      if (plan === undefined) continue;
      runs[index]?.push(await measureCalmly(bench, plan, round));
    }
  }
  const points = plans.map(({ contestant, operation, at }, index) => ({
    server: contestant.id,
    operation,
    at,
    runs: runs[index] ?? [],
  }));
  for (const point of points) bench.say(lineOf(point));
  return points;
}

/** A run that others disturbed is repeated; it is chosen by how busy they were, never by what came out. */
async function measureCalmly(bench: Bench, { contestant, spec }: PointPlan, round: number): Promise<Run> {
  let calmest = await measureRun(contestant, spec, { loaders: bench.loaders, round });
  for (let attempt = 1; attempt <= bench.profile.repeats && isDisturbed(calmest); attempt++) {
    const run = await measureRun(contestant, spec, { loaders: bench.loaders, round });
    if ((run.neighbourCores ?? 0) < (calmest.neighbourCores ?? 0)) calmest = run;
  }
  return calmest;
}

/** Whether others used more of the machine than a desktop does that nobody touches. */
function isDisturbed({ neighbourCores }: Run): boolean {
  return (neighbourCores ?? 0) > disturbedCores;
}

/** Operations a second in the median run of a point. */
export function capacityOf(point: Point): number {
  return spreadOf(point.runs.map(({ operationsPerSecond }) => operationsPerSecond))?.median ?? 0;
}

/** Puts the keys from `from` up to `to`; throws when a server does not take them. */
export async function fillKeys(
  bench: Bench,
  contestant: RunningContestant,
  options: { readonly from?: number; readonly to: number; readonly valueBytes: number },
): Promise<void> {
  const small = options.valueBytes <= 4_096;
  const problems = await bench.loaders.putKeys({
    dialog: contestant.dialog,
    urls: contestant.server.urls.map((url) => url.href),
    connections: small ? 64 : 8,
    // Only the Redis protocol is known to answer pipelined requests side by side.
    pipeline: contestant.dialog.kind === 'redis' && small ? 16 : 1,
    valueBytes: options.valueBytes,
    from: options.from ?? 0,
    to: options.to,
  });
  if (Object.keys(problems).length > 0) {
    throw new Error(`${contestant.name} did not take all keys: ${JSON.stringify(problems)}`);
  }
}

/** The same for all contestants, once for each server. */
export async function fillAll(
  bench: Bench,
  options: { readonly to: number; readonly valueBytes: number },
): Promise<void> {
  const byServer = new Map(bench.contestants.map((contestant) => [contestant.server, contestant]));
  for (const contestant of byServer.values()) await fillKeys(bench, contestant, options);
}

function lineOf(point: Point): string {
  const figures = (of: (run: Run) => number | null): string => {
    const spread = spreadOf(point.runs.map(of));
    return spread === undefined ? '-' : String(Number(spread.median.toPrecision(4)));
  };
  const problems = point.runs.flatMap((run) =>
    Object.entries(run.problems).map(([name, count]) => `${count} × ${name}`),
  );
  return [
    `  ${point.operation.padEnd(4)} ${String(point.at).padStart(8)}  ${point.server.padEnd(14)}`,
    `${figures(({ operationsPerSecond }) => operationsPerSecond).padStart(8)}/s`,
    `p50 ${figures(({ latencyMs }) => latencyMs.p50)} ms, p99 ${figures(({ latencyMs }) => latencyMs.p99)} ms,`,
    `CPU ${figures(({ serverCpuMsPer1000 }) => serverCpuMsPer1000)} ms per 1,000`,
    problems.length === 0 ? '' : `PROBLEMS: ${problems.join(', ')}`,
  ].join(' ');
}
