/**
 * Makes things fail while clients work, as the plan says, and makes them whole again in the end.
 *
 * One loop for each kind of fault that is on; what it breaks it mends after a while, and `stop` mends the
 * rest: after that nothing fails any more.
 */

import type { NodeId } from '../core/config.ts';
import { errorMessageOf } from '../core/errors.ts';
import type { SimCluster } from './sim-cluster.ts';
import { healthyLink, type LinkConditions } from './sim-network.ts';
import type { CrashManner, SimNode } from './sim-node.ts';
import { ordinaryDisk, slowDisk } from './disk-latency.ts';
import type { SimRandom } from './sim-random.ts';
import type { World } from './simulation.ts';
import type { FaultKinds, SwarmPlan } from './swarm-plan.ts';

/** An armed crash strikes within so many disk operations and sends. */
const armedOperationsMax = 40;
/** How often it is looked who has to be started again. */
const restartPollMicros = 20_000;
const partitionMicrosMax = 6_000_000;
const slowLinkMicrosMax = 800_000;
const slowOwnerMicrosMax = 300_000;
export const pauseMicrosMax = 3_000_000;
const readErrorMicrosMax = 4_000_000;
/** A disk is set back by up to so much. */
const oldDiskMicrosMax = 6_000_000;
/** A clock that is stepped is at least an hour off, and at most so many milliseconds. */
const clockStepMsMin = 3_600_000;
export const clockStepMsMax = 3 * clockStepMsMin;
const clockStepMicrosMax = 6_000_000;
/** A rolling restart goes on with the next node when one has not come back by then. */
const rollingWithinMicros = 5_000_000;

export class FaultInjector {
  readonly #world: World;
  readonly #cluster: SimCluster;
  readonly #plan: SwarmPlan;
  readonly #random: SimRandom;
  #stopped = false;
  #injected = 0;
  #isRolling = false;
  readonly #endReadErrors = new Map<NodeId, () => void>();

  constructor(options: { readonly world: World; readonly cluster: SimCluster; readonly plan: SwarmPlan }) {
    this.#world = options.world;
    this.#cluster = options.cluster;
    this.#plan = options.plan;
    this.#random = options.world.random.fork('faults');
  }

  /** Faults injected so far. */
  get injected(): number {
    return this.#injected;
  }

  start(): void {
    const actions: { readonly [Kind in keyof FaultKinds]: () => void } = {
      kills: () => this.#crashOne({ kind: 'killed', unsynced: 'lose' }),
      powerLosses: () => this.#crashOne(this.#powerLoss()),
      powerLossesOfAll: () => this.#crashAll(),
      armedCrashes: () => this.#arm(),
      tornWrites: () => undefined,
      partitions: () => void this.#partition(),
      oneWayPartitions: () => void this.#blockOneWay(),
      slowLinks: () => void this.#slowLink(),
      slowOwners: () => void this.#slowOwner(),
      resets: () => this.#reset(),
      pauses: () => void this.#pause(),
      slowDisks: () => void this.#slowDown(),
      diskErrors: () => this.#failDisk(),
      readErrors: () => void this.#failReads(),
      fullDisks: () => void this.#fillDisk(),
      gracefulRestarts: () => this.#stop(this.#someNode()),
      rollingRestarts: () => void this.#restartAll(),
      clockJumps: () => this.#setClock(this.#someNode()),
      clockSteps: () => void this.#stepClock(),
      bitRot: () => this.#rot(),
      oldDisks: () => void this.#setBackDisk(),
      emptyDisks: () => this.#random.pick(this.#frailNodes()).replaceDisk(),
      lyingSyncs: () => undefined,
    };
    const { faults } = this.#plan;
    for (const kind of kindsOf(actions)) {
      if (kind !== 'tornWrites' && kind !== 'lyingSyncs' && faults[kind])
        void this.#loop(kind, actions[kind]);
    }
    // Of the log only: a node whose own state does not check out refuses to start, and nothing is left to judge.
    if (faults.lyingSyncs) for (const node of this.#frailNodes()) node.disk.lyingFolder = 'log/';
    void this.#restartLoop();
  }

  /** Ends all faults: the network is whole, clocks are right, disks are quick, and every node is started again. */
  stop(): void {
    this.#stopped = true;
    const { network, nodes } = this.#cluster;
    network.heal();
    network.conditions = healthyLink;
    for (const node of nodes) {
      node.disarmCrash();
      node.latency = ordinaryDisk;
      node.disk.clearFaults();
      node.disk.lyingFolder = undefined;
      if (this.#plan.faults.clockSteps) this.#setClock(node);
      node.disk.capacityBytes = Number.POSITIVE_INFINITY;
      if (node.scope?.isPaused === true) node.scope.resume();
      this.#cluster.start(node);
    }
    this.#tell('the last fault is over');
  }

  async #loop(kind: string, act: () => void): Promise<void> {
    for (;;) {
      await this.#world.sleep(this.#random.skewed(1, 3 * this.#plan.faultPauseMicros));
      if (this.#stopped) return;
      this.#injected += 1;
      this.#world.sometimes.count(`fault.${kind}`);
      this.#world.traceLog?.add('fault', undefined, { fault: kind });
      act();
    }
  }

  /** Nodes that are down come back, some at once, some later. */
  async #restartLoop(): Promise<void> {
    const due = new Map<SimNode, number>();
    while (!this.#stopped) {
      const now = this.#world.scheduler.nowMicros;
      for (const node of this.#cluster.nodes) {
        if (node.isRunning) due.delete(node);
        else if (!due.has(node)) due.set(node, now + this.#random.skewed(0, this.#plan.restartMicrosMax));
        else if ((due.get(node) ?? 0) <= now) this.#cluster.start(node);
      }
      await this.#world.sleep(restartPollMicros);
    }
  }

  #tell(text: string): void {
    this.#world.narrator?.tell(text);
    this.#world.traceLog?.add('note', undefined, { text });
  }

  #powerLoss(): CrashManner {
    const tears = this.#plan.faults.tornWrites && this.#random.below(4) !== 0;
    return { kind: 'powerLost', unsynced: tears ? 'tear' : 'lose' };
  }

  #someNode(): SimNode {
    return this.#random.pick(this.#cluster.nodes);
  }

  #crashOne(manner: CrashManner): void {
    this.#someNode().crash(manner);
  }

  #crashAll(): void {
    this.#cluster.powerLoss(this.#powerLoss().unsynced);
  }

  #arm(): void {
    const manner =
      this.#random.below(2) === 0 ? this.#powerLoss() : ({ kind: 'killed', unsynced: 'lose' } as const);
    this.#someNode().armCrash(1 + this.#random.below(armedOperationsMax), manner);
  }

  #frailNodes(): readonly SimNode[] {
    return this.#cluster.nodes.slice(0, this.#plan.frailNodes);
  }

  #stop(node: SimNode): void {
    if (!node.isServing) return;
    node.stop().catch((error: unknown) => {
      this.#tell(`${node.id} did not stop well: ${errorMessageOf(error)}`);
    });
  }

  /** One node after the other: each is up again before the next one stops. */
  async #restartAll(): Promise<void> {
    if (this.#isRolling) return;
    this.#isRolling = true;
    this.#tell('a rolling restart begins');
    for (const node of this.#cluster.nodes) {
      if (this.#stopped) break;
      this.#stop(node);
      await this.#cluster.waitUntil(() => !node.isRunning, rollingWithinMicros);
      this.#cluster.start(node);
      await this.#cluster.waitUntil(() => node.isServing, rollingWithinMicros);
    }
    this.#isRolling = false;
  }

  #setClock(node: SimNode): void {
    const { clockOffsetMsMax } = this.#plan;
    const offsetMs = this.#random.between(-clockOffsetMsMax, clockOffsetMsMax);
    this.#tell(`the clock of ${node.id} is set to ${offsetMs} ms from true time`);
    node.hardware.setOffset(offsetMs);
  }

  async #stepClock(): Promise<void> {
    const node = this.#someNode();
    const byMs = this.#random.between(clockStepMsMin, clockStepMsMax);
    const offsetMs = this.#random.below(2) === 0 ? byMs : -byMs;
    this.#tell(`the clock of ${node.id} is stepped to ${offsetMs} ms from true time`);
    node.hardware.setOffset(offsetMs);
    await this.#world.sleep(this.#random.skewed(0, clockStepMicrosMax));
    if (!this.#stopped) this.#setClock(node);
  }

  async #partition(): Promise<void> {
    const { network, nodes } = this.#cluster;
    const ids = nodes.map((node) => node.id);
    const left = ids.filter(() => this.#random.below(2) === 0);
    const right = ids.filter((id) => !left.includes(id));
    const manner = this.#random.below(2) === 0 ? 'drop' : 'hold';
    this.#tell(`partition [${left.join()}] | [${right.join()}] (${manner})`);
    network.partition(left, right, manner);
    await this.#world.sleep(this.#random.skewed(0, partitionMicrosMax));
    this.#tell(`partition [${left.join()}] | [${right.join()}] heals`);
    for (const one of left) for (const other of right) this.#unblockBoth(one, other);
  }

  #unblockBoth(one: NodeId, other: NodeId): void {
    this.#cluster.network.unblock(one, other);
    this.#cluster.network.unblock(other, one);
  }

  async #blockOneWay(): Promise<void> {
    const [from, to] = [this.#someNode().id, this.#someNode().id];
    this.#tell(`nothing passes from ${from} to ${to}`);
    this.#cluster.network.block(from, to);
    await this.#world.sleep(this.#random.skewed(0, partitionMicrosMax));
    this.#tell(`messages pass from ${from} to ${to} again`);
    this.#cluster.network.unblock(from, to);
  }

  async #slowLink(): Promise<void> {
    const [from, to] = [this.#someNode().id, this.#someNode().id];
    const { network } = this.#cluster;
    const delayMicrosMax = this.#random.between(1_000, slowLinkMicrosMax);
    this.#tell(`messages from ${from} to ${to} take up to ${delayMicrosMax / 1000} ms`);
    network.setLink(from, to, {
      ...network.conditions,
      delayMicrosMin: delayMicrosMax >>> 1,
      delayMicrosMax,
    });
    await this.#world.sleep(this.#random.skewed(0, partitionMicrosMax));
    network.setLink(from, to, undefined);
  }

  async #slowOwner(): Promise<void> {
    const { network, nodes } = this.#cluster;
    const slow = this.#someNode().id;
    const delayMicrosMax = this.#random.between(10_000, slowOwnerMicrosMax);
    const conditions = { ...network.conditions, delayMicrosMin: delayMicrosMax >>> 1, delayMicrosMax };
    this.#tell(`all messages of ${slow} take up to ${delayMicrosMax / 1000} ms`);
    for (const { id } of nodes) this.#setBothLinks(slow, id, conditions);
    await this.#world.sleep(this.#random.skewed(0, partitionMicrosMax));
    for (const { id } of nodes) this.#setBothLinks(slow, id, undefined);
  }

  #setBothLinks(one: NodeId, other: NodeId, conditions: LinkConditions | undefined): void {
    this.#cluster.network.setLink(one, other, conditions);
    this.#cluster.network.setLink(other, one, conditions);
  }

  #reset(): void {
    const { network } = this.#cluster;
    const [one, other] = [this.#someNode().id, this.#someNode().id];
    if (this.#random.below(2) === 0) network.reset(one, other);
    else network.cutNextFrame(one, other);
  }

  async #pause(): Promise<void> {
    const { scope, id } = this.#someNode();
    if (scope === undefined || scope.isPaused) return;
    this.#tell(`${id} pauses`);
    scope.pause();
    await this.#world.sleep(this.#random.skewed(0, pauseMicrosMax));
    this.#tell(`${id} goes on`);
    scope.resume();
  }

  /** The next writes fail, in part or whole, or the next sync does. */
  #failDisk(): void {
    const { disk } = this.#someNode();
    const kind = this.#random.below(3);
    if (kind === 0) disk.failNext({ operation: 'sync', pathIncludes: 'log/' });
    else {
      disk.failNext({
        operation: 'write',
        pathIncludes: 'log/',
        times: this.#random.between(1, 3),
        code: kind === 1 ? 'DISK_FULL' : 'DISK_WRITE_FAILED',
        bytesWritten: this.#random.skewed(0, 500),
      });
    }
  }

  /**
   * The next reads of the log fail, or all do for a while. A start that can't read a segment at all has lost it, so
   * reads fail for that long only on a frail disk, or while the node serves.
   */
  async #failReads(): Promise<void> {
    const node = this.#someNode();
    const { disk, id } = node;
    const reads = { operation: 'read', pathIncludes: 'log/' } as const;
    if (this.#random.below(2) === 0) {
      // The ones before count no more, so that they never add up to more than a start puts up with.
      this.#endReadErrors.get(id)?.();
      this.#endReadErrors.set(id, disk.failNext({ ...reads, times: this.#random.between(1, 3) }));
      return;
    }
    this.#tell(`the disk of ${id} can not be read`);
    const isFrail = this.#frailNodes().includes(node);
    const end = disk.failNext({ ...reads, times: Infinity, onlyWhile: () => isFrail || node.isServing });
    await this.#world.sleep(this.#random.skewed(0, readErrorMicrosMax));
    this.#tell(`the disk of ${id} can be read again`);
    end();
  }

  /** A bit flips in a byte that was durable. */
  #rot(): void {
    const { disk, id } = this.#random.pick(this.#frailNodes());
    const paths = disk.paths().filter((path) => path.startsWith('log/') || path.startsWith('snapshot/'));
    if (paths.length === 0) return;
    const path = this.#random.pick(paths);
    const length = disk.readNow(path)?.length ?? 0;
    if (length === 0) return;
    const offset = this.#random.below(length);
    this.#tell(`a bit flips in ${path} of ${id}, byte ${offset}`);
    disk.corrupt(path, offset, 1 << this.#random.below(8));
  }

  /** What a disk holds now comes back after a while, whatever was written meanwhile. */
  async #setBackDisk(): Promise<void> {
    const node = this.#random.pick(this.#frailNodes());
    const snapshot = node.snapshotDisk();
    await this.#world.sleep(this.#random.skewed(0, oldDiskMicrosMax));
    if (!this.#stopped) node.rollBackDisk(snapshot);
  }

  async #fillDisk(): Promise<void> {
    const node = this.#someNode();
    this.#tell(`the disk of ${node.id} is full`);
    node.disk.capacityBytes = node.disk.usedBytes + this.#random.skewed(0, 4_000);
    await this.#world.sleep(this.#random.skewed(0, pauseMicrosMax));
    this.#tell(`the disk of ${node.id} has room again`);
    node.disk.capacityBytes = Number.POSITIVE_INFINITY;
  }

  async #slowDown(): Promise<void> {
    const node = this.#someNode();
    node.latency = slowDisk;
    await this.#world.sleep(this.#random.skewed(0, pauseMicrosMax));
    node.latency = this.#plan.disk;
  }
}

function kindsOf(actions: { readonly [Kind in keyof FaultKinds]: () => void }): (keyof FaultKinds)[] {
  return Object.keys(actions).filter((kind): kind is keyof FaultKinds => kind in actions);
}
