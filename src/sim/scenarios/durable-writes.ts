/**
 * Nothing acknowledged is ever lost: clients write while nodes crash, lose power together, and the network
 * misbehaves; then all is mended, a quiet phase passes, and every promise is checked.
 *
 * The quiet phase ends with another power loss of all nodes, so that what was read is durable too, and
 * not only held in memory.
 */

import type { NodeId } from '../../core/config.ts';
import { limits } from '../../core/limits.ts';
import { acknowledgedWritesSurvive } from '../checkers/acknowledged-writes-survive.ts';
import type { BrokenPromise } from '../checkers/broken-promise.ts';
import { causallyLaterWins } from '../checkers/causally-later-wins.ts';
import { copiesAreExactlyN, type KeysOfNode } from '../checkers/copies-are-exactly-n.ts';
import { clocksNeverRunBack } from '../checkers/clocks-never-run-back.ts';
import { everythingIsServed } from '../checkers/everything-is-served.ts';
import { hintsDrain } from '../checkers/hints-drain.ts';
import { keysAreRegisters } from '../checkers/keys-are-registers.ts';
import { noInventedValues } from '../checkers/no-invented-values.ts';
import { readsNeverGoBack } from '../checkers/reads-never-go-back.ts';
import { replicasConverge, type CopiesOfKey, type SumsOfPartition } from '../checkers/replicas-converge.ts';
import { FaultInjector } from '../fault-injector.ts';
import type { History, ReadOperation } from '../history.ts';
import { plannedCluster } from '../planned-cluster.ts';
import { SimClient } from '../sim-client.ts';
import type { SimCluster } from '../sim-cluster.ts';
import type { OpenStore } from '../sim-node.ts';
import type { World } from '../simulation.ts';
import type { SwarmPlan } from '../swarm-plan.ts';
import { keyName, runWorkload } from '../workload.ts';

/** What a run found and how much it did. */
export interface ScenarioReport {
  readonly broken: readonly BrokenPromise[];
  readonly operations: number;
  readonly acknowledged: number;
  readonly faults: number;
}

/** Counters that some two hundred seeds must have moved, or the faults are too tame to prove anything. */
export const rarePaths: readonly string[] = [
  'crash.in-midst-of-code',
  'crash.killed',
  'crash.powerLost',
  'crash.while-starting',
  'exit.sync-failed',
  'hints.delivered',
  'hints.written',
  'log checkpoint.written',
  'log log.full',
  'log log.quarantined',
  'log log.read-only',
  'log log.writable',
  'puts.unknown',
  'read-repairs.done',
  'reads.written-back',
  'refused.DISK_SYNC_FAILED',
  'store.compacted',
];

/** A node needs this long at most to start: it may have to wait a second for its own clock. */
const startWithinMicros = 30_000_000;
/** Connections come back and silence is noticed within this time. */
const readyWithinMicros = 30_000_000;
/** Hints go out with pauses of up to ten seconds between attempts. */
const drainWithinMicros = 60_000_000;
/** Owners have compared by then, a few times if need be, and have nothing left to fetch. */
const levelWithinMicros = 60_000_000;
/** Starts that met a failing disk have given up by then. */
const mendMicros = 2_000_000;
/** Repairs behind the last reads are done within this time. */
const repairMicros = 5_000_000;

/** Runs a plan; `openStore` opens stores with the sizes that the plan asks for, and `history` is filled. */
export async function durableWrites(
  world: World,
  plan: SwarmPlan,
  openStore: OpenStore,
  history: History,
): Promise<ScenarioReport> {
  return await new DurableWrites(world, plan, openStore, history).run();
}

class DurableWrites {
  readonly #world: World;
  readonly #plan: SwarmPlan;
  readonly #cluster: SimCluster;
  readonly #history: History;
  readonly #client: SimClient;
  readonly #troubles: string[] = [];

  constructor(world: World, plan: SwarmPlan, openStore: OpenStore, history: History) {
    this.#world = world;
    this.#plan = plan;
    this.#history = history;
    this.#cluster = plannedCluster(world, plan, openStore);
    const random = world.random.fork('checking client');
    this.#client = new SimClient({ world, history: this.#history, random });
  }

  async run(): Promise<ScenarioReport> {
    const history = this.#history;
    await this.#cluster.startAll(startWithinMicros);
    const injector = new FaultInjector({ world: this.#world, cluster: this.#cluster, plan: this.#plan });
    injector.start();
    const { workload } = this.#plan;
    await runWorkload({ world: this.#world, cluster: this.#cluster, workload, history });
    injector.stop();
    await this.#forgiveFailedDisks();
    const faultyHistory = [...history.operations];
    await this.#comeToRest();
    // Before anybody reads: what a hint never reached, owners have found by comparing.
    const copiesBeforeReads = await this.#copies();
    const sums = this.#sums();
    const holdings = await this.#holdings();
    const firstReads = await this.#readAll({});
    const hints = this.#cluster.nodes.map((node) => ({ node: node.id, hints: node.store?.hints() ?? [] }));
    const copies = await this.#readEverywhere();
    this.#world.narrator?.tell('all nodes lose power once more');
    this.#cluster.powerLoss('lose');
    await this.#comeToRest();
    const lastReads = await this.#readAll({});
    const finalReads = [...firstReads, ...lastReads];
    const { r, n } = this.#plan.quorum;
    const readQuorumsMeet = 2 * r > n;
    return {
      broken: [
        ...acknowledgedWritesSurvive({ history: faultyHistory, finalReads }),
        ...noInventedValues({ history: history.operations }),
        ...(this.#quorumsAlwaysMeet()
          ? readsNeverGoBack({ history: history.operations, readQuorumsMeet })
          : []),
        // One node stamps all writes in their order; among several each client knows only what it saw itself.
        ...(this.#quorumsAlwaysMeet() && readQuorumsMeet
          ? keysAreRegisters({ history: history.operations, stampsFollowTime: this.#plan.nodes === 1 })
          : []),
        ...hintsDrain({ hints }),
        ...causallyLaterWins({ history: history.operations }),
        ...clocksNeverRunBack({ history: history.operations }),
        ...replicasConverge({ copies: [...copiesBeforeReads, ...copies], sums }),
        ...copiesAreExactlyN({ holdings, ownersOf: (key) => this.#ownersOf(key) }),
        ...everythingIsServed({ troubles: this.#troubles, finalOperations: finalReads }),
      ],
      operations: history.operations.length,
      acknowledged: faultyHistory.filter((operation) => operation.end?.outcome.kind === 'stored').length,
      faults: injector.injected,
    };
  }

  /** A node need not start on a disk that fails; what failed before the disks were mended counts for nothing. */
  async #forgiveFailedDisks(): Promise<void> {
    const { diskErrors, fullDisks } = this.#plan.faults;
    if (!diskErrors && !fullDisks) return;
    await this.#world.sleep(mendMicros);
    this.#cluster.failedStarts.length = 0;
  }

  /** Waits until everything runs and all hints are gone. */
  async #comeToRest(): Promise<void> {
    const { nodes } = this.#cluster;
    if (!(await this.#cluster.startAll(startWithinMicros))) {
      const down = nodes.filter((node) => node.api === undefined).map((node) => node.id);
      this.#troubles.push(`not started in time: ${down.join(', ')}`, ...this.#cluster.failedStarts);
      return;
    }
    const isReady = (): boolean => nodes.every((node) => node.api?.peers().every((peer) => peer.up) === true);
    if (!(await this.#cluster.waitUntil(isReady, readyWithinMicros))) {
      for (const { id, api } of nodes) this.#troubles.push(`${id} is not ready: ${api?.readiness().message}`);
    }
    // Writes that were still waiting for an owner when the last fault ended leave their hints by now.
    await this.#world.sleep(4_000 * this.#plan.timing.requestTimeoutMs);
    const isDrained = (): boolean => nodes.every((node) => node.store?.hints().length === 0);
    await this.#cluster.waitUntil(isDrained, drainWithinMicros);
    if (!(await this.#cluster.waitUntil(() => this.#isLevel(), levelWithinMicros))) {
      for (const { id, store } of nodes) {
        const cause = store?.status().evidenceLost ?? false;
        if (cause !== false) this.#troubles.push(`${id} is still no witness (${cause})`);
      }
    }
    this.#troubles.push(...this.#cluster.failedStarts.splice(0));
  }

  /** Whether every node is a witness and all owners hold the same. */
  #isLevel(): boolean {
    const { nodes } = this.#cluster;
    return (
      nodes.every(({ store }) => store?.status().evidenceLost === false) &&
      replicasConverge({ copies: [], sums: this.#sums() }).length === 0
    );
  }

  #sums(): SumsOfPartition[] {
    const { nodes, placement } = this.#cluster;
    return Array.from({ length: this.#plan.partitions }, (_, partition) => ({
      partition,
      sums: placement.owners(partition).flatMap((owner) => {
        const sum = nodes.find(({ id }) => id === owner)?.store?.partitionSum(partition);
        return sum === undefined ? [] : [{ node: owner, sum }];
      }),
    }));
  }

  /** All that lies in the own space of each node. */
  async #holdings(): Promise<KeysOfNode[]> {
    const decoder = new TextDecoder();
    return await Promise.all(
      this.#cluster.nodes.map(async ({ id, api }) => {
        const entries = (await api?.local.keys({ limit: limits.keysPageMax }))?.entries ?? [];
        return { node: id, keys: entries.map(({ key }) => decoder.decode(key)) };
      }),
    );
  }

  #ownersOf(key: string): readonly NodeId[] {
    return this.#cluster.nodes[0]?.api?.placementOf(new TextEncoder().encode(key)).owners ?? [];
  }

  /** Reads every key at all its owners at once, which repairs them, and says what each then holds. */
  async #readEverywhere(): Promise<CopiesOfKey[]> {
    await this.#readAll({ r: this.#plan.quorum.n });
    await this.#world.sleep(repairMicros);
    return await this.#copies();
  }

  /** What each owner of each key holds on its own disk. */
  async #copies(): Promise<CopiesOfKey[]> {
    const encoder = new TextEncoder();
    return await Promise.all(
      this.#keys().map(async (key) => {
        const bytes = encoder.encode(key);
        const copies = this.#ownersOf(key).map(async (owner) => ({
          node: owner,
          record: await this.#cluster.nodes.find((node) => node.id === owner)?.api?.local.get(bytes),
        }));
        return { key, copies: await Promise.all(copies) };
      }),
    );
  }

  #readAll(options: { readonly r?: number }): Promise<ReadOperation[]> {
    const random = this.#world.random.fork(`final reads ${this.#history.nextId}`);
    return Promise.all(
      this.#keys().map((key) => this.#client.get(random.pick(this.#cluster.nodes), key, options)),
    );
  }

  #keys(): string[] {
    return Array.from({ length: this.#plan.workload.keys }, (_, index) => keyName(index));
  }

  /** Without spare nodes, or under `strict`, only owners count, and every R of them meets every W. */
  #quorumsAlwaysMeet(): boolean {
    return this.#plan.quorumMode === 'strict' || this.#plan.nodes === this.#plan.quorum.n;
  }
}
