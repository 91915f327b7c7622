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
import type { SwarmPlan } from './swarm-plan.ts';
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
  /** What is played; `durable-writes` unless told. */
  readonly scenario?: ScenarioName | undefined;
  readonly narrator?: Narrator | undefined;
  readonly traceLog?: TraceLog | undefined;
  /** Filled with all that clients did and were told. */
  readonly history?: History | undefined;
}

/** What the swarm of seeds can play. */
export const scenarioNames = ['durable-writes', 'deletes-stay'] as const;
export type ScenarioName = (typeof scenarioNames)[number];

const scenarios = { 'durable-writes': durableWrites, 'deletes-stay': deletesStayScenario } as const;

/** The plan that a seed draws for a scenario. */
export function planOfSeed(seed: number, scenario: ScenarioName = 'durable-writes'): SwarmPlan {
  const plan = drawPlan(new SimRandom(seed).fork('plan'));
  return scenario === 'deletes-stay' ? withFloors(plan) : plan;
}

/** Runs one seed; call it from a macrotask. What the run throws is a broken promise too. */
export function judgeSeed(seed: number, options: SeedOptions = {}): SeedVerdict {
  const { narrator, traceLog, scenario = 'durable-writes', history = new History() } = options;
  const plan = options.plan ?? planOfSeed(seed, scenario);
  const sometimes = new Sometimes();
  try {
    const { result, traceHash, virtualMicros } = simulate({ seed, narrator, traceLog, sometimes }, (world) =>
      scenarios[scenario](world, plan, logStoreOf(plan), history),
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
    });
}
