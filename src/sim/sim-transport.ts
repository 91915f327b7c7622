/**
 * The `Transport` of one life of a simulated node: at most one connection a peer, redialled by itself.
 */

import type { NodeId } from '../core/config.ts';
import type { PeerIdentity, Transport, TransportHandler } from '../ports/transport.ts';
import type { ProcessScope } from './process-scope.ts';
import type { ConnectionEnd, SimConnection } from './sim-connection.ts';
import type { SimNetwork } from './sim-network.ts';

interface OpenPeer {
  readonly connection: SimConnection;
  readonly end: ConnectionEnd;
  readonly identity: PeerIdentity;
}

/** Pause before a failed or lost connection is dialled again; it doubles up to the greater one. */
const redialMicros = { min: 20_000, max: 1_000_000 };

export class SimTransport implements Transport {
  readonly id: NodeId;
  readonly incarnation: number;
  readonly #network: SimNetwork;
  readonly scope: ProcessScope;
  readonly #peerIds: readonly NodeId[];
  readonly #open = new Map<NodeId, OpenPeer>();
  readonly #backoffMicros = new Map<NodeId, number>();
  readonly #dialling = new Set<NodeId>();
  #handler: TransportHandler | undefined;

  constructor(options: {
    readonly id: NodeId;
    readonly incarnation: number;
    readonly scope: ProcessScope;
    readonly network: SimNetwork;
    readonly peers: readonly NodeId[];
  }) {
    this.id = options.id;
    this.incarnation = options.incarnation;
    this.scope = options.scope;
    this.#network = options.network;
    this.#peerIds = options.peers;
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

  send(to: NodeId, frame: Uint8Array): boolean {
    if (this.isListening) this.#network.beforeSend?.(this.id);
    const peer = this.#open.get(to);
    if (peer === undefined || !this.isListening) return false;
    return peer.connection.send(peer.end, frame);
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

  /**
   * A connection to a peer stands, whoever dialled it; an older one to a past life of the peer is over.
   * False when this life takes none: it is over, or it stands still and can't shake hands.
   */
  accept(connection: SimConnection, end: ConnectionEnd, from: SimTransport): boolean {
    this.#dialling.delete(from.id);
    if (!this.isListening || this.scope.isPaused) return false;
    const held = this.#open.get(from.id);
    if (held !== undefined) {
      // A peer dials anew only after it gave the old connection up, even if this end has not noticed yet.
      this.#open.delete(from.id);
      held.connection.closeFrom(held.end, 'replaced by a new connection');
      this.#handler?.onDisconnected(held.identity, 'replaced by a new connection');
    }
    const identity: PeerIdentity = { id: from.id, incarnation: from.incarnation };
    end.isOpen = true;
    this.#open.set(from.id, { connection, end, identity });
    this.#backoffMicros.delete(from.id);
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
