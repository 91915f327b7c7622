/**
 * Draws the plan of a run from its seed.
 *
 * Swarm testing (Groce et al., ISSTA 2012): each run switches kinds of faults on or off, because a mix of
 * everything hides what needs much of one and none of another.
 */

import { defaultTiming, type Durability, type QuorumSettings } from '../core/config.ts';
import { ordinaryDisk } from './disk-latency.ts';
import { healthyLink, type LinkConditions } from './sim-network.ts';
import type { SimRandom } from './sim-random.ts';
import { frailNodesMax, type FaultKinds, type SwarmPlan, type Workload } from './swarm-plan.ts';
import { uniqueValueBytesMin } from './unique-value.ts';

const dayMs = 86_400_000;

/** Draws the plan of a run of `durable-writes`. */
export function drawPlan(random: SimRandom): SwarmPlan {
  // Mostly three: there every node is an owner, and bugs have nowhere to hide.
  const nodes = random.pick([3, 3, 3, 3, 3, 3, 1, 2, 4, 5, 6, 7, 8, 9]);
  const quorum = drawQuorum(random, Math.min(nodes, random.pick([3, 3, 5])));
  const frailNodes = random.below(4) === 0 ? frailNodesMax(quorum) : 0;
  const durability = drawDurability(random);
  return {
    scenario: 'durable-writes',
    nodes,
    zones: drawZones(random.fork('zones'), nodes),
    partitions: random.pick([1, 4, 16]),
    quorum,
    quorumMode: random.below(4) === 0 ? 'strict' : 'sloppy',
    durability,
    timing: {
      ...defaultTiming,
      requestTimeoutMs: random.pick([200, 500, 2_000]),
      hintRetryMsMax: random.pick([400, 2_000, 10_000]),
      // Deletes are forgotten in a scenario of their own: the checkers here want every tombstone to stay.
      floorMs: dayMs,
      floorLagMs: dayMs,
    },
    // A stream of its own: plans of seeds stay what they were.
    hintedHandoff: random.fork('hints').below(6) !== 0,
    workload: drawWorkload(random),
    conditions: drawConditions(random),
    disk: random.below(4) === 0 ? { ...ordinaryDisk, syncMicrosMax: 30_000 } : ordinaryDisk,
    clockOffsetMsMax: random.pick([0, 20, 200]),
    clockDriftPerMillionMax: random.pick([0, 50, 1_000]),
    faults: drawFaults(random, { frailNodes, durability }),
    frailNodes,
    faultPauseMicros: random.pick([500_000, 1_000_000, 3_000_000, 10_000_000]),
    restartMicrosMax: random.pick([20_000, 500_000, 3_000_000]),
    segmentBytesMax: random.pick([4_096, 16_384, 65_536]),
    checkpointAfterBytes: random.pick([4_096, 32_768, 1_048_576]),
    // A stream of its own, as for hints.
    compactionDeadBytesMin: random.fork('compaction').pick([0, 0, 8_192, 65_536]),
    logTailBytes: random.fork('tail').pick([0, 2_048, 8_192]),
  };
}

/** Mostly each node stands alone; a stream of its own, so that plans of other seeds stay what they were. */
function drawZones(random: SimRandom, nodes: number): number {
  return nodes >= 4 && random.below(3) === 0 ? random.between(2, nodes - 1) : 1;
}

/** Any quorum whose reads and writes overlap, mostly the ordinary one. */
function drawQuorum(random: SimRandom, n: number): QuorumSettings {
  const r = random.below(2) === 0 ? Math.ceil((n + 1) / 2) : random.between(1, n);
  const w = random.between(n - r + 1, random.below(2) === 0 ? n : n - r + 1);
  return { n, r, w };
}

function drawDurability(random: SimRandom): Durability {
  const kind = random.below(12);
  if (kind === 0) return { mode: 'never' };
  return kind < 3 ? { mode: 'interval', intervalMs: random.pick([20, 200, 1_000]) } : { mode: 'always' };
}

function drawWorkload(random: SimRandom): Workload {
  const isLarge = random.below(8) === 0;
  const clients = random.pick([2, 4, 8, 16]);
  return {
    clients,
    operationsPerClient: Math.ceil(random.between(300, 600) / clients),
    keys: random.pick([1, 3, 8, 30]),
    zipfExponent: random.pick([0, 1, 1, 2]),
    putPerMillion: random.pick([150_000, 300_000, 500_000, 800_000]),
    deletePerMillion: random.pick([0, 50_000, 150_000]),
    valueBytesMin: uniqueValueBytesMin,
    valueBytesMax: isLarge ? 20_000 : 400,
    expiryPerMillion: random.pick([0, 0, 200_000, 600_000]),
    expiryMsMax: random.pick([300, 3_000, 30_000]),
    contextPerMillion: random.pick([0, 500_000, 1_000_000]),
    burstMax: random.pick([1, 5, 20]),
    pauseMicrosMax: random.pick([50_000, 500_000, 1_500_000]),
    // A stream of its own, too.
    pipelinePerMillion: random.fork('pipelines').pick([0, 100_000, 400_000]),
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

function drawFaults(
  random: SimRandom,
  { frailNodes, durability }: { readonly frailNodes: number; readonly durability: Durability },
): FaultKinds {
  const on = (): boolean => random.below(2) === 0;
  // One run in four has no crashes at all: there hints alone must bring all replicas together.
  const crash = random.below(4) === 0 ? (): boolean => false : on;
  // What a failing sync gives up is outside of what the weaker levels promise.
  const canFail = durability.mode === 'always';
  return {
    kills: crash(),
    powerLosses: crash(),
    powerLossesOfAll: crash(),
    armedCrashes: crash(),
    gracefulRestarts: crash() && on(),
    rollingRestarts: crash() && random.below(4) === 0,
    tornWrites: on(),
    partitions: on(),
    oneWayPartitions: random.below(4) === 0,
    slowLinks: on(),
    slowOwners: random.below(4) === 0,
    resets: on(),
    pauses: random.below(4) === 0,
    slowDisks: random.below(4) === 0,
    diskErrors: crash() && on() && canFail,
    readErrors: crash() && on() && canFail,
    fullDisks: crash() && on() && canFail,
    clockJumps: on(),
    clockSteps: random.below(8) === 0,
    bitRot: frailNodes > 0 && on(),
    oldDisks: frailNodes > 0 && on(),
    emptyDisks: frailNodes > 0 && on(),
    // Never drawn: a plan of its own switches it on.
    lyingSyncs: false,
  };
}
