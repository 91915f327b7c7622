/**
 * The `Transport` of one life of a simulated node: at most one connection a peer, redialled by itself.
 */

import type { NodeId } from '../core/config.ts';
import { limits } from '../core/limits.ts';
import { isSameLife } from '../core/node-life.ts';
import type {
  Admission,
  Introduction,
  LifeRefusal,
  PeerIdentity,
  Transport,
  TransportHandler,
} from '../ports/transport.ts';
import { LifeAdmission } from '../replica/life-admission.ts';
import type { ProcessScope } from './process-scope.ts';
import type { ConnectionEnd, SimConnection } from './sim-connection.ts';
import type { SimNetwork } from './sim-network.ts';

interface OpenPeer {
  readonly connection: SimConnection;
  readonly end: ConnectionEnd;
  readonly identity: PeerIdentity;
  /** When something last arrived; at first when it was opened. */
  lastHeardMicros: number;
}

/** Pause before a failed or lost connection is dialled again; it doubles up to the greater one. */
const redialMicros = { min: 20_000, max: 1_000_000 };

export class SimTransport implements Transport {
  readonly self: Introduction;
  readonly scope: ProcessScope;
  readonly #network: SimNetwork;
  readonly #admission: Admission;
  readonly #peerIds: readonly NodeId[];
  readonly #open = new Map<NodeId, OpenPeer>();
  readonly #backoffMicros = new Map<NodeId, number>();
  readonly #dialling = new Set<NodeId>();
  #handler: TransportHandler | undefined;

  constructor(options: {
    readonly self: Introduction;
    readonly scope: ProcessScope;
    /** Those met since the start of this transport decide unless told. */
    readonly admission?: Admission;
    readonly network: SimNetwork;
    readonly peers: readonly NodeId[];
  }) {
    this.self = options.self;
    this.scope = options.scope;
    this.#admission = options.admission ?? new LifeAdmission();
    this.#network = options.network;
    this.#peerIds = options.peers;
  }

  get id(): NodeId {
    return this.self.id;
  }

  /** Whether this life takes part: started, not stopped, not dead. */
  get isListening(): boolean {
    return this.#handler !== undefined && this.scope.isAlive;
  }

  isDialling(peer: NodeId): boolean {
    return this.#dialling.has(peer);
  }

  start(handler: TransportHandler): Promise<void> {
    this.#handler = handler;
    for (const peer of this.#peerIds) this.#dialLater(peer, redialMicros.min);
    return Promise.resolve();
  }

  send(to: NodeId, frame: Uint8Array, tail?: Uint8Array): boolean {
    if (this.isListening) this.#network.beforeSend?.(this.id);
    const peer = this.#open.get(to);
    if (peer === undefined || !this.isListening) return false;
    return peer.connection.send(peer.end, tail === undefined ? frame : joined(frame, tail));
  }

  isConnected(peer: NodeId): boolean {
    return this.#open.has(peer);
  }

  stop(): Promise<void> {
    this.#handler = undefined;
    for (const peer of this.#open.values()) peer.end.isOpen = false;
    this.#open.clear();
    this.#network.closed(this);
    return Promise.resolve();
  }

  /** Why the life of a peer is not let in, if so. */
  judge(peer: Introduction): LifeRefusal | undefined {
    return this.#admission.judge(peer, (known) => {
      const open = this.#open.get(peer.id);
      if (open === undefined || !isSameLife(open.identity, known)) return false;
      return this.#network.scheduler.nowMicros - open.lastHeardMicros < limits.peerPresentMs * 1_000;
    });
  }

  /** Keeps the life of a peer; undefined when nothing has to be waited for. */
  remember(peer: Introduction): Promise<void> | undefined {
    return this.#admission.remember(peer);
  }

  /** A peer does not let this life in. */
  refusedBy(peer: NodeId, refusal: LifeRefusal): void {
    this.scope.enter(() => {
      if (this.isListening) this.#admission.refusedBy(peer, refusal);
    });
  }

  /**
   * A connection to a peer stands, whoever dialled it; an older one to a past life of the peer is over.
   * False when this life takes none: it is over, stands still and can't shake hands, or has met a later life.
   */
  accept(connection: SimConnection, end: ConnectionEnd, from: SimTransport): boolean {
    this.#dialling.delete(from.id);
    if (!this.isListening || this.scope.isPaused) return false;
    if (this.#admission.judge(from.self, () => false) !== undefined) return false;
    const held = this.#open.get(from.id);
    if (held !== undefined) {
      // A peer dials anew only after it gave the old connection up, even if this end has not noticed yet.
      this.#open.delete(from.id);
      held.connection.closeFrom(held.end, 'replaced by a new connection');
      this.#handler?.onDisconnected(held.identity, 'replaced by a new connection');
    }
    const { id, incarnation, life } = from.self;
    const identity: PeerIdentity = { id, incarnation, life };
    end.isOpen = true;
    const lastHeardMicros = this.#network.scheduler.nowMicros;
    this.#open.set(from.id, { connection, end, identity, lastHeardMicros });
    this.#backoffMicros.delete(from.id);
    this.#admission.welcomedBy(from.id);
    this.#handler?.onConnected(identity);
    return true;
  }

  /** A connection ended. */
  lost(connection: SimConnection, peer: SimTransport, reason: string): void {
    const held = this.#open.get(peer.id);
    if (held?.connection !== connection) return;
    this.#open.delete(peer.id);
    this.scope.enter(() => {
      this.#handler?.onDisconnected(held.identity, reason);
      this.#dialLater(peer.id, redialMicros.min);
    });
  }

  arrived(from: SimTransport, frame: Uint8Array): void {
    const held = this.#open.get(from.id);
    if (held === undefined || !this.isListening) return;
    held.lastHeardMicros = this.#network.scheduler.nowMicros;
    this.#handler?.onFrame(held.identity, frame);
  }

  dialFailed(peer: NodeId): void {
    this.#dialling.delete(peer);
    if (!this.isListening || this.#open.has(peer)) return;
    const backoff = this.#backoffMicros.get(peer) ?? redialMicros.min;
    this.#backoffMicros.set(peer, Math.min(2 * backoff, redialMicros.max));
    this.#dialLater(peer, backoff);
  }

  #dialLater(peer: NodeId, aroundMicros: number): void {
    const { scheduler, random } = this.#network;
    scheduler.after(aroundMicros / 2 + random.below(aroundMicros), () => {
      if (!this.isListening || this.#open.has(peer) || this.#dialling.has(peer)) return;
      this.#dialling.add(peer);
      if (!this.#network.dial(this, peer)) this.dialFailed(peer);
    });
  }
}

function joined(head: Uint8Array, tail: Uint8Array): Uint8Array {
  const frame = new Uint8Array(head.length + tail.length);
  frame.set(head);
  frame.set(tail, head.length);
  return frame;
}
