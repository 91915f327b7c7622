/**
 * One simulated machine: its disk and clock, which outlive the process, and the life that runs on them.
 *
 * The life is the real code (store, identity, node) over simulated ports. A crash ends it between two
 * events or in the midst of a disk operation or a send; the disk then loses what the crash says. A life whose disk
 * turns out to be an old one goes on as the next incarnation within the same process, as `cli/compose-node.ts` does.
 */

import type { NodeConfig, NodeId } from '../core/config.ts';
import { crc32 } from '../core/crc32.ts';
import { errorMessageOf, StoreError } from '../core/errors.ts';
import type { NodeLife } from '../core/node-life.ts';
import type { Clock } from '../ports/clock.ts';
import type { Disk, ReleaseLock } from '../ports/disk.ts';
import type { Observer } from '../ports/observer.ts';
import { LifeAdmission } from '../replica/life-admission.ts';
import { beginNextLife } from '../replica/next-life.ts';
import { NodeIdentity } from '../replica/node-identity.ts';
import type { NodeApi } from '../replica/node-api.ts';
import { DynamoNode, placementFor } from '../replica/node.ts';
import { vouchedPartitions } from '../replica/node-evidence.ts';
import { KnownPeers } from '../storage/known-peers.ts';
import type { Store } from '../storage/store.ts';
import { latencyMicros, ordinaryDisk, type DiskLatency } from './disk-latency.ts';
import { hearing } from './life-observer.ts';
import { NarratedStore } from './narrated-store.ts';
import { loadOf, type NodeLoad } from './node-load.ts';
import { powerLossAt, type PowerLoss } from './power-loss.ts';
import { ProcessScope } from './process-scope.ts';
import { SimClock, SimClockHardware } from './sim-clock.ts';
import { SimDisk, type DiskSnapshot } from './sim-disk.ts';
import type { UnsyncedFate } from './sim-inode.ts';
import type { SimNetwork } from './sim-network.ts';
import type { SimRandom } from './sim-random.ts';
import type { World } from './simulation.ts';

/** What a store is opened over. */
export interface StoreParts {
  readonly config: NodeConfig;
  readonly disk: Disk;
  readonly clock: Clock;
  readonly random: SimRandom;
  readonly observer: Observer;
  /** A sync has failed: the process ends, since only a restart, which reads the disk, helps. */
  readonly onFailed: () => void;
}

export type OpenStore = (parts: StoreParts) => Promise<Store>;

export interface CrashManner {
  /** `killed` leaves the operating system running, with what it has not yet synced. */
  readonly kind: 'killed' | 'powerLost';
  /** What a power loss leaves of unsynced writes. */
  readonly unsynced: Exclude<UnsyncedFate, 'keep'>;
}

interface Life {
  readonly clock: SimClock;
  readonly scope: ProcessScope;
  servingSinceMicros: number | undefined;
  isStopping: boolean;
  releaseLock: ReleaseLock | undefined;
  node: DynamoNode | undefined;
  store: Store | undefined;
  knownPeers: KnownPeers | undefined;
}

/** What outlives the change to another incarnation within one process. */
interface ProcessParts {
  readonly life: Life;
  readonly store: Store;
  readonly knownPeers: KnownPeers;
  readonly clock: Clock;
  readonly random: SimRandom;
  readonly observer: Observer;
  readonly disk: Disk;
}

export class SimNode {
  readonly id: NodeId;
  readonly disk: SimDisk;
  readonly hardware: SimClockHardware;
  latency: DiskLatency = ordinaryDisk;
  /** Every time the power went out here, whether or not the process ran. */
  readonly powerLosses: PowerLoss[] = [];
  readonly #world: World;
  readonly #network: SimNetwork;
  readonly #config: NodeConfig;
  readonly #openStore: OpenStore;
  readonly #random: SimRandom;
  #life: Life | undefined;
  #lives = 0;
  /** Disk operations and sends left until a crash that was armed; undefined when none is. */
  #crashCountdown: { operations: number; readonly manner: CrashManner } | undefined;

  constructor(options: {
    readonly world: World;
    readonly network: SimNetwork;
    readonly config: NodeConfig;
    readonly openStore: OpenStore;
    readonly clockOffsetMs?: number;
    readonly clockDriftPerMillion?: number;
  }) {
    const { world, config } = options;
    this.id = config.id;
    this.#world = world;
    this.#network = options.network;
    this.#config = config;
    this.#openStore = options.openStore;
    this.#random = world.random.fork(`node ${config.id}`);
    this.hardware = new SimClockHardware({
      scheduler: world.scheduler,
      offsetMs: options.clockOffsetMs ?? 0,
      driftPerMillion: options.clockDriftPerMillion ?? 0,
    });
    const diskRandom = world.random.fork(`disk ${config.id}`);
    const { trace } = world.scheduler;
    this.disk = new SimDisk({
      random: diskRandom.fork('crash'),
      afterDeath: 'hang',
      nowMicros: () => world.scheduler.nowMicros,
      schedule: (operation, bytes, complete) => {
        const scope = this.#life?.scope;
        const delay = latencyMicros(this.latency, diskRandom, operation, bytes);
        world.scheduler.after(delay, () => scope?.enter(complete));
      },
      observe: (operation, path, position, bytes) => {
        trace.addText(operation);
        trace.addText(path);
        trace.add(position);
        trace.add(bytes);
        world.traceLog?.add('disk', this.id, { operation, path, position, bytes });
      },
    });
    this.disk.beforeOperation = () => this.beforePortUse();
  }

  /** The node's interface while it serves; undefined otherwise. */
  get api(): NodeApi | undefined {
    return this.#life?.node;
  }

  get store(): Store | undefined {
    return this.#life?.node === undefined ? undefined : this.#life.store;
  }

  /** The process that runs now, if any. */
  get scope(): ProcessScope | undefined {
    return this.#life?.scope;
  }

  /** What is under way while it serves; undefined otherwise. */
  get load(): NodeLoad | undefined {
    return this.#life === undefined ? undefined : loadOf(this.#life, this.disk);
  }

  /** Whether it takes requests and is not about to stop. */
  get isServing(): boolean {
    return this.#life?.node !== undefined && !this.#life.isStopping;
  }

  get isStopping(): boolean {
    return this.#life?.isStopping === true;
  }

  get isRunning(): boolean {
    return this.#life !== undefined;
  }

  /** Starts the process; resolves once it serves, rejects when it can't, never settles when it crashes on the way. */
  async start(): Promise<void> {
    if (this.#life !== undefined) throw new StoreError('INTERNAL', `${this.id} runs already`);
    const { world, random, config } = { world: this.#world, random: this.#random, config: this.#config };
    this.#lives += 1;
    const scope = new ProcessScope(`${this.id}#${this.#lives}`, world.scheduler);
    const lifeRandom = random.fork(`life ${this.#lives}`);
    const clock = new SimClock({
      hardware: this.hardware,
      scheduler: world.scheduler,
      random: lifeRandom.fork('clock'),
      scope,
    });
    const life: Life = {
      scope,
      clock,
      servingSinceMicros: undefined,
      isStopping: false,
      releaseLock: undefined,
      node: undefined,
      store: undefined,
      knownPeers: undefined,
    };
    this.#life = life;
    this.#tell('starts', 'starts');
    const observer = hearing(this.id, scope, world);
    const disk = this.disk.session();
    try {
      life.releaseLock = await disk.lock();
      const opened = await this.#openStore({
        config,
        disk,
        clock,
        random: lifeRandom.fork('store'),
        observer,
        onFailed: () => this.#exit(life),
      });
      const { narrator, traceLog } = world;
      const isHeard = narrator !== undefined || traceLog !== undefined;
      const store = isHeard ? new NarratedStore(this.id, opened, { narrator, traceLog }) : opened;
      life.store = store;
      const identity = await NodeIdentity.open({
        disk,
        config,
        random: lifeRandom.fork('identity'),
        logEntries: store.status().logEntries,
      });
      const members = config.members.map((member) => member.id);
      const knownPeers = (life.knownPeers = await KnownPeers.open({ disk, members, observer }));
      await this.#serve({ life, store, knownPeers, clock, random: lifeRandom, observer, disk }, identity);
    } catch (error) {
      // What the code of a dead process still throws reaches nobody.
      if (this.#life !== life) return await new Promise(() => undefined);
      this.#exitNow();
      throw new StoreError('INTERNAL', `${this.id} does not start: ${errorMessageOf(error)}`, {
        cause: error,
      });
    }
  }

  async #serve(parts: ProcessParts, identity: NodeIdentity): Promise<void> {
    const { life, store, knownPeers, clock, random, observer, disk } = parts;
    const placement = placementFor(this.#config);
    const vouched = await vouchedPartitions({ disk, observer, placement, self: this.id });
    const admission = new LifeAdmission({
      self: identity.self,
      memory: knownPeers,
      monotonicNow: () => clock.monotonicNow(),
      events: {
        onRolledBack: (by, known) => void this.#beginNextLife(parts, identity, { by, known }),
        onIdInUse: (reason) => this.#exitAsTwin(life, reason),
      },
    });
    const node = new DynamoNode({
      ...{ config: this.#config, placement, vouched, identity, store },
      transport: this.#network.attach({ self: identity.self, scope: life.scope, admission }),
      clock,
      random: random.fork(`node ${identity.incarnation}`),
      observer,
      checksum: crc32,
      onPeerLog: (peer, logEntries) => admission.logReached(peer, logEntries),
    });
    await node.start();
    life.node = node;
    life.servingSinceMicros ??= this.#world.scheduler.nowMicros;
    this.#tell('serves', `serves, incarnation ${identity.incarnation}`);
  }

  /** The disk was lost or set back: goes on as a new actor, without evidence. */
  async #beginNextLife(
    parts: ProcessParts,
    identity: NodeIdentity,
    { by, known }: { readonly by: NodeId; readonly known: NodeLife },
  ): Promise<void> {
    const { life, store } = parts;
    this.#world.sometimes.count('life.rolled-back');
    this.#tell('rolled-back', `finds out from ${by} that its disk is an old one`);
    const former = life.node;
    life.node = undefined;
    try {
      await former?.stop();
      await this.#serve(parts, await beginNextLife(identity, store, known));
    } catch (error) {
      if (this.#life === life) this.#endWith(life, `cannot begin its next life: ${errorMessageOf(error)}`);
    }
  }

  #exitAsTwin(life: Life, reason: string): void {
    this.#world.sometimes.count('exit.id-in-use');
    this.#endWith(life, reason);
  }

  /** The process ends itself, between two events. */
  #endWith(life: Life, reason: string): void {
    this.#tell('ends', `ends: ${reason}`);
    this.#world.scheduler.after(1, () => {
      if (this.#life === life) this.#exitNow();
    });
  }

  /** Stops in good order; rejects when that fails, and the process is over all the same. */
  async stop(): Promise<void> {
    const life = this.#life;
    if (life?.node === undefined) throw new StoreError('INTERNAL', `${this.id} does not serve`);
    this.#tell('stops', 'stops');
    const { node, store, knownPeers } = life;
    life.isStopping = true;
    try {
      await node.stop();
      await knownPeers?.close();
      await store?.close();
      await life.releaseLock?.();
    } finally {
      if (this.#life === life) this.#exitNow();
    }
  }

  /** The process is over; the operating system closes what it held. */
  #exitNow(): void {
    this.#world.traceLog?.add('process', this.id, { event: 'exits' });
    this.disk.crash({ unsynced: 'keep' });
    this.#endLife('killed');
  }

  /** Ends the process now. */
  crash(manner: CrashManner): void {
    if (this.#life === undefined) return;
    const { sometimes } = this.#world;
    sometimes.count(`crash.${manner.kind}`);
    if (this.#life.node === undefined) sometimes.count('crash.while-starting');
    this.#tell(manner.kind, manner.kind === 'killed' ? 'is killed' : `loses power (${manner.unsynced})`);
    if (manner.kind === 'powerLost') this.#notePowerLoss();
    this.disk.crash({ unsynced: manner.kind === 'killed' ? 'keep' : manner.unsynced });
    this.#endLife(manner.kind);
  }

  #notePowerLoss(): void {
    const micros = this.#world.scheduler.nowMicros;
    this.powerLosses.push(powerLossAt(micros, this, this.#life?.servingSinceMicros));
  }

  /** The power of a machine without a process goes out too: what the system had not synced is gone. */
  losePowerWhileDown(unsynced: CrashManner['unsynced']): void {
    if (this.#life !== undefined) return;
    this.#notePowerLoss();
    this.disk.crash({ unsynced });
  }

  /** What a power cut would leave on the disk now. */
  snapshotDisk(): DiskSnapshot {
    return this.disk.snapshot();
  }

  /** The disk is lost, and an empty one put in its place; a process that used it loses its power. */
  replaceDisk(): void {
    this.#replaceDisk('disk.replaced', 'gets an empty disk');
  }

  /** The disk is set back to what it held earlier, as from a backup; a process that used it loses its power. */
  rollBackDisk(snapshot: DiskSnapshot): void {
    this.#replaceDisk('disk.rolled-back', 'has its disk set back', snapshot);
  }

  #replaceDisk(event: string, text: string, content?: DiskSnapshot): void {
    this.crash({ kind: 'powerLost', unsynced: 'lose' });
    this.#world.sometimes.count(event);
    this.#tell(event, text);
    this.disk.replace(content);
  }

  /** Crashes before the so-many-th disk operation or send from now, wherever the code then stands. */
  armCrash(operations: number, manner: CrashManner): void {
    this.#crashCountdown = { operations, manner };
  }

  disarmCrash(): void {
    this.#crashCountdown = undefined;
  }

  /** The process ends itself, as `serve` does when a sync has failed. */
  #exit(life: Life): void {
    this.#world.sometimes.count('exit.sync-failed');
    this.#world.scheduler.after(1, () => {
      if (this.#life === life) this.crash({ kind: 'killed', unsynced: 'lose' });
    });
  }

  /** Told of every disk operation and send of this node: where an armed crash strikes. */
  beforePortUse(): void {
    const armed = this.#crashCountdown;
    if (armed === undefined || this.#life === undefined || --armed.operations > 0) return;
    this.#crashCountdown = undefined;
    this.#world.sometimes.count('crash.in-midst-of-code');
    this.crash(armed.manner);
  }

  #tell(event: string, text: string): void {
    this.#world.narrator?.tell(`${this.id} ${text}`);
    this.#world.traceLog?.add('process', this.id, { event, text });
  }

  #endLife(manner: 'killed' | 'powerLost'): void {
    const compactions = this.#life?.store?.status().compactions ?? 0;
    if (compactions > 0) this.#world.sometimes.count('store.compacted', compactions);
    this.#life?.scope.kill();
    this.#life = undefined;
    this.#network.lifeEnded(this.id, manner);
  }
}
