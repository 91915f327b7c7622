/**
 * A scenario as a JSON file: the seed and the plan of one simulated run, so that it can be kept, changed and run
 * again although plans may be drawn otherwise by then.
 *
 * Checked as strictly as `nodes.json`: a misspelt fault that is ignored is a fault that never happens. Only what
 * came later than the oldest files may be missing, kinds of faults first of all, and is then off.
 */

import { readFile, stat } from 'node:fs/promises';

import { z } from 'zod';

import { defaultTiming } from '../core/config.ts';
import { errorMessageOf, StoreError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import { seedMax } from '../sim/sim-random.ts';
import { frailNodesMax, scenarioNames, type SwarmPlan } from '../sim/swarm-plan.ts';
import { uniqueValueBytesMin } from '../sim/unique-value.ts';
import { problemsOf } from './schema-problems.ts';

export interface Scenario {
  /** Why it is kept, for people. */
  readonly why?: string | undefined;
  readonly seed: number;
  readonly plan: SwarmPlan;
}

const nodesMax = 9;
const hourMs = 3_600_000;
const hourMicros = 1000 * hourMs;

function integer(min: number, max: number): z.ZodInt {
  const error = `must be an integer from ${min} to ${max}`;
  return z.int({ error }).min(min, { error }).max(max, { error });
}

function object<Shape extends z.ZodRawShape>(shape: Shape): z.ZodObject<Shape, z.core.$strict> {
  return z.strictObject(shape, { error: `must be an object with ${Object.keys(shape).join(', ')}` });
}

const perMillion = integer(0, 1_000_000);
const micros = integer(0, hourMicros);
const microsAboveNone = integer(1, hourMicros);
const timeMs = integer(1, hourMs);
const count = integer(1, 100_000);
const fault = z.boolean({ error: 'must be true or false' }).default(false);
const partitionsError = `must be a power of two up to ${limits.partitionsMax}`;

/** How far the keys' share of requests may fall with their rank. */
const zipfExponentMax = 2;
const durabilitySchema = z.discriminatedUnion(
  'mode',
  [
    object({ mode: z.literal('always') }),
    object({ mode: z.literal('interval'), intervalMs: timeMs }),
    object({ mode: z.literal('never') }),
  ],
  { error: 'must be an object with mode: "always", "interval" (and intervalMs) or "never"' },
);

const planSchema = object({
  // Scenarios from before there was another one do not name it.
  scenario: z
    .enum(scenarioNames, { error: `must be one of ${scenarioNames.join(', ')}` })
    .default('durable-writes'),
  nodes: integer(1, nodesMax),
  zones: integer(1, nodesMax).default(1),
  partitions: z
    .int({ error: partitionsError })
    .refine((value) => value >= 1 && value <= limits.partitionsMax && Number.isInteger(Math.log2(value)), {
      error: partitionsError,
    }),
  quorum: object({ n: integer(1, nodesMax), r: integer(1, nodesMax), w: integer(1, nodesMax) }),
  durability: durabilitySchema.default({ mode: 'always' }),
  quorumMode: z.enum(['sloppy', 'strict'], { error: 'must be "sloppy" or "strict"' }),
  timing: object({
    requestTimeoutMs: integer(1, limits.requestTimeoutMsMax),
    hedgeAfterMs: timeMs,
    clockSkewMsMax: timeMs,
    heartbeatMs: timeMs,
    peerDownAfterMs: timeMs,
    hintRetryMsMin: timeMs,
    hintRetryMsMax: timeMs,
    // Scenarios from before anti-entropy do not name it.
    antiEntropyMs: timeMs.default(defaultTiming.antiEntropyMs),
    floorMs: integer(1, 24 * hourMs).default(defaultTiming.floorMs),
    floorLagMs: integer(1, 24 * hourMs).default(defaultTiming.floorLagMs),
  }),
  // Scenarios from before it could be switched off keep hints.
  hintedHandoff: z.boolean({ error: 'must be true or false' }).default(true),
  workload: object({
    clients: count,
    operationsPerClient: count,
    keys: count,
    zipfExponent: integer(0, zipfExponentMax).default(1),
    putPerMillion: perMillion,
    deletePerMillion: perMillion,
    valueBytesMin: integer(uniqueValueBytesMin, 1 << 20),
    valueBytesMax: integer(uniqueValueBytesMin, 1 << 20),
    expiryPerMillion: perMillion.default(0),
    expiryMsMax: timeMs.default(1),
    contextPerMillion: perMillion,
    burstMax: count,
    pauseMicrosMax: micros,
    pipelinePerMillion: perMillion.default(0),
  }),
  conditions: object({
    delayMicrosMin: micros,
    delayMicrosMax: micros,
    lossPerMillion: perMillion,
    duplicatePerMillion: perMillion,
    reorderPerMillion: perMillion,
    refusePerMillion: perMillion,
  }),
  disk: object({ operationMicrosMax: microsAboveNone, syncMicrosMin: micros, syncMicrosMax: micros }),
  clockOffsetMsMax: integer(0, hourMs),
  clockDriftPerMillionMax: integer(0, 100_000),
  faults: object({
    kills: fault,
    powerLosses: fault,
    powerLossesOfAll: fault,
    armedCrashes: fault,
    tornWrites: fault,
    partitions: fault,
    oneWayPartitions: fault,
    slowLinks: fault,
    slowOwners: fault,
    resets: fault,
    pauses: fault,
    slowDisks: fault,
    diskErrors: fault,
    readErrors: fault,
    fullDisks: fault,
    gracefulRestarts: fault,
    rollingRestarts: fault,
    clockJumps: fault,
    clockSteps: fault,
    bitRot: fault,
    oldDisks: fault,
    emptyDisks: fault,
    lyingSyncs: fault,
  }),
  frailNodes: integer(0, nodesMax).default(0),
  faultPauseMicros: microsAboveNone,
  restartMicrosMax: micros,
  segmentBytesMax: integer(1_024, 1 << 30),
  checkpointAfterBytes: integer(1_024, 1 << 30),
  compactionDeadBytesMin: integer(0, 1 << 30).default(0),
  logTailBytes: integer(0, 1 << 30).default(0),
});

const scenarioSchema = object({
  why: z.string({ error: 'must be a text' }).optional(),
  seed: integer(0, seedMax),
  plan: planSchema,
});

/** Reads and checks a file; throws `CONFIG_INVALID` with every problem found. */
export async function readScenarioFile(path: string): Promise<Scenario> {
  let text: string;
  try {
    const { size } = await stat(path);
    if (size > limits.nodesFileBytesMax) {
      throw new Error(`it has ${size} bytes, and at most ${limits.nodesFileBytesMax} are allowed`);
    }
    text = await readFile(path, 'utf8');
  } catch (error) {
    const hint = 'Print one to start from: mini-dynamo simulate --seed 1 --print';
    throw new StoreError('CONFIG_INVALID', `${path} cannot be read: ${errorMessageOf(error)}\n${hint}`, {
      cause: error,
    });
  }
  return parseScenario(text, path);
}

/** Checks the text of a scenario; `path` is only for messages. Throws `CONFIG_INVALID`. */
export function parseScenario(text: string, path: string): Scenario {
  let raw: unknown;
  try {
    raw = JSON.parse(text);
  } catch (error) {
    throw new StoreError('CONFIG_INVALID', `${path} is not JSON: ${errorMessageOf(error)}`, { cause: error });
  }
  const result = scenarioSchema.safeParse(raw);
  const problems = result.success
    ? contradictionsOf(result.data.plan)
    : problemsOf(raw, result.error, fieldsAt);
  if (problems.length > 0 || !result.success) {
    throw new StoreError('CONFIG_INVALID', problems.map((problem) => `${path}: ${problem}`).join('\n'));
  }
  return result.data;
}

/** The text of a scenario file. */
export function formatScenario(scenario: Scenario): string {
  return JSON.stringify(scenario, undefined, 2);
}

/** What fields say together that cannot be meant. */
function contradictionsOf(plan: SwarmPlan): string[] {
  const { nodes, quorum, workload, conditions, disk, faults, frailNodes, durability } = plan;
  const { n, r, w } = quorum;
  const checks: readonly (readonly [isWrong: boolean, problem: string])[] = [
    [n > nodes, `plan.quorum.n is ${n}, but there are ${nodes} nodes`],
    [r > n || w > n, `plan.quorum.r and .w are ${r} and ${w}, but must not be above n, which is ${n}`],
    [
      r + w <= n,
      `plan.quorum.r + w is ${r + w}, but must be above n, which is ${n}: reads would miss writes`,
    ],
    [
      workload.putPerMillion + workload.deletePerMillion > 1_000_000,
      'plan.workload.putPerMillion + deletePerMillion must be at most 1000000',
    ],
    [workload.valueBytesMin > workload.valueBytesMax, 'plan.workload.valueBytesMin is above valueBytesMax'],
    [
      conditions.delayMicrosMin > conditions.delayMicrosMax,
      'plan.conditions.delayMicrosMin is above the max',
    ],
    [
      frailNodes > frailNodesMax(quorum),
      `plan.frailNodes is ${frailNodes}, but with this quorum no more than ${frailNodesMax(quorum)} may lose what was ` +
        'durable: fewer than w, and reads need others to answer',
    ],
    [
      (faults.bitRot || faults.oldDisks || faults.emptyDisks || faults.lyingSyncs) && frailNodes === 0,
      'plan.faults.bitRot, .oldDisks, .emptyDisks and .lyingSyncs strike frail nodes, and plan.frailNodes is 0',
    ],
    [
      durability.mode !== 'always' && (faults.diskErrors || faults.readErrors || faults.fullDisks),
      `plan.durability ${durability.mode} promises nothing on disks that fail: switch off diskErrors, readErrors, fullDisks`,
    ],
    [disk.syncMicrosMin > disk.syncMicrosMax, 'plan.disk.syncMicrosMin is above syncMicrosMax'],
  ];
  return checks.filter(([isWrong]) => isWrong).map(([, problem]) => problem);
}

function fieldsAt(path: readonly PropertyKey[]): string[] {
  let schema: unknown = scenarioSchema;
  for (const step of path) schema = schema instanceof z.ZodObject ? schema.shape[String(step)] : undefined;
  return schema instanceof z.ZodObject ? Object.keys(schema.shape) : [];
}
