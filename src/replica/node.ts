/**
 * The node: replica, coordinator and background loops put together over the ports.
 *
 * The very same class runs in production (`cli/serve.ts`), in the simulator (`sim/sim-cluster.ts`) and in a
 * browser tab; only the ports differ. It owns its loops and awaits them in `stop()`; the store belongs to
 * whoever opened it and is closed after.
 */

import type { NodeConfig, NodeId } from '../core/config.ts';
import type { Checksum } from '../core/crc32.ts';
import { limits } from '../core/limits.ts';
import { computePlacement, type PlacementTable } from '../core/placement.ts';
import type { Clock } from '../ports/clock.ts';
import type { Observer } from '../ports/observer.ts';
import type { Random } from '../ports/random.ts';
import type { PeerIdentity, Transport } from '../ports/transport.ts';
import type { Store, StoreStatus } from '../storage/store.ts';
import type { VouchedPartitions } from '../storage/vouched-partitions.ts';
import type { AdmissionStatus } from './admission-gate.ts';
import type { AntiEntropyStatus } from './anti-entropy-status.ts';
import { AntiEntropy } from './anti-entropy.ts';
import { BackgroundTask } from './background-task.ts';
import type { Coordination } from './coordination.ts';
import { Coordinator } from './coordinator.ts';
import { Counters } from './counters.ts';
import { HedgePacing } from './hedge-pacing.ts';
import { HintAdmission } from './hint-admission.ts';
import { evidenceOf } from './node-evidence.ts';
import { HealingDesk, type OnPeerLog } from './healing-desk.ts';
import { HintedHandoff } from './hinted-handoff.ts';
import { KeyTracer } from './key-trace.ts';
import { NodeInspection } from './local-inspection.ts';
import type {
  FloorStatus,
  Health,
  HintStatus,
  KeyPlacement,
  NodeApi,
  PeerStatus,
  PutRequest,
  Readiness,
  ReadOutcome,
  RequestOptions,
  RingStatus,
  ScanOutcome,
  ScanRequest,
  WriteOutcome,
} from './node-api.ts';
import { NodeClock } from './node-clock.ts';
import type { NodeIdentity } from './node-identity.ts';
import { NodeOperator } from './node-operator.ts';
import { PacedLog } from './paced-log.ts';
import { PeerHealth } from './peer-health.ts';
import { PeerSuspicion } from './peer-suspicion.ts';
import { readinessOf } from './readiness.ts';
import { keyPlacement, ringStatus } from './ring-status.ts';
import { RemoteCalls } from './remote-calls.ts';
import { Replica } from './replica.ts';
import { RequestHandler } from './request-handler.ts';
import { StabilityFloor } from './stability-floor.ts';
import { TreeResponder } from './tree-responder.ts';
import { WritePromise } from './write-promise.ts';
import { WritesUnderWay } from './writes-under-way.ts';

/** The epoch of a table that comes from a nodes file: it changes only with that file. */
export const staticEpoch = 1;

/** The placement table of a configuration: the same on every node that has the same members. */
export function placementFor(config: NodeConfig): PlacementTable {
  return computePlacement({
    members: config.members,
    partitions: config.partitions,
    replicas: config.quorum.n,
    epoch: staticEpoch,
  });
}

export interface NodeOptions {
  readonly config: NodeConfig;
  readonly placement: PlacementTable;
  readonly identity: NodeIdentity;
  readonly store: Store;
  readonly transport: Transport;
  readonly clock: Clock;
  readonly random: Random;
  readonly observer: Observer;
  readonly checksum: Checksum;
  /** Told how far the logs of peers have come: by that they are judged at their next start. */
  readonly onPeerLog: OnPeerLog;
  /** Which partitions the node owns only since this start; none unless told. */
  readonly vouched?: VouchedPartitions | undefined;
}

/** Starts a node; it serves requests when this resolves. */
export async function startNode(options: NodeOptions): Promise<DynamoNode> {
  const node = new DynamoNode(options);
  await node.start();
  return node;
}

export class DynamoNode implements NodeApi {
  readonly id: NodeId;
  readonly incarnation: number;
  readonly local: NodeInspection;
  readonly together: Coordinator['together'];
  readonly operator: NodeOperator;
  readonly #options: NodeOptions;
  readonly #peers: readonly NodeId[];
  readonly #counters: Counters;
  readonly #nodeClock: NodeClock;
  readonly #health: PeerHealth;
  readonly #suspicion: PeerSuspicion;
  readonly #calls: RemoteCalls;
  readonly #coordinator: Coordinator;
  readonly #handler: RequestHandler;
  readonly #handoff: HintedHandoff;
  readonly #antiEntropy: AntiEntropy;
  readonly #healing: HealingDesk;
  readonly #trees: TreeResponder;
  readonly #floor: StabilityFloor;
  readonly #heartbeat: BackgroundTask;
  #beatDueMs: number | undefined;

  constructor(options: NodeOptions) {
    const { config, placement, identity, store, transport, clock, random, checksum } = options;
    this.#options = options;
    this.id = config.id;
    this.incarnation = identity.incarnation;
    this.#peers = config.members.map((member) => member.id).filter((id) => id !== config.id);
    const observer = (this.#counters = new Counters(new PacedLog(options.observer, clock)));
    const nodeClock = (this.#nodeClock = new NodeClock({
      clock,
      clockSkewMsMax: config.timing.clockSkewMsMax,
      boundAtStartMs: identity.clockBoundAtStartMs,
      saveBound: (wallMs) => identity.saveClockBound(wallMs),
    }));
    this.#health = new PeerHealth({ peers: this.#peers, ...config.timing });
    const suspicion = (this.#suspicion = new PeerSuspicion({
      peers: this.#peers,
      onChange: (peer, isSuspect) => this.#onSuspicion(peer, isSuspect),
    }));
    const calls = (this.#calls = new RemoteCalls({
      transport,
      clock,
      epoch: placement.epoch,
      incarnation: identity.incarnation,
      clockReading: () => nodeClock.last,
      peerIncarnation: (peer) => this.#health.incarnationOf(peer),
      suspicion,
    }));
    const evidence = evidenceOf(options);
    const writesUnderWay = new WritesUnderWay();
    const promise = new WritePromise({ config, identity, store, clock, nodeClock, writesUnderWay });
    const replica = new Replica({
      config,
      store,
      placement,
      clock: nodeClock,
      checksum,
      observer,
      isWitness: (partition) => evidence.isComplete(partition),
      promise,
    });
    const coordination: Coordination = {
      config,
      placement,
      replica,
      calls,
      nodeClock,
      clock,
      random,
      checksum,
      observer,
      isUp: (node) => this.#isUp(node),
      suspicion,
      hedging: new HedgePacing({
        delayMsMax: config.timing.hedgeAfterMs,
        usualMsMax: () => suspicion.usualMsMax,
      }),
      hintAdmission: new HintAdmission(),
      writesUnderWay,
    };
    this.local = new NodeInspection({ config, store, replica, checksum });
    this.together = (this.#coordinator = new Coordinator(coordination, identity.actor)).together;
    const antiEntropy = (this.#antiEntropy = new AntiEntropy({
      coordination,
      store,
      evidence,
      incarnationOf: (peer) => this.#health.incarnationOf(peer),
      vouched: options.vouched,
    }));
    const frameBytesMax = config.valueBytesMax + limits.frameOverheadBytes;
    const trees = new TreeResponder({ self: config.id, store, placement, evidence, observer, frameBytesMax });
    this.#trees = trees;
    const silentMs = (peer: NodeId): number | undefined => this.#health.silentMs(peer, clock.monotonicNow());
    this.#floor = new StabilityFloor({ coordination, store, evidence, trees, promise, silentMs });
    const tracer = new KeyTracer({ coordination, store, evidence });
    this.operator = new NodeOperator({ coordination, store, antiEntropy, tracer });
    const healing = (this.#healing = new HealingDesk({ ...options, antiEntropy, trees, tracer, observer }));
    this.#handler = new RequestHandler({
      transport,
      replica,
      calls,
      healing,
      floor: this.#floor,
      nodeClock,
      observer,
      epoch: placement.epoch,
      clock,
    });
    this.#handoff = new HintedHandoff({ coordination, store });
    this.#heartbeat = new BackgroundTask({
      name: 'heartbeat',
      clock,
      observer,
      step: () => this.#beat(),
      pauseAfterErrorMs: config.timing.heartbeatMs,
    });
  }

  async start(): Promise<void> {
    await this.#nodeClock.start();
    this.#floor.start();
    await this.#antiEntropy.start();
    await this.#options.transport.start({
      onFrame: (from, frame) => this.#onFrame(from, frame),
      onConnected: (peer) => this.#onConnected(peer),
      onDisconnected: (peer) => this.#onDisconnected(peer),
    });
    this.#heartbeat.start();
    this.#handoff.start();
    this.operator.start();
  }

  /** Refuses new requests, ends the loops, and closes the connections. Writes not yet acknowledged become hints. */
  async stop(): Promise<void> {
    this.#coordinator.stop();
    this.#handler.stop();
    const loops = [this.#heartbeat, this.#handoff, this.#antiEntropy, this.#floor, this.operator];
    await Promise.all(loops.map((loop) => loop.stop()));
    this.#calls.stop();
    await this.#options.transport.stop();
    await this.#nodeClock.stop();
  }

  put(request: PutRequest): Promise<WriteOutcome> {
    return this.#coordinator.put(request);
  }

  get(request: RequestOptions & { readonly key: Uint8Array }): Promise<ReadOutcome> {
    return this.#coordinator.get(request);
  }

  delete(request: RequestOptions & { readonly key: Uint8Array }): Promise<WriteOutcome> {
    return this.#coordinator.delete(request);
  }

  scan(request: ScanRequest): Promise<ScanOutcome> {
    return this.#coordinator.scan(request, this.#trees);
  }

  health(): Health {
    const { state, reason } = this.storage();
    if (state === 'full') return { ok: false, code: 'DISK_FULL', message: reason };
    if (state === 'read-only') return { ok: false, code: 'DISK_WRITE_FAILED', message: reason };
    if (state !== 'open') return { ok: false, code: 'DISK_SYNC_FAILED', message: reason };
    if (this.#nodeClock.isAheadOfWall) {
      const message = 'the wall clock was set back; check NTP on this machine';
      return { ok: false, code: 'CLOCK_AHEAD', message };
    }
    return { ok: true };
  }

  readiness(): Readiness {
    const { config, placement } = this.#options;
    return readinessOf({ config, placement, isUp: (node) => this.#isUp(node) });
  }

  ring(): RingStatus {
    return ringStatus(this.#options);
  }

  placementOf(key: Uint8Array): KeyPlacement {
    return keyPlacement(this.#options.placement, key);
  }

  hints(): HintStatus {
    const targets = this.#options.store.hints();
    return {
      count: targets.reduce((sum, target) => sum + target.count, 0),
      bytes: targets.reduce((sum, target) => sum + target.bytes, 0),
      targets,
      written: this.#counters.read('hints.written'),
      delivered: this.#handoff.delivered,
      cancelled: this.#counters.read('hints.cancelled'),
      stale: this.#counters.read('hints.stale'),
      refused: this.#counters.read('hints.refused'),
      leftOut: this.#counters.read('hints.left-out'),
      full: this.#counters.read('refused.HINTS_FULL'),
      lastError: this.#handoff.lastError,
    };
  }

  antiEntropy(): AntiEntropyStatus {
    return this.#antiEntropy.status();
  }

  floor(): FloorStatus {
    return this.#floor.status(this.#counters);
  }

  peers(): readonly PeerStatus[] {
    const nowMs = this.#options.clock.monotonicNow();
    const hints = this.#options.store.hints();
    return this.#peers.map((id) => ({
      id,
      up: this.#health.isUp(id, nowMs),
      suspect: this.#suspicion.isSuspect(id),
      latencyMs: this.#suspicion.latencyMs(id),
      incarnation: this.#health.incarnationOf(id),
      silentMs: this.#health.silentMs(id, nowMs),
      hintsPending: hints.find((hint) => hint.target === id)?.count ?? 0,
    }));
  }

  storage(): StoreStatus {
    return this.#options.store.status();
  }

  admission(): AdmissionStatus {
    return this.#coordinator.gate.status;
  }

  get isCrowded(): boolean {
    return this.#coordinator.gate.isCrowded;
  }

  counters(): Readonly<Record<string, number>> {
    return this.#counters.readAll();
  }

  /** What is under way now: client requests, and requests to peers that are not answered yet. */
  get load(): { readonly requests: number; readonly calls: number } {
    return { requests: this.#coordinator.inFlight, calls: this.#calls.inFlight };
  }

  #isUp(node: NodeId): boolean {
    return node === this.id || this.#health.isUp(node, this.#options.clock.monotonicNow());
  }

  #onFrame(from: PeerIdentity, frame: Uint8Array): void {
    const nowMs = this.#options.clock.monotonicNow();
    const wasUp = this.#health.isUp(from.id, nowMs);
    this.#health.heard(from.id, nowMs);
    if (!wasUp) this.#onPeerUp(from.id);
    this.#handler.onFrame(from, frame);
  }

  #onConnected(peer: PeerIdentity): void {
    this.#health.connected(peer, this.#options.clock.monotonicNow());
    this.#suspicion.connected(peer.id);
    this.#onPeerUp(peer.id);
  }

  /** What the peer missed while it was away, and what this node did, is brought level at once. */
  #onPeerUp(peer: NodeId): void {
    this.#handoff.onTargetUp(peer);
    this.#antiEntropy.onPeerUp(peer);
  }

  #onDisconnected(peer: PeerIdentity): void {
    this.#health.disconnected(peer);
    this.#calls.onDisconnected(peer);
  }

  #onSuspicion(peer: NodeId, isSuspect: boolean): void {
    this.#counters.count(isSuspect ? 'peers.suspected' : 'peers.trusted-again');
    const event = isSuspect ? 'peer.suspect' : 'peer.trusted';
    const message = isSuspect ? 'answers slowly: reads ask others first' : 'answers quickly again';
    this.#counters.log('info', event, `${peer} ${message}`, { peer });
  }

  /** Shows every peer that this node is alive; their answers show it of them. */
  #beat(): Promise<number> {
    const { clock, config } = this.#options;
    const nowMs = clock.monotonicNow();
    this.#health.tick(nowMs);
    this.#suspicion.timerFired({ dueAtMs: this.#beatDueMs ?? nowMs, nowMs });
    this.#beatDueMs = nowMs + config.timing.heartbeatMs;
    for (const peer of this.#peers) {
      this.#calls.ask([peer], this.#healing.pingFor(peer), config.timing.peerDownAfterMs, (_, result) => {
        if (result.kind !== 'pong' || result.sharedSum === undefined) return;
        this.#healing.onSharedSum(peer, result.sharedSum);
      });
    }
    return Promise.resolve(config.timing.heartbeatMs);
  }
}
