/**
 * What a seed's run looks like: cluster, quorum, workload, and which kinds of faults are on at all.
 *
 * Swarm testing (Groce et al., ISSTA 2012): each run switches kinds of faults on or off, because a mix of
 * everything hides what needs much of one and none of another.
 */

import { defaultTiming, type NodeConfig, type QuorumSettings, type Timing } from '../core/config.ts';
import { uniqueValueBytesMin } from './unique-value.ts';
import { healthyLink, type LinkConditions } from './sim-network.ts';
import { ordinaryDisk, type DiskLatency } from './disk-latency.ts';
import type { SimRandom } from './sim-random.ts';

export interface Workload {
  readonly clients: number;
  readonly operationsPerClient: number;
  readonly keys: number;
  readonly putPerMillion: number;
  readonly deletePerMillion: number;
  readonly valueBytesMin: number;
  readonly valueBytesMax: number;
  /** Writes that name the newest version their client has seen of the key. */
  readonly contextPerMillion: number;
  /** Operations that follow each other at once, before a client pauses. */
  readonly burstMax: number;
  readonly pauseMicrosMax: number;
}

/** Which kinds of faults a run has. */
export interface FaultKinds {
  readonly kills: boolean;
  readonly powerLosses: boolean;
  readonly powerLossesOfAll: boolean;
  /** Crashes in the midst of code, before some disk operation or send. */
  readonly armedCrashes: boolean;
  /** Power losses tear unsynced writes instead of dropping them all. */
  readonly tornWrites: boolean;
  readonly partitions: boolean;
  readonly oneWayPartitions: boolean;
  /** Single links are much slower than the others for a while: writes reach some owners late. */
  readonly slowLinks: boolean;
  readonly resets: boolean;
  readonly pauses: boolean;
  readonly slowDisks: boolean;
  /** Writes and syncs fail now and then; a store whose sync failed ends its process. */
  readonly diskErrors: boolean;
  /** Disks are full for a while. */
  readonly fullDisks: boolean;
  readonly gracefulRestarts: boolean;
  /** Wall clocks are set forwards and backwards, within what nodes tolerate of each other. */
  readonly clockJumps: boolean;
}

export interface SwarmPlan {
  readonly nodes: number;
  readonly partitions: number;
  readonly quorum: QuorumSettings;
  readonly quorumMode: NodeConfig['quorumMode'];
  readonly timing: Timing;
  readonly workload: Workload;
  readonly conditions: LinkConditions;
  readonly disk: DiskLatency;
  readonly clockOffsetMsMax: number;
  readonly clockDriftPerMillionMax: number;
  readonly faults: FaultKinds;
  /** Mean pause between two faults of one kind. */
  readonly faultPauseMicros: number;
  readonly restartMicrosMax: number;
  /** Log segments are this small, so that rotation, compaction and checkpoints happen in every run. */
  readonly segmentBytesMax: number;
  readonly checkpointAfterBytes: number;
}

/** Draws the plan of a run. */
export function drawPlan(random: SimRandom): SwarmPlan {
  const nodes = random.pick([3, 3, 3, 3, 3, 1, 2, 4, 5]);
  return {
    nodes,
    partitions: random.pick([1, 4, 16]),
    quorum: drawQuorum(random, Math.min(nodes, 3)),
    quorumMode: random.below(4) === 0 ? 'strict' : 'sloppy',
    timing: {
      ...defaultTiming,
      requestTimeoutMs: random.pick([200, 500, 2_000]),
      hintRetryMsMax: random.pick([400, 2_000, 10_000]),
    },
    workload: drawWorkload(random),
    conditions: drawConditions(random),
    disk: random.below(4) === 0 ? { ...ordinaryDisk, syncMicrosMax: 30_000 } : ordinaryDisk,
    clockOffsetMsMax: random.pick([0, 20, 200]),
    clockDriftPerMillionMax: random.pick([0, 50, 1_000]),
    faults: drawFaults(random),
    faultPauseMicros: random.pick([500_000, 1_000_000, 3_000_000, 10_000_000]),
    restartMicrosMax: random.pick([20_000, 500_000, 3_000_000]),
    segmentBytesMax: random.pick([4_096, 16_384, 65_536]),
    checkpointAfterBytes: random.pick([4_096, 32_768, 1_048_576]),
  };
}

/** Any quorum whose reads and writes overlap, mostly the ordinary one. */
function drawQuorum(random: SimRandom, n: number): QuorumSettings {
  const r = random.below(2) === 0 ? Math.ceil((n + 1) / 2) : random.between(1, n);
  const w = random.between(n - r + 1, random.below(2) === 0 ? n : n - r + 1);
  return { n, r, w };
}

function drawWorkload(random: SimRandom): Workload {
  const isLarge = random.below(8) === 0;
  const clients = random.pick([2, 4, 8, 16]);
  return {
    clients,
    operationsPerClient: Math.ceil(random.between(300, 600) / clients),
    keys: random.pick([1, 3, 8, 30]),
    putPerMillion: random.pick([150_000, 300_000, 500_000, 800_000]),
    deletePerMillion: random.pick([0, 50_000, 150_000]),
    valueBytesMin: uniqueValueBytesMin,
    valueBytesMax: isLarge ? 20_000 : 400,
    contextPerMillion: random.pick([0, 500_000, 1_000_000]),
    burstMax: random.pick([1, 5, 20]),
    pauseMicrosMax: random.pick([50_000, 500_000, 1_500_000]),
  };
}

function drawConditions(random: SimRandom): LinkConditions {
  const sometimes = (perMillion: number): number => (random.below(2) === 0 ? perMillion : 0);
  return {
    delayMicrosMin: healthyLink.delayMicrosMin,
    delayMicrosMax: random.pick([500, 5_000, 60_000]),
    lossPerMillion: sometimes(random.pick([5_000, 50_000, 200_000])),
    duplicatePerMillion: sometimes(50_000),
    reorderPerMillion: sometimes(100_000),
    refusePerMillion: sometimes(10_000),
  };
}

function drawFaults(random: SimRandom): FaultKinds {
  const on = (): boolean => random.below(2) === 0;
  // One run in four has no crashes at all: there hints alone must bring all replicas together.
  const crash = random.below(4) === 0 ? (): boolean => false : on;
  return {
    kills: crash(),
    powerLosses: crash(),
    powerLossesOfAll: crash(),
    armedCrashes: crash(),
    gracefulRestarts: crash() && on(),
    tornWrites: on(),
    partitions: on(),
    oneWayPartitions: random.below(4) === 0,
    slowLinks: on(),
    resets: on(),
    pauses: random.below(4) === 0,
    slowDisks: random.below(4) === 0,
    diskErrors: crash() && on(),
    fullDisks: crash() && on(),
    clockJumps: on(),
  };
}

/** Whether any process ends before its time, or can't keep what it is to keep, in such a run. */
export function hasCrashes(faults: FaultKinds): boolean {
  return (
    faults.kills ||
    faults.powerLosses ||
    faults.powerLossesOfAll ||
    faults.armedCrashes ||
    faults.diskErrors ||
    faults.fullDisks ||
    faults.gracefulRestarts
  );
}
