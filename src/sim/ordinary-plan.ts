/**
 * The plan that rates are measured with: five nodes, an ordinary workload, and a fault of some kind every second or so.
 */

import { defaultTiming } from '../core/config.ts';
import { ordinaryDisk } from './disk-latency.ts';
import { healthyLink } from './sim-network.ts';
import { noFaults, type SwarmPlan } from './swarm-plan.ts';
import { uniqueValueBytesMin } from './unique-value.ts';

export const ordinaryPlan: SwarmPlan = {
  scenario: 'durable-writes',
  nodes: 5,
  zones: 1,
  partitions: 16,
  quorum: { n: 3, r: 2, w: 2 },
  quorumMode: 'sloppy',
  durability: { mode: 'always' },
  timing: defaultTiming,
  hintedHandoff: true,
  workload: {
    clients: 8,
    operationsPerClient: 100,
    keys: 30,
    zipfExponent: 1,
    putPerMillion: 400_000,
    deletePerMillion: 50_000,
    valueBytesMin: uniqueValueBytesMin,
    valueBytesMax: 400,
    expiryPerMillion: 50_000,
    expiryMsMax: 10_000,
    contextPerMillion: 500_000,
    burstMax: 5,
    pauseMicrosMax: 2_000_000,
    pipelinePerMillion: 100_000,
  },
  conditions: healthyLink,
  disk: ordinaryDisk,
  clockOffsetMsMax: 20,
  clockDriftPerMillionMax: 50,
  faults: { ...noFaults, kills: true, powerLosses: true, tornWrites: true, partitions: true, resets: true },
  frailNodes: 0,
  faultPauseMicros: 3_000_000,
  restartMicrosMax: 3_000_000,
  segmentBytesMax: 65_536,
  checkpointAfterBytes: 32_768,
  compactionDeadBytesMin: 0,
  logTailBytes: 8_192,
};
