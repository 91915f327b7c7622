/**
 * `mini-dynamo/simulation`: test your own code against a cluster that loses nodes.
 *
 *   import { simulate } from 'mini-dynamo/simulation';
 *
 *   const { result } = await simulate(7, { nodes: 3 }, async (cluster) => {
 *     const client = cluster.client();
 *     await client.put('cart', 'one apple');
 *     cluster.crash('n1');
 *     return (await client.get('cart')).text;
 *   });
 *
 * The nodes are the store's own code over simulated clocks, networks and disks. Time is virtual: an hour passes in
 * the time its events take. The whole run is one synchronous call, so one seed is one history, and a failure
 * comes back with its seed. For the same reason the story may only wait for what the cluster gives it: timers, real
 * I/O, `Date.now` and `Math.random` throw inside (use `cluster.sleep`, `nowMs` and `random`).
 */

import { defaultTiming, partitionsFor, type Timing } from '../core/config.ts';
import { crc32 } from '../core/crc32.ts';
import { StoreError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import { openLogStore } from '../storage/log-store.ts';
import { inMacrotask } from './drain.ts';
import { History } from './history.ts';
import { memberNamed } from './planned-cluster.ts';
import { SimClient } from './sim-client.ts';
import { SimCluster } from './sim-cluster.ts';
import { SimulatedCluster } from './simulated-cluster.ts';
import { simulate as simulateWorld, type World } from './simulation.ts';
import { TraceLog } from './trace-log.ts';

export type { SimulatedClient, SimulatedRead, SimulatedWrite } from './simulated-client.ts';
export type { SimulatedCluster } from './simulated-cluster.ts';

/** The cluster of a simulation; what is left out is as in `nodes.json`. */
export interface SimulationOptions {
  /** Nodes named `n1`, `n2`, …; 3 unless told, at most 9. */
  readonly nodes?: number;
  /** Replicas of each key; 3 unless told, or as many as there are nodes. */
  readonly n?: number;
  /** Replicas that must answer a read; a majority of `n` unless told. */
  readonly r?: number;
  /** Replicas that must have a write durable; a majority of `n` unless told. */
  readonly w?: number;
  /** `strict` lets owners only count toward W; `sloppy` unless told. */
  readonly quorumMode?: 'sloppy' | 'strict';
  readonly timing?: Partial<Timing>;
  /** Gets a JSON line for each thing that happens (docs/simulation.md). */
  readonly onTrace?: (line: string) => void;
}

/** How a simulation went. */
export interface SimulationOutcome<Result> {
  readonly result: Result;
  readonly seed: number;
  /** The same for every run of the same seed, story and version of the store. */
  readonly traceHash: string;
  readonly virtualMs: number;
}

const nodesMax = 9;
/** A node may have to wait a second for its own clock. */
const startWithinMicros = 30_000_000;
const connectWithinMicros = 30_000_000;

/**
 * Runs a story on a cluster that is up and connected. Resolves with what the story returned; rejects with what
 * it threw, with the seed in the message, or with a `StoreError` when it waits for something that never comes.
 */
export async function simulate<Result>(
  seed: number,
  options: SimulationOptions,
  story: (cluster: SimulatedCluster) => Promise<Result>,
): Promise<SimulationOutcome<Result>> {
  const settings = settingsOf(options);
  const traceLog = options.onTrace === undefined ? undefined : new TraceLog(options.onTrace);
  const body = async (world: World): Promise<Result> => {
    const cluster = await startCluster(world, settings);
    const client = new SimClient({ world, history: new History(), random: world.random.fork('client') });
    return await story(new SimulatedCluster({ world, cluster, client }));
  };
  try {
    const run = await inMacrotask(() => simulateWorld({ seed, traceLog }, body));
    return {
      result: run.result,
      seed,
      traceHash: run.traceHash,
      virtualMs: run.virtualMicros / 1000,
    };
  } catch (error) {
    if (error instanceof Error) error.message = `${error.message} (simulation seed ${seed})`;
    throw error;
  }
}

interface Settings {
  readonly nodes: number;
  readonly quorum: { readonly n: number; readonly r: number; readonly w: number };
  readonly quorumMode: 'sloppy' | 'strict';
  readonly timing: Timing;
}

function settingsOf(options: SimulationOptions): Settings {
  const { nodes = 3, quorumMode = 'sloppy' } = options;
  const n = options.n ?? Math.min(nodes, 3);
  const majority = Math.floor(n / 2) + 1;
  const { r = majority, w = majority } = options;
  const check = (name: string, value: number, max: number): void => {
    if (Number.isSafeInteger(value) && value >= 1 && value <= max) return;
    throw new StoreError('CONFIG_INVALID', `${name} is ${value}, but must be an integer from 1 to ${max}`);
  };
  check('nodes', nodes, nodesMax);
  check('n', n, nodes);
  check('r', r, n);
  check('w', w, n);
  return { nodes, quorum: { n, r, w }, quorumMode, timing: { ...defaultTiming, ...options.timing } };
}

async function startCluster(world: World, settings: Settings): Promise<SimCluster> {
  const { nodes, quorum, quorumMode, timing } = settings;
  const cluster = new SimCluster(world, {
    members: Array.from({ length: nodes }, (_, index) => memberNamed(`n${index + 1}`)),
    config: {
      clusterName: 'simulated',
      partitions: partitionsFor(nodes, 16),
      quorum,
      quorumMode,
      valueBytesMax: limits.valueBytesDefault,
      timing,
    },
    openStore: ({ config, ...ports }) =>
      openLogStore({
        ...ports,
        checksum: crc32,
        partitions: config.partitions,
        durability: { mode: 'always' },
        valueBytesMax: config.valueBytesMax,
      }),
  });
  const isUp = await cluster.startAll(startWithinMicros);
  const isConnected = (): boolean =>
    cluster.nodes.every((node) => node.api?.peers().every((peer) => peer.up) === true);
  if (!isUp || !(await cluster.waitUntil(isConnected, connectWithinMicros))) {
    throw new StoreError('INTERNAL', `the cluster did not start: ${cluster.failedStarts.join('; ')}`);
  }
  return cluster;
}
