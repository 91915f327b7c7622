/**
 * Few keys under strict quorums of which any two meet, and clients that keep to a discipline of writing: how
 * near do keys come to linearizable registers?
 *
 * Nodes crash, clocks are off and networks misbehave as the seed's plan says. The history is for
 * `KeyRegister` to judge; what each discipline buys is in docs/architecture.md, "What is promised, precisely".
 */

import type { Dot } from '../../core/dot.ts';
import { compareDots } from '../../core/dot.ts';
import { FaultInjector } from '../fault-injector.ts';
import { acknowledgedDot, dotRead, History, type Operation } from '../history.ts';
import { plannedCluster } from '../planned-cluster.ts';
import { SimClient } from '../sim-client.ts';
import type { SimCluster } from '../sim-cluster.ts';
import type { OpenStore } from '../sim-node.ts';
import type { SimRandom } from '../sim-random.ts';
import type { World } from '../simulation.ts';
import type { SwarmPlan } from '../swarm-plan.ts';
import { keyName } from '../workload.ts';

/**
 * How clients write: at any node and naming nothing; at the key's one node only; or at any node, naming the
 * newest version that any client was shown of the key, as clients do that hand on what they saw.
 */
export type WriteDiscipline = 'anywhere' | 'one-coordinator' | 'hand-on';

const keys = 2;
const clients = 4;
const operationsPerClient = 60;
const putPerMillion = 400_000;
const deletePerMillion = 50_000;
const startWithinMicros = 30_000_000;
const restMicros = 15_000_000;

/**
 * The plan with quorums of owners only, every two of which have a replica in common, and with disks that keep what
 * was acknowledged: without either nothing stronger than survival is promised.
 */
export function withStrictQuorums(plan: SwarmPlan): SwarmPlan {
  const { n } = plan.quorum;
  const majority = Math.ceil((n + 1) / 2);
  const r = Math.max(plan.quorum.r, majority);
  const quorum = { n, r, w: Math.max(plan.quorum.w, n - r + 1) };
  const faults = { ...plan.faults, bitRot: false, oldDisks: false, emptyDisks: false, lyingSyncs: false };
  return { ...plan, quorumMode: 'strict', quorum, durability: { mode: 'always' }, frailNodes: 0, faults };
}

/** The plan with clocks that all show true time. */
export function withTrueClocks(plan: SwarmPlan): SwarmPlan {
  const faults = { ...plan.faults, clockJumps: false, clockSteps: false };
  return { ...plan, clockOffsetMsMax: 0, clockDriftPerMillionMax: 0, faults };
}

export async function oneRegister(
  world: World,
  options: {
    readonly plan: SwarmPlan;
    readonly discipline: WriteDiscipline;
    readonly openStore: OpenStore;
  },
): Promise<readonly Operation[]> {
  const { plan, discipline, openStore } = options;
  const cluster = plannedCluster(world, plan, openStore);
  const history = new History();
  await cluster.startAll(startWithinMicros);
  const injector = new FaultInjector({ world, cluster, plan });
  injector.start();
  const shown = new Map<string, Dot>();
  const run = { world, cluster, plan, discipline, history, shown };
  const random = world.random.fork('register clients');
  await Promise.all(
    Array.from({ length: clients }, (_, index) => runClient(run, random.fork(`client ${index}`))),
  );
  injector.stop();
  await cluster.startAll(startWithinMicros);
  await world.sleep(restMicros);
  const client = new SimClient({ world, history, random: random.fork('last reads') });
  for (let key = 0; key < keys; key++) await client.get(random.pick(cluster.nodes), keyName(key));
  return history.operations;
}

async function runClient(
  run: {
    readonly world: World;
    readonly cluster: SimCluster;
    readonly plan: SwarmPlan;
    readonly discipline: WriteDiscipline;
    readonly history: History;
    /** The newest version of each key that any client was shown. */
    readonly shown: Map<string, Dot>;
  },
  random: SimRandom,
): Promise<void> {
  const { world, cluster, plan, discipline, history, shown } = run;
  const client = new SimClient({ world, history, random: random.fork('travel') });
  for (let done = 0; done < operationsPerClient; done++) {
    // Half of the operations follow the one before at once: clocks that differ by little show only then.
    if (random.below(2) === 0) await world.sleep(random.skewed(0, plan.workload.pauseMicrosMax));
    const index = random.below(keys);
    const key = keyName(index);
    const node = random.pick(cluster.nodes);
    const writeNode =
      discipline === 'one-coordinator' ? (cluster.nodes[index % cluster.nodes.length] ?? node) : node;
    const known = discipline === 'hand-on' ? shown.get(key) : undefined;
    const context = known === undefined ? {} : { context: known };
    const kind = random.below(1_000_000);
    let operation: Operation;
    if (kind < putPerMillion)
      operation = await client.put(writeNode, key, plan.workload.valueBytesMin, context);
    else if (kind < putPerMillion + deletePerMillion)
      operation = await client.delete(writeNode, key, context);
    else operation = await client.get(node, key);
    const dot = dotRead(operation) ?? acknowledgedDot(operation);
    const newest = shown.get(key);
    if (dot !== undefined && (newest === undefined || compareDots(dot, newest) > 0)) shown.set(key, dot);
  }
}
