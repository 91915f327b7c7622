/**
 * Nothing acknowledged is ever lost: clients write while nodes crash, lose power together, and the network
 * misbehaves; then all is mended, a quiet phase passes, and every promise is checked.
 *
 * The quiet phase ends with another power loss of all nodes, so that what was read is durable too, and
 * not only held in memory; then with a start from the log alone, so that index and disk agree.
 *
 * What a plan takes away from the promises is taken into account exactly: what the durability level lets a power cut
 * take, and that quorums need not meet while holders lose what they had. Once owners have compared, all holds again.
 */

import { acknowledgedWritesSurvive } from '../checkers/acknowledged-writes-survive.ts';
import type { BrokenPromise } from '../checkers/broken-promise.ts';
import { causallyLaterWins } from '../checkers/causally-later-wins.ts';
import { copiesAreExactlyN, type KeysOfNode } from '../checkers/copies-are-exactly-n.ts';
import { clocksNeverRunBack } from '../checkers/clocks-never-run-back.ts';
import { everythingIsServed } from '../checkers/everything-is-served.ts';
import { hintsDrain } from '../checkers/hints-drain.ts';
import { indexSurvivesRestarts, type IndexOfNode } from '../checkers/index-survives-restarts.ts';
import { keysAreRegisters } from '../checkers/keys-are-registers.ts';
import { lossesStayWithinTheLevel, mayBeLostToPower } from '../checkers/losses-stay-within-the-level.ts';
import { noInventedValues } from '../checkers/no-invented-values.ts';
import {
  nothingIsLeftOver,
  nothingPilesUp,
  type LoadBounds,
  type LoadSample,
  type NetworkLoad,
} from '../checkers/nothing-piles-up.ts';
import { readsNeverGoBack } from '../checkers/reads-never-go-back.ts';
import { replicasConverge, type CopiesOfKey, type SumsOfPartition } from '../checkers/replicas-converge.ts';
import { restartsAreLetIn } from '../checkers/restarts-are-let-in.ts';
import { valuesExpireOnTime } from '../checkers/values-expire-on-time.ts';
import { slowDisk } from '../disk-latency.ts';
import { clockStepMsMax, FaultInjector, pauseMicrosMax } from '../fault-injector.ts';
import type { History, Operation, ReadOperation, WriteOperation } from '../history.ts';
import { copiesOf, indexOf, keysOf, ownersOf, readKeys, scrubAll, sumsOf } from '../held-by-nodes.ts';
import { LoadWatch } from '../load-watch.ts';
import { plannedCluster } from '../planned-cluster.ts';
import { SimClient } from '../sim-client.ts';
import type { SimCluster } from '../sim-cluster.ts';
import type { OpenStore } from '../sim-node.ts';
import type { World } from '../simulation.ts';
import { losesDurableBytes, powerTakesWrites, type SwarmPlan } from '../swarm-plan.ts';
import { keyName, requestsAtOnceMax, runWorkload } from '../workload.ts';

/** What a run found and how much it did. */
export interface ScenarioReport {
  readonly broken: readonly BrokenPromise[];
  readonly operations: number;
  readonly acknowledged: number;
  readonly faults: number;
}

/** Counters that some two hundred seeds must have moved, or the faults are too tame to prove anything. */
export const rarePaths: readonly string[] = [
  'anti-entropy.fetched',
  'clock.lagging',
  'clock.refused',
  'crash.in-midst-of-code',
  'crash.killed',
  'crash.powerLost',
  'crash.while-starting',
  'disk.replaced',
  'disk.rolled-back',
  'evidence.restored',
  'exit.sync-failed',
  'fault.bitRot',
  'fault.clockSteps',
  'fault.rollingRestarts',
  'gets.read-alone',
  'hints.delivered',
  'hints.written',
  'life.rolled-back',
  'log checkpoint.written',
  'log log.full',
  'log log.quarantined',
  'log log.read-only',
  'log log.writable',
  'network.frame-cut',
  'puts.taken-over',
  'puts.unknown',
  'read-repairs.done',
  'reads.expired',
  'reads.written-back',
  'refused.DISK_READ_FAILED',
  'refused.DISK_SYNC_FAILED',
  'refused.RECORD_CORRUPT',
  'store.compacted',
];

/** A node needs this long at most to start: it may have to wait two seconds for its own clock. */
const startWithinMicros = 5_000_000;
/** A connection that went silent is given up within six seconds, and dialled again within one more. */
const readyWithinMicros = 10_000_000;
/** Hints go out with pauses of up to ten seconds between attempts. */
const drainWithinMicros = 15_000_000;
/** Owners have compared by then, a few times if need be, and have nothing left to fetch. */
const levelWithinMicros = 60_000_000;
/** A read of nodes that are all well takes some round trips and a sync. */
const servedWithinMicros = 200_000;
/** Starts that met a failing disk have given up by then. */
const mendMicros = 2_000_000;
/** Timers of a process that stood still are late by as much as it stood still, more than once perhaps. */
const pausesInARow = 4;
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
  /** Disks that may have lost what was durable: their nodes' copies are no evidence. */
  readonly #frail: ReadonlySet<string>;

  constructor(world: World, plan: SwarmPlan, openStore: OpenStore, history: History) {
    this.#world = world;
    this.#plan = plan;
    this.#history = history;
    this.#cluster = plannedCluster(world, plan, openStore);
    const frail = losesDurableBytes(plan) ? this.#cluster.nodes.slice(0, plan.frailNodes) : [];
    this.#frail = new Set(frail.map((node) => node.id));
    const random = world.random.fork('checking client');
    this.#client = new SimClient({ world, history: this.#history, random });
  }

  async run(): Promise<ScenarioReport> {
    const { operations } = this.#history;
    const { bounds, samples, faults } = await this.#letThingsFail();
    const faultyHistory = [...operations];
    const powerLosses = this.#cluster.nodes.flatMap((node) => node.powerLosses);
    if (this.#plan.faults.clockSteps) this.#letHoursPass();
    await this.#forgiveFailedDisks();
    await this.#comeToRest();
    // Before anybody reads: what a hint never reached, owners have found by comparing.
    const levelled = await this.#whatIsHeld();
    const firstReads = await this.#readAll({});
    const hints = this.#cluster.nodes.map((node) => ({ node: node.id, hints: node.store?.hints() ?? [] }));
    await this.#readAll({ r: this.#plan.quorum.n });
    await this.#world.sleep(repairMicros);
    const repaired = await this.#whatIsHeld();
    const leftOver = nothingIsLeftOver({ ...this.#loadNow(), bounds });
    await this.#losePowerOnceMore();
    const afterPower = await this.#whatIsHeld();
    const lastReads = await this.#readAll({});
    const fromLog = await this.#startFromLogAlone();
    const finalReads = [...firstReads, ...lastReads];
    this.#countRarePaths();
    const mayBeLost = (write: WriteOperation): boolean => mayBeLostToPower(write, powerLosses, this.#frail);
    return {
      broken: [
        ...acknowledgedWritesSurvive({
          history: faultyHistory,
          finalReads,
          ...(powerTakesWrites(this.#plan) ? { mayBeLost } : {}),
        }),
        ...lossesStayWithinTheLevel({
          durability: this.#plan.durability,
          powerLosses,
          slackMicros: syncSlackMicros(this.#plan),
        }),
        ...this.#judgeHistory(operations),
        ...hintsDrain({ hints }),
        ...restartsAreLetIn({ plan: this.#plan, doubted: this.#world.sometimes.read('life.rolled-back') }),
        ...[levelled, repaired, afterPower].flatMap((held) => replicasConverge(held)),
        ...copiesAreExactlyN({
          holdings: levelled.holdings,
          ownersOf: (key) => ownersOf(this.#cluster, key),
        }),
        ...indexSurvivesRestarts({
          before: repaired.indexes,
          after: afterPower.indexes,
          startedFrom: 'checkpoint and log',
        }),
        ...indexSurvivesRestarts({
          before: repaired.indexes,
          after: fromLog,
          startedFrom: 'the log alone',
        }),
        ...nothingPilesUp({ samples, bounds }),
        ...leftOver,
        ...everythingIsServed({
          troubles: this.#troubles,
          finalOperations: finalReads,
          withinMicros: servedWithinMicros,
        }),
      ],
      operations: operations.length,
      acknowledged: faultyHistory.filter((operation) => operation.end?.outcome.kind === 'stored').length,
      faults,
    };
  }

  /** Clients work while things fail, until both are done. */
  async #letThingsFail(): Promise<{
    readonly bounds: LoadBounds;
    readonly samples: readonly LoadSample[];
    readonly faults: number;
  }> {
    const { workload } = this.#plan;
    const [world, cluster] = [this.#world, this.#cluster];
    await cluster.startAll(startWithinMicros);
    const watch = new LoadWatch({ world, cluster });
    void watch.run();
    const injector = new FaultInjector({ world, cluster, plan: this.#plan });
    injector.start();
    await runWorkload({ world, cluster, workload, history: this.#history });
    injector.stop();
    watch.stop();
    const bounds = { clients: requestsAtOnceMax(workload), nodes: this.#plan.nodes };
    return { bounds, samples: watch.samples, faults: injector.injected };
  }

  /** What a history alone shows. */
  #judgeHistory(history: readonly Operation[]): BrokenPromise[] {
    const { r, n } = this.#plan.quorum;
    const readQuorumsMeet = 2 * r > n;
    const holdersKeep = this.#frail.size === 0 && !powerTakesWrites(this.#plan);
    const registers = this.#quorumsAlwaysMeet() && holdersKeep;
    // A disk that lies, or is set back, takes its node's clock bound along, and nobody notices before it meets a peer.
    const { lyingSyncs, oldDisks } = this.#plan.faults;
    const forgetful: ReadonlySet<string> = lyingSyncs || oldDisks ? this.#frail : new Set();
    return [
      ...noInventedValues({ history }),
      ...valuesExpireOnTime({ history }),
      ...(registers ? readsNeverGoBack({ history, readQuorumsMeet }) : []),
      // One node stamps all writes in their order; among several each client knows only what it saw itself.
      ...(registers && readQuorumsMeet
        ? keysAreRegisters({ history, stampsFollowTime: this.#plan.nodes === 1 })
        : []),
      ...causallyLaterWins({ history }),
      ...clocksNeverRunBack({ history: history.filter(({ node }) => !forgetful.has(node)) }),
    ];
  }

  /** All nodes are off for longer than any clock was: a stamp from the future is in the past when they start. */
  #letHoursPass(): void {
    this.#world.narrator?.tell('all nodes are off for some hours');
    for (const node of this.#cluster.nodes) {
      node.crash({ kind: 'killed', unsynced: 'lose' });
      node.hardware.jump(clockStepMsMax + 1_000);
    }
  }

  /** A node need not start on a disk that fails; what failed before the disks were mended counts for nothing. */
  async #forgiveFailedDisks(): Promise<void> {
    const { diskErrors, readErrors, fullDisks } = this.#plan.faults;
    if (!diskErrors && !readErrors && !fullDisks) return;
    await this.#world.sleep(mendMicros);
    this.#cluster.failedStarts.length = 0;
  }

  /** Waits until everything runs and all hints are gone. */
  async #comeToRest(): Promise<void> {
    const { nodes } = this.#cluster;
    if (!(await this.#startAll())) return;
    const isReady = (): boolean => nodes.every((node) => node.api?.peers().every((peer) => peer.up) === true);
    if (!(await this.#cluster.waitUntil(isReady, readyWithinMicros))) {
      for (const { id, api } of nodes) this.#troubles.push(`${id} is not ready: ${api?.readiness().message}`);
    }
    // Writes that were still waiting for an owner when the last fault ended leave their hints by now.
    await this.#world.sleep(4_000 * this.#plan.timing.requestTimeoutMs);
    const isDrained = (): boolean => nodes.every((node) => node.store?.hints().length === 0);
    await this.#cluster.waitUntil(isDrained, drainWithinMicros);
    await this.#readFrailDisks();
    if (!(await this.#cluster.waitUntil(() => this.#isLevel(), levelWithinMicros))) {
      for (const { id, store } of nodes) {
        const cause = store?.status().evidenceLost ?? false;
        if (cause !== false) this.#troubles.push(`${id} is still no witness (${cause})`);
      }
    }
    this.#troubles.push(...this.#cluster.failedStarts.splice(0));
  }

  async #startAll(): Promise<boolean> {
    const { nodes, failedStarts } = this.#cluster;
    if (await this.#cluster.startAll(startWithinMicros)) return true;
    const down = nodes.filter((node) => node.api === undefined).map((node) => node.id);
    this.#troubles.push(`not started in time: ${down.join(', ')}`, ...failedStarts);
    return false;
  }

  /**
   * A bit that has flipped is found when somebody reads it, and then healed from the other owners; where clients may be
   * answered from memory, when it is scrubbed. And what could not be read once, on any disk, counts again only when it is
   * read again: nobody could miss it until then.
   */
  async #readFrailDisks(): Promise<void> {
    const { faults, logTailBytes } = this.#plan;
    const frail = this.#cluster.nodes.filter(({ id }) => faults.readErrors || this.#frail.has(id));
    await readKeys(frail, this.#keys());
    if (logTailBytes > 0) await scrubAll(frail);
  }

  /** Whether every node is a witness and all owners hold the same. */
  #isLevel(): boolean {
    return (
      this.#cluster.nodes.every(({ store }) => store?.status().evidenceLost === false) &&
      replicasConverge({ copies: [], sums: sumsOf(this.#cluster, this.#plan.partitions) }).length === 0
    );
  }

  /** What was read and repaired is durable: a power cut that strikes everybody takes nothing. */
  async #losePowerOnceMore(): Promise<void> {
    const { nodes } = this.#cluster;
    if (this.#plan.durability.mode !== 'always') {
      await Promise.all(nodes.map(async (node) => await node.store?.sync()));
    }
    this.#world.narrator?.tell('all nodes lose power once more');
    this.#cluster.powerLoss('lose');
    await this.#comeToRest();
  }

  /** The nodes start without their checkpoints and hint files: what those say is in the log. */
  async #startFromLogAlone(): Promise<readonly IndexOfNode[]> {
    this.#world.narrator?.tell('all nodes are killed, and start from their logs alone');
    for (const node of this.#cluster.nodes) {
      node.crash({ kind: 'killed', unsynced: 'lose' });
      for (const path of node.disk.paths()) {
        if (path.startsWith('snapshot/') || path.endsWith('.hint')) node.disk.removeNow(path);
      }
    }
    await this.#startAll();
    return await this.#indexes();
  }

  /** What each node's index says, those on frail disks left out. */
  async #indexes(): Promise<IndexOfNode[]> {
    const nodes = this.#cluster.nodes.filter(({ id }) => !this.#frail.has(id));
    return await Promise.all(nodes.map((node) => indexOf(node)));
  }

  async #whatIsHeld(): Promise<{
    readonly copies: readonly CopiesOfKey[];
    readonly sums: readonly SumsOfPartition[];
    readonly holdings: readonly KeysOfNode[];
    readonly indexes: readonly IndexOfNode[];
  }> {
    return {
      copies: await copiesOf(this.#cluster, this.#keys()),
      sums: sumsOf(this.#cluster, this.#plan.partitions),
      holdings: await keysOf(this.#cluster),
      indexes: await this.#indexes(),
    };
  }

  #readAll(options: { readonly r?: number }): Promise<ReadOperation[]> {
    const random = this.#world.random.fork(`final reads ${this.#history.nextId}`);
    return Promise.all(
      this.#keys().map((key) => this.#client.get(random.pick(this.#cluster.nodes), key, options)),
    );
  }

  #loadNow(): { readonly samples: readonly LoadSample[]; readonly network: NetworkLoad } {
    const [world, cluster] = [this.#world, this.#cluster];
    const { connections, heldBytes } = cluster.network;
    const network = { connections, heldBytes, events: world.scheduler.pending };
    return { samples: new LoadWatch({ world, cluster }).look(), network };
  }

  /** What only the network, or the history, knows of. */
  #countRarePaths(): void {
    const { sometimes } = this.#world;
    sometimes.count('network.frame-cut', this.#cluster.network.framesCut);
    for (const { end } of this.#history.operations) {
      if (end?.outcome.kind !== 'missing' || end.outcome.digest === undefined) continue;
      if (!end.outcome.digest.tombstone) sometimes.count('reads.expired');
    }
  }

  #keys(): string[] {
    return Array.from({ length: this.#plan.workload.keys }, (_, index) => keyName(index));
  }

  /** Without spare nodes, or under `strict`, only owners count, and every R of them meets every W. */
  #quorumsAlwaysMeet(): boolean {
    return this.#plan.quorumMode === 'strict' || this.#plan.nodes === this.#plan.quorum.n;
  }
}

/** By how much a sync may come late: disks are slow, and a process that stands still starts none. */
function syncSlackMicros({ disk, faults }: SwarmPlan): number {
  const slowest = faults.slowDisks ? slowDisk : disk;
  const pauses = faults.pauses ? pausesInARow * pauseMicrosMax : 0;
  return 50_000 + 4 * slowest.syncMicrosMax + 20 * slowest.operationMicrosMax + pauses;
}
