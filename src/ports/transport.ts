/**
 * Messages between nodes, as a port. Frames are opaque bytes; what they mean is `protocol/`.
 *
 * Delivery is at most once per send on a healthy connection, in order per connection, and without any
 * promise otherwise: frames may be lost, and in the simulator doubled and reordered. The transport
 * performs the handshake (cluster name, placement epoch and fingerprint, incarnation) before it reports a peer as
 * connected, keeps one connection per peer, and reconnects by itself with jittered backoff.
 */

import type { NodeId } from '../core/config.ts';

/** Who is at the other end, as its handshake said. */
export interface PeerIdentity {
  readonly id: NodeId;
  /** New at every start of the peer: replies to a past incarnation are void. */
  readonly incarnation: number;
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
   * Queues one frame; all that is queued in one turn of the event loop leaves in one write. Never
   * blocks and never throws: false means that the frame was dropped, because the peer is not
   * connected or its queue is full. The frame must not change afterwards.
   */
  send(to: NodeId, frame: Uint8Array): boolean;
  isConnected(peer: NodeId): boolean;
  /**
   * Sends what is queued, as far as it goes quickly, and closes all connections. From the call on the
   * handler is told nothing more, not even of the connections that end.
   */
  stop(): Promise<void>;
}
