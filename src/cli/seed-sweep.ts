/**
 * Seeds over all cores: blocks of seeds are dealt out to threads, and what they report is added up.
 *
 * The answer does not depend on the number of threads: after a failure every lower seed is still judged, so that
 * the lowest failing one is reported, and the digest over all traces is taken in the order of the seeds.
 */

import { createHash } from 'node:crypto';

import { Sometimes } from '../sim/sometimes.ts';
import type { SwarmPlan } from '../sim/swarm-plan.ts';
import { SeedRunner, type SeedReport } from './seed-runner.ts';

export interface SweepOptions {
  readonly from: number;
  /** Infinity to go on until the deadline. */
  readonly seeds: number;
  /** No block begins after this, in milliseconds of `performance.now()`. */
  readonly deadlineMs: number;
  readonly jobs: number;
  readonly plan: SwarmPlan | undefined;
  readonly twiceOneIn: number;
  readonly onProgress?: (totals: SweepTotals) => void;
  /** Makes what judges a block; threads unless told. */
  readonly newRunner?: () => Pick<SeedRunner, 'run' | 'stop'>;
}

export interface SweepTotals {
  seeds: number;
  operations: number;
  acknowledged: number;
  faults: number;
  virtualMicros: number;
  /** Seeds that were run twice. */
  repeated: number;
  readonly sometimes: Sometimes;
}

export interface SweepResult {
  readonly totals: SweepTotals;
  /** The lowest seed that broke a promise. */
  readonly failure: SeedReport | undefined;
  /** 16 hexadecimal digits over the traces of all seeds: the same on every machine and any number of threads. */
  readonly digest: string;
}

/** Enough that messages cost nothing; a short sweep takes smaller blocks, so that every thread has some. */
const blockSeedsMax = 8;

/** Judges all seeds, or up to the lowest that fails. */
export async function sweepSeeds(options: SweepOptions): Promise<SweepResult> {
  const totals: SweepTotals = {
    seeds: 0,
    operations: 0,
    acknowledged: 0,
    faults: 0,
    virtualMicros: 0,
    repeated: 0,
    sometimes: new Sometimes(),
  };
  const hashes = new Map<number, string>();
  const end = options.from + options.seeds;
  let next = options.from;
  let failure: SeedReport | undefined;
  const take = (report: SeedReport): void => {
    add(totals, report);
    hashes.set(report.seed, report.traceHash);
    const judged = withRepetition(report);
    if (judged.broken.length > 0 && report.seed < (failure?.seed ?? Infinity)) failure = judged;
    options.onProgress?.(totals);
  };
  const blockSeeds = Math.min(blockSeedsMax, Math.ceil(options.seeds / (4 * options.jobs)));
  const work = async (runner: Pick<SeedRunner, 'run'>): Promise<void> => {
    while (failure === undefined && next < end && performance.now() < options.deadlineMs) {
      const from = next;
      const count = Math.min(blockSeeds, end - from);
      next += count;
      await runner.run({ from, count, plan: options.plan, twiceOneIn: options.twiceOneIn }, take);
    }
  };
  const jobs = Math.min(options.jobs, options.seeds);
  const newRunner = options.newRunner ?? ((): SeedRunner => new SeedRunner());
  const runners = Array.from({ length: jobs }, newRunner);
  await Promise.all(runners.map(work));
  await Promise.all(runners.map((runner) => runner.stop()));
  return { totals, failure, digest: digestOf(hashes) };
}

function add(totals: SweepTotals, report: SeedReport): void {
  totals.seeds += 1;
  totals.operations += report.operations;
  totals.acknowledged += report.acknowledged;
  totals.faults += report.faults;
  totals.virtualMicros += report.virtualMicros;
  totals.repeated += report.secondTraceHash === undefined ? 0 : 1;
  for (const [name, count] of report.counts) totals.sometimes.count(name, count);
}

/** That one seed is one history is a promise too. */
function withRepetition(report: SeedReport): SeedReport {
  const { traceHash, secondTraceHash, broken } = report;
  if (secondTraceHash === undefined || secondTraceHash === traceHash) return report;
  const message = `trace ${traceHash}, then ${secondTraceHash}: something outside of the simulation leaks in`;
  return { ...report, broken: [...broken, { promise: 'one-seed-is-one-history', key: undefined, message }] };
}

function digestOf(hashes: ReadonlyMap<number, string>): string {
  const digest = createHash('sha256');
  for (const [seed, hash] of [...hashes].toSorted(([left], [right]) => left - right)) {
    digest.update(`${seed} ${hash}\n`);
  }
  return digest.digest('hex').slice(0, 16);
}
