/**
 * What a run looks like: cluster, quorum, workload, and which kinds of faults are on at all. `draw-plan.ts` draws one
 * from a seed; a scenario file holds one.
 */

import type { Durability, NodeConfig, QuorumSettings, Timing } from '../core/config.ts';
import type { DiskLatency } from './disk-latency.ts';
import type { LinkConditions } from './sim-network.ts';

export interface Workload {
  readonly clients: number;
  readonly operationsPerClient: number;
  readonly keys: number;
  /** How unequal keys are: the i-th is asked for i^exponent times less often than the first. */
  readonly zipfExponent: number;
  readonly putPerMillion: number;
  readonly deletePerMillion: number;
  readonly valueBytesMin: number;
  readonly valueBytesMax: number;
  /** Puts whose value expires, after up to so long. */
  readonly expiryPerMillion: number;
  readonly expiryMsMax: number;
  /** Writes that name the newest version their client has seen of the key. */
  readonly contextPerMillion: number;
  /** Operations that follow each other at once, before a client pauses. */
  readonly burstMax: number;
  readonly pauseMicrosMax: number;
  /** Steps at which a client sends several requests, of as many keys, to one node at once. */
  readonly pipelinePerMillion: number;
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
  /** All links of one node are slow for a while, as of a machine that is overloaded. */
  readonly slowOwners: boolean;
  /** Connections end at any time, also in the midst of a frame. */
  readonly resets: boolean;
  readonly pauses: boolean;
  readonly slowDisks: boolean;
  /** Writes and syncs fail now and then; a store whose sync failed ends its process. */
  readonly diskErrors: boolean;
  /** Reads fail, once or for a while. */
  readonly readErrors: boolean;
  /** Disks are full for a while. */
  readonly fullDisks: boolean;
  readonly gracefulRestarts: boolean;
  /** All nodes are restarted one after the other, as an upgrade does. */
  readonly rollingRestarts: boolean;
  /** Wall clocks are set forwards and backwards, within what nodes tolerate of each other. */
  readonly clockJumps: boolean;
  /** Wall clocks are set hours forwards and backwards, and right again after a while. */
  readonly clockSteps: boolean;
  /** Bits flip in the durable log and checkpoints of frail nodes. */
  readonly bitRot: boolean;
  /** Frail nodes come back with an older state of their disk, as from a backup. */
  readonly oldDisks: boolean;
  /** Frail nodes come back with an empty disk. */
  readonly emptyDisks: boolean;
  /** Syncs of frail nodes succeed and make nothing durable. */
  readonly lyingSyncs: boolean;
}

/** What a run can play. */
export const scenarioNames = ['durable-writes', 'deletes-stay'] as const;
export type ScenarioName = (typeof scenarioNames)[number];

export interface SwarmPlan {
  readonly scenario: ScenarioName;
  readonly nodes: number;
  /** Machines that the nodes are dealt out to in turn; 1 where nobody knows of any. */
  readonly zones: number;
  readonly partitions: number;
  readonly quorum: QuorumSettings;
  readonly quorumMode: NodeConfig['quorumMode'];
  readonly durability: Durability;
  readonly timing: Timing;
  /** Without hints anti-entropy alone makes up for what an owner missed. */
  readonly hintedHandoff: boolean;
  readonly workload: Workload;
  readonly conditions: LinkConditions;
  readonly disk: DiskLatency;
  readonly clockOffsetMsMax: number;
  readonly clockDriftPerMillionMax: number;
  readonly faults: FaultKinds;
  /** The first so many nodes have disks that may lose what was durable: fewer than W, or no promise holds. */
  readonly frailNodes: number;
  /** Mean pause between two faults of one kind. */
  readonly faultPauseMicros: number;
  readonly restartMicrosMax: number;
  /** Log segments are this small, so that rotation, compaction and checkpoints happen in every run. */
  readonly segmentBytesMax: number;
  readonly checkpointAfterBytes: number;
  /** Dead bytes that are let grow before a log is compacted for them. */
  readonly compactionDeadBytesMin: number;
  /** Of the end of each log in memory: 0, or so little that it is overwritten all the time. */
  readonly logTailBytes: number;
}

/** No fault of any kind. */
export const noFaults: FaultKinds = {
  kills: false,
  powerLosses: false,
  powerLossesOfAll: false,
  armedCrashes: false,
  tornWrites: false,
  partitions: false,
  oneWayPartitions: false,
  slowLinks: false,
  slowOwners: false,
  resets: false,
  pauses: false,
  slowDisks: false,
  diskErrors: false,
  readErrors: false,
  fullDisks: false,
  gracefulRestarts: false,
  rollingRestarts: false,
  clockJumps: false,
  clockSteps: false,
  bitRot: false,
  oldDisks: false,
  emptyDisks: false,
  lyingSyncs: false,
};

/**
 * How many disks may lose what was durable while a cluster keeps all its promises: fewer than W hold any write
 * then, and as many nodes as a read needs, and more than are frail, can still vouch for what they hold.
 */
export function frailNodesMax({ n, r, w }: QuorumSettings): number {
  return Math.max(0, Math.min(w - 1, n - r, Math.floor((n - 1) / 2)));
}

/** Whether disks lose what was durable; only those of frail nodes ever do. */
export function losesDurableBytes(plan: SwarmPlan): boolean {
  const { bitRot, oldDisks, emptyDisks, lyingSyncs } = plan.faults;
  return plan.frailNodes > 0 && (bitRot || oldDisks || emptyDisks || lyingSyncs);
}

/** Whether a power cut may take what was acknowledged, as `interval` and `never` allow. */
export function powerTakesWrites(plan: SwarmPlan): boolean {
  const { powerLosses, powerLossesOfAll, armedCrashes } = plan.faults;
  return plan.durability.mode !== 'always' && (powerLosses || powerLossesOfAll || armedCrashes);
}
