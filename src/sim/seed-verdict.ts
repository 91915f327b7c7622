/**
 * One seed, from its number to its verdict.
 */

import { crc32 } from '../core/crc32.ts';
import { errorMessageOf } from '../core/errors.ts';
import { openLogStore } from '../storage/log-store.ts';
import type { BrokenPromise } from './checkers/broken-promise.ts';
import { drawPlan } from './draw-plan.ts';
import { History } from './history.ts';
import type { Narrator } from './narrator.ts';
import { deletesStayScenario, withFloors } from './scenarios/deletes-stay.ts';
import { durableWrites, type ScenarioReport } from './scenarios/durable-writes.ts';
import type { OpenStore } from './sim-node.ts';
import { SimRandom } from './sim-random.ts';
import { simulate } from './simulation.ts';
import { Sometimes } from './sometimes.ts';
import type { ScenarioName, SwarmPlan } from './swarm-plan.ts';
import type { TraceLog } from './trace-log.ts';

export interface SeedVerdict extends ScenarioReport {
  readonly seed: number;
  /** Empty when the run did not end. */
  readonly traceHash: string;
  readonly virtualMicros: number;
  readonly sometimes: Sometimes;
}

export interface SeedOptions {
  /** Instead of the plan that the seed draws; with that very plan the run is the same. */
  readonly plan?: SwarmPlan | undefined;
  readonly narrator?: Narrator | undefined;
  readonly traceLog?: TraceLog | undefined;
  /** Filled with all that clients did and were told. */
  readonly history?: History | undefined;
}

const scenarios = { 'durable-writes': durableWrites, 'deletes-stay': deletesStayScenario } as const;

/** One seed in so many plays `deletes-stay`. */
const deletesStayOneIn = 4;

/** The plan that a seed draws, and with it the scenario, unless one is named. */
export function planOfSeed(seed: number, scenario?: ScenarioName): SwarmPlan {
  const random = new SimRandom(seed);
  const plan = drawPlan(random.fork('plan'));
  const drawn = random.fork('scenario').below(deletesStayOneIn) === 0 ? 'deletes-stay' : 'durable-writes';
  return (scenario ?? drawn) === 'deletes-stay' ? withFloors(plan) : plan;
}

/** Runs one seed; call it from a macrotask. What the run throws is a broken promise too. */
export function judgeSeed(seed: number, options: SeedOptions = {}): SeedVerdict {
  const { narrator, traceLog, history = new History() } = options;
  const plan = options.plan ?? planOfSeed(seed);
  const sometimes = new Sometimes();
  try {
    const { result, traceHash, virtualMicros } = simulate({ seed, narrator, traceLog, sometimes }, (world) =>
      scenarios[plan.scenario](world, plan, logStoreOf(plan), history),
    );
    return { seed, traceHash, virtualMicros, sometimes, ...result };
  } catch (error) {
    const stack = error instanceof Error ? (error.stack ?? '') : '';
    const message = `${errorMessageOf(error)}\n${stack}`;
    const broken: BrokenPromise[] = [{ promise: 'the-run-ends-well', key: undefined, message }];
    const nothing: ScenarioReport = { broken, operations: 0, acknowledged: 0, faults: 0 };
    return { seed, traceHash: '', virtualMicros: 0, sometimes, ...nothing };
  }
}

/** Opens log-structured stores with the sizes of a plan. */
export function logStoreOf(plan: SwarmPlan): OpenStore {
  return ({ config, disk, clock, random, observer, onFailed }) =>
    openLogStore({
      onFailed,
      disk,
      clock,
      random,
      observer,
      checksum: crc32,
      partitions: config.partitions,
      durability: plan.durability,
      valueBytesMax: config.valueBytesMax,
      segmentBytesMax: plan.segmentBytesMax,
      checkpointAfterBytes: plan.checkpointAfterBytes,
      compactionDeadBytesMin: plan.compactionDeadBytesMin,
      tailBytes: plan.logTailBytes,
    });
}
