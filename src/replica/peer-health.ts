/**
 * Which peers count as up, for routing only: liveness never changes who owns a key.
 *
 * A decider that takes `nowMs` as an argument. A peer is up while it is connected and was heard within
 * `peerDownAfterMs`; every frame counts as a sign of life. A node whose own event loop stood still suspects
 * itself first: the silence it slept through is not held against its peers (cf. Lifeguard, Dadgar et al. 2017).
 */

import type { NodeId } from '../core/config.ts';
import type { PeerIdentity } from '../ports/transport.ts';

interface PeerState {
  incarnation: number | undefined;
  connected: boolean;
  lastHeardMs: number | undefined;
}

export class PeerHealth {
  readonly #peers = new Map<NodeId, PeerState>();
  readonly #peerDownAfterMs: number;
  readonly #heartbeatMs: number;
  #lastTickMs: number | undefined;

  constructor(options: {
    readonly peers: readonly NodeId[];
    readonly peerDownAfterMs: number;
    readonly heartbeatMs: number;
  }) {
    this.#peerDownAfterMs = options.peerDownAfterMs;
    this.#heartbeatMs = options.heartbeatMs;
    for (const peer of options.peers) {
      this.#peers.set(peer, { incarnation: undefined, connected: false, lastHeardMs: undefined });
    }
  }

  connected(peer: PeerIdentity, nowMs: number): void {
    const state = this.#peers.get(peer.id);
    if (state === undefined) return;
    state.incarnation = peer.incarnation;
    state.connected = true;
    state.lastHeardMs = nowMs;
  }

  disconnected(peer: PeerIdentity): void {
    const state = this.#peers.get(peer.id);
    if (state !== undefined && state.incarnation === peer.incarnation) state.connected = false;
  }

  heard(peer: NodeId, nowMs: number): void {
    const state = this.#peers.get(peer);
    if (state !== undefined) state.lastHeardMs = nowMs;
  }

  /** Called every `heartbeatMs`; a call that comes late tells that this node itself was away. */
  tick(nowMs: number): void {
    const lateMs = this.#lastTickMs === undefined ? 0 : nowMs - this.#lastTickMs - this.#heartbeatMs;
    this.#lastTickMs = nowMs;
    if (lateMs <= this.#heartbeatMs) return;
    for (const state of this.#peers.values()) {
      if (state.lastHeardMs !== undefined) state.lastHeardMs = Math.min(nowMs, state.lastHeardMs + lateMs);
    }
  }

  isUp(peer: NodeId, nowMs: number): boolean {
    const state = this.#peers.get(peer);
    if (state === undefined || !state.connected || state.lastHeardMs === undefined) return false;
    return nowMs - state.lastHeardMs < this.#peerDownAfterMs;
  }

  incarnationOf(peer: NodeId): number | undefined {
    return this.#peers.get(peer)?.incarnation;
  }

  /** Milliseconds since a peer was last heard; undefined when never. */
  silentMs(peer: NodeId, nowMs: number): number | undefined {
    const heard = this.#peers.get(peer)?.lastHeardMs;
    return heard === undefined ? undefined : nowMs - heard;
  }
}
