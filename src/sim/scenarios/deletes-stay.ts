/**
 * Deletes are forgotten, and stay: clients put, delete and let expire while the stability floor rises every few
 * hundred milliseconds; nodes crash, networks misbehave; one node is away for a hundred floor periods, and comes
 * back with its own disk or, where a disk may be lost, with one from an earlier life.
 *
 * Quorums are strict and meet. In the end all is mended, the floor passes the last write, and what the disks still
 * have of deleted keys is looked for.
 */

import { limits } from '../../core/limits.ts';
import { acknowledgedWritesSurvive } from '../checkers/acknowledged-writes-survive.ts';
import { deletesStay } from '../checkers/deletes-stay.ts';
import { everythingIsServed } from '../checkers/everything-is-served.ts';
import { readsNeverGoBack } from '../checkers/reads-never-go-back.ts';
import { replicasConverge } from '../checkers/replicas-converge.ts';
import { tombstonesGo, type TombstonesOfNode } from '../checkers/tombstones-go.ts';
import { FaultInjector } from '../fault-injector.ts';
import { withForgottenDeletes } from '../forgotten-deletes.ts';
import { sumsOf } from '../held-by-nodes.ts';
import type { History, ReadOperation } from '../history.ts';
import { plannedCluster } from '../planned-cluster.ts';
import { SimClient } from '../sim-client.ts';
import type { SimCluster } from '../sim-cluster.ts';
import type { DiskSnapshot } from '../sim-disk.ts';
import type { OpenStore, SimNode } from '../sim-node.ts';
import type { SimRandom } from '../sim-random.ts';
import type { World } from '../simulation.ts';
import { frailNodesMax, type SwarmPlan } from '../swarm-plan.ts';
import { keyName, runWorkload } from '../workload.ts';
import type { ScenarioReport } from './durable-writes.ts';
import { withStrictQuorums } from './one-register.ts';

/** Counters that some two hundred seeds must have moved, or nothing was at stake. */
export const rarePathsOfDeletes: readonly string[] = [
  'away.old-disk',
  'away.own-disk',
  'floor.blocked',
  'floor.forgotten',
  'floor.raised',
  'floor.strays-dropped',
  'floor.strays-refused',
  'life.rolled-back',
  'store.compacted',
];

/** Written, deleted and forgotten around the snapshot of a disk that comes back. */
const onceKeys = Array.from({ length: 5 }, (_, index) => `once-${index}`);

const floorMs = 300;
/** How long the one node is away, in floor periods. */
const awayPeriods = 100;
const startWithinMicros = 30_000_000;
const restWithinMicros = 120_000_000;
const forgottenWithinMicros = 60_000_000;
/** Starts that met a failing disk have given up by then. */
const mendMicros = 2_000_000;

/** The plan of a seed, with deletes, quick floors, and no fault that takes more than one node's disk back. */
export function withFloors(plan: SwarmPlan): SwarmPlan {
  const requestTimeoutMs = Math.min(plan.timing.requestTimeoutMs, 500);
  const { workload, faults } = plan;
  return {
    ...withStrictQuorums(plan),
    scenario: 'deletes-stay',
    durability: { mode: 'always' },
    frailNodes: 0,
    timing: {
      ...plan.timing,
      requestTimeoutMs,
      floorMs,
      floorLagMs: 4 * requestTimeoutMs + 2 * plan.clockOffsetMsMax + 1_000,
    },
    workload: {
      ...workload,
      deletePerMillion: Math.max(workload.deletePerMillion, 200_000),
      putPerMillion: Math.min(workload.putPerMillion, 500_000),
      valueBytesMax: Math.min(workload.valueBytesMax, 400),
    },
    faults: {
      ...faults,
      // What cannot be read is not rewritten either, and stays on the disk.
      readErrors: false,
      ...{ clockSteps: false, bitRot: false, oldDisks: false, emptyDisks: false, lyingSyncs: false },
    },
  };
}

/** Runs a plan of `withFloors`. */
export async function deletesStayScenario(
  world: World,
  plan: SwarmPlan,
  openStore: OpenStore,
  history: History,
): Promise<ScenarioReport> {
  const cluster = plannedCluster(world, plan, openStore);
  const random = world.random.fork('deletes stay');
  await cluster.startAll(startWithinMicros);
  const injector = new FaultInjector({ world, cluster, plan });
  injector.start();
  const away = new NodeAway({ world, cluster, plan, random, history });
  const leaving = away.run();
  await runWorkload({ world, cluster, workload: plan.workload, history });
  await leaving;
  await runWorkload({ world, cluster, workload: { ...plan.workload, operationsPerClient: 10 }, history });
  injector.stop();
  await world.sleep(mendMicros);
  cluster.failedStarts.length = 0;
  const faulty = [...history.operations];
  const troubles = await comeToRest(world, cluster, plan);
  const sums = sumsOf(cluster, plan.partitions);
  const client = new SimClient({ world, history, random: random.fork('last reads') });
  const finalReads = await readAll(cluster, client, { plan, random });
  const nodes = await tombstonesOf(cluster, finalReads, plan);
  const judged = withForgottenDeletes(history.operations);
  const judgedReads = withForgottenDeletes(finalReads, history.operations);
  const readQuorumsMeet = 2 * plan.quorum.r > plan.quorum.n;
  return {
    broken: [
      ...deletesStay({ history: judged, readQuorumsMeet: readQuorumsMeet && !away.lostItsDisk }),
      ...acknowledgedWritesSurvive({ history: faulty, finalReads: judgedReads }),
      // A version that only readers saw may go with the disk of one that held it.
      ...(away.lostItsDisk ? [] : readsNeverGoBack({ history: judged, readQuorumsMeet })),
      ...replicasConverge({ copies: [], sums }),
      ...tombstonesGo({ nodes }),
      ...everythingIsServed({ troubles, finalOperations: finalReads, withinMicros: 10_000_000 }),
    ],
    operations: history.operations.length,
    acknowledged: faulty.filter((operation) => operation.end?.outcome.kind === 'stored').length,
    faults: injector.injected,
  };
}

/** Takes one node away while the others go on, and brings it back. */
class NodeAway {
  readonly #world: World;
  readonly #cluster: SimCluster;
  readonly #random: SimRandom;
  readonly #client: SimClient;
  readonly #valueBytes: number;
  readonly #mayLoseItsDisk: boolean;
  lostItsDisk = false;

  constructor(options: {
    readonly world: World;
    readonly cluster: SimCluster;
    readonly plan: SwarmPlan;
    readonly random: SimRandom;
    readonly history: History;
  }) {
    this.#world = options.world;
    this.#cluster = options.cluster;
    this.#random = options.random.fork('node away');
    const { world, history } = options;
    this.#client = new SimClient({ world, history, random: this.#random.fork('travel') });
    this.#valueBytes = options.plan.workload.valueBytesMin;
    this.#mayLoseItsDisk = frailNodesMax(options.plan.quorum) > 0 && this.#random.below(2) === 0;
  }

  async run(): Promise<void> {
    const { nodes, network } = this.#cluster;
    const node = this.#random.pick(nodes);
    await this.#world.sleep(this.#random.between(1, 5_000_000));
    if (this.#mayLoseItsDisk) await this.#writeAll('put');
    const old = this.#mayLoseItsDisk ? await this.#snapshotOfAnEarlierLife(node) : undefined;
    await this.#world.sleep(this.#random.between(1, 5_000_000));
    if (old !== undefined) await this.#deleteAndForget(node);
    this.#tell(`${node.id} is cut off`);
    for (const other of nodes) {
      network.block(node.id, other.id);
      network.block(other.id, node.id);
    }
    node.crash({ kind: 'powerLost', unsynced: 'lose' });
    await this.#world.sleep(awayPeriods * floorMs * 1_000);
    if (old !== undefined) {
      node.rollBackDisk(old);
      this.lostItsDisk = true;
    }
    this.#tell(`${node.id} is back`);
    this.#world.sometimes.count(old === undefined ? 'away.own-disk' : 'away.old-disk');
    for (const other of nodes) {
      network.unblock(node.id, other.id);
      network.unblock(other.id, node.id);
    }
    for (let read = 0; old !== undefined && read < 4 * onceKeys.length; read++) {
      await this.#world.sleep(this.#random.between(1, 400_000));
      await this.#client.get(this.#random.pick(nodes), this.#random.pick(onceKeys));
    }
  }

  /** Puts or deletes each of the keys that only this writes, until that is acknowledged or hopeless. */
  async #writeAll(kind: 'put' | 'delete'): Promise<void> {
    for (const key of onceKeys) {
      for (let attempt = 0; attempt < 20; attempt++) {
        const node = this.#random.pick(this.#cluster.nodes);
        const write =
          kind === 'put' ? this.#client.put(node, key, this.#valueBytes) : this.#client.delete(node, key);
        if ((await write).end?.outcome.kind === 'stored') break;
        await this.#world.sleep(200_000);
      }
    }
  }

  /** What the disk held before the life that peers know last: only that is found out. */
  async #snapshotOfAnEarlierLife(node: SimNode): Promise<DiskSnapshot> {
    const old = node.snapshotDisk();
    node.crash({ kind: 'powerLost', unsynced: 'lose' });
    await this.#cluster.waitUntil(() => node.isServing, startWithinMicros);
    await this.#world.sleep(3_000_000);
    return old;
  }

  /** Deletes what the old disk has, and waits until nobody knows of it: only then may it come back. */
  async #deleteAndForget(node: SimNode): Promise<void> {
    await this.#writeAll('delete');
    const others = this.#cluster.nodes.filter((other) => other !== node);
    const stampMs = latestWallMs(this.#cluster);
    await this.#cluster.waitUntil(
      () => others.every((other) => hasFloorPast(other, stampMs)),
      forgottenWithinMicros,
    );
  }

  #tell(text: string): void {
    this.#world.narrator?.tell(text);
    this.#world.traceLog?.add('note', undefined, { text });
  }
}

/** Waits until everything runs and is level, and the floor has passed all that was written. */
async function comeToRest(world: World, cluster: SimCluster, plan: SwarmPlan): Promise<string[]> {
  const { nodes } = cluster;
  const troubles: string[] = [];
  if (!(await cluster.startAll(startWithinMicros))) return [`not started in time`, ...cluster.failedStarts];
  await world.sleep(4_000 * plan.timing.requestTimeoutMs);
  const lastStampMs = latestWallMs(cluster);
  const isPast = (): boolean =>
    nodes.every((node) => node.store?.status().evidenceLost === false && hasFloorPast(node, lastStampMs));
  if (!(await cluster.waitUntil(isPast, restWithinMicros))) {
    for (const { id, api, store } of nodes) {
      const reasons = new Set(api?.floor().partitions.map(({ reason }) => reason));
      troubles.push(
        `${id}: the floor does not pass (${[...reasons].join(', ')}; ${store?.status().evidenceLost})`,
      );
    }
  }
  return [...troubles, ...cluster.failedStarts];
}

async function readAll(
  cluster: SimCluster,
  client: SimClient,
  options: { readonly plan: SwarmPlan; readonly random: SimRandom },
): Promise<ReadOperation[]> {
  const { plan, random } = options;
  const keys = [...Array.from({ length: plan.workload.keys }, (_, index) => keyName(index)), ...onceKeys];
  return await Promise.all(keys.map((key) => client.get(random.pick(cluster.nodes), key)));
}

async function tombstonesOf(
  cluster: SimCluster,
  finalReads: readonly ReadOperation[],
  { faults }: SwarmPlan,
): Promise<TombstonesOfNode[]> {
  const decoder = new TextDecoder('latin1');
  const deleted = finalReads.filter(({ end }) => end?.outcome.kind === 'missing').map(({ key }) => key);
  return await Promise.all(
    cluster.nodes.map(async ({ id, api, store, disk }) => {
      const page = await api?.local.keys({ limit: limits.keysPageMax });
      const entries = page?.entries ?? [];
      const tombstones = entries.filter(({ digest }) => digest.tombstone);
      // One that expires later than the floor reads as missing by now, and is still here.
      const held = new Set(entries.map(({ key }) => decoder.decode(key)));
      await store?.compactNow();
      // A segment with damage is left as it is.
      const mayBeDamaged = faults.diskErrors || faults.fullDisks;
      const isDamaged = mayBeDamaged || (store?.status().quarantined.length ?? 0) > 0;
      const paths = isDamaged ? [] : disk.paths();
      const files = paths.filter((path) => path.startsWith('log/') && path.endsWith('.seg'));
      const onDisk = files.flatMap((file) => {
        const text = decoder.decode(disk.readNow(file));
        const gone = deleted.filter((key) => !held.has(key) && hasName(text, key));
        return gone.map((key) => ({ file, key }));
      });
      return { node: id, held: tombstones.map(({ key }) => decoder.decode(key)), onDisk };
    }),
  );
}

function latestWallMs({ nodes }: SimCluster): number {
  return Math.max(...nodes.map(({ hardware }) => hardware.wallMs()));
}

function hasFloorPast({ api }: SimNode, stampMs: number): boolean {
  return api?.floor().partitions.every(({ floorMs: floor }) => floor > stampMs) === true;
}

/** Whether a record or a drop of a key stands in a file: its name, and its length where that lies in either. */
function hasName(text: string, key: string): boolean {
  for (let at = text.indexOf(key); at >= 0; at = text.indexOf(key, at + 1)) {
    if (text.charCodeAt(at - 5) === key.length || text.charCodeAt(at - 1) === key.length) return true;
  }
  return false;
}
