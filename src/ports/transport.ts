/**
 * Messages between nodes, as a port. Frames are opaque bytes; what they mean is `protocol/`.
 *
 * Delivery is at most once per send on a healthy connection, in order per connection (but shorter frames may pass one
 * of more than `limits.peerPieceBytes`), and without any promise otherwise: frames may be lost, and in the simulator
 * doubled and reordered. The transport
 * performs the handshake (cluster name, placement epoch and fingerprint, the lives of both ends) before it reports a
 * peer as connected, keeps one connection per peer, and reconnects by itself with jittered backoff.
 */

import type { NodeId } from '../core/config.ts';
import type { LoggedLife, NodeLife } from '../core/node-life.ts';

/** Who is at the other end, as its handshake said. Its incarnation is new at every start: replies to a past one are void. */
export interface PeerIdentity extends NodeLife {
  readonly id: NodeId;
}

/** What a node says of itself in a handshake; the log is as it was at the start of this life. */
export interface Introduction extends PeerIdentity, LoggedLife {}

/** Why a life is not let in: whoever refuses it knows another life of that node, which is not older, or which had written more. */
export interface LifeRefusal {
  /** `ID_IN_USE`: the known life is connected to whoever refuses, and was heard lately. */
  readonly code: 'ROLLED_BACK' | 'ID_IN_USE';
  readonly known: NodeLife;
}

/**
 * Which lives of peers a transport lets in; and it hears how peers take this node's own. Asked by each end before
 * a connection opens: no frame is sent or delivered on one that either end refused.
 */
export interface Admission {
  /** Why `peer` is not let in, if so. `isPresent`: whether that life is connected here and was heard lately. */
  judge(peer: Introduction, isPresent: (known: NodeLife) => boolean): LifeRefusal | undefined;
  /**
   * Keeps the life of a peer that was let in. The connection opens when the promise resolves; it never rejects.
   * Undefined: it is kept already.
   */
  remember(peer: Introduction): Promise<void> | undefined;
  /** A connection to the peer has opened: it took this node's life as the latest. */
  welcomedBy(peer: NodeId): void;
  /** The peer does not let this node's life in. May be told again at every attempt to connect. */
  refusedBy(peer: NodeId, refusal: LifeRefusal): void;
}

export interface TransportHandler {
  /** `frame` is the handler's to keep; nobody changes it afterwards. Must not throw. */
  onFrame(from: PeerIdentity, frame: Uint8Array): void;
  onConnected(peer: PeerIdentity): void;
  onDisconnected(peer: PeerIdentity, reason: string): void;
}

export interface Transport {
  /** Starts connecting to every other member and accepting their connections. */
  start(handler: TransportHandler): Promise<void>;
  /**
   * Queues one frame; all that is queued in one turn of the event loop leaves in one write, but for what may be passed. Never
   * blocks and never throws: false means that the frame was dropped, because the peer is not
   * connected or its queue is full. `tail` is the end of the frame where that lies elsewhere: a long one need not be
   * copied behind its head. Neither may change afterwards.
   */
  send(to: NodeId, frame: Uint8Array, tail?: Uint8Array): boolean;
  isConnected(peer: NodeId): boolean;
  /**
   * Sends what is queued, as far as it goes quickly, and closes all connections. From the call on the
   * handler is told nothing more, not even of the connections that end.
   */
  stop(): Promise<void>;
}
