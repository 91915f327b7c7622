/**
 * Requests to peers and their replies: correlation, deadlines, and the end of what can't be answered.
 *
 * Every request ends in exactly one result: the reply, `timeout`, or `unreachable` (not sent, or the
 * connection ended). A result other than a reply says nothing about whether the peer carried it out. A
 * reply counts only if it comes from the incarnation that was asked; doubled and late replies match nothing.
 */

import type { NodeId } from '../core/config.ts';
import type { HlcTime } from '../core/hybrid-logical-clock.ts';
import { limits } from '../core/limits.ts';
import type { CancelTimer, Clock } from '../ports/clock.ts';
import type { PeerIdentity, Transport } from '../ports/transport.ts';
import { encodeRequest } from '../protocol/message-codec.ts';
import type { MessageHeader, Reply, Request } from '../protocol/messages.ts';

export type CallResult = Reply | { readonly kind: 'timeout' } | { readonly kind: 'unreachable' };

/** Called once for each peer that was asked. */
export type OnResult = (peer: NodeId, result: CallResult) => void;

interface Call {
  readonly onResult: OnResult;
  /** Peers that have not answered yet, with the incarnation that was asked. */
  readonly waiting: Map<NodeId, number>;
  cancelTimer: CancelTimer;
}

export class RemoteCalls {
  readonly #transport: Transport;
  readonly #clock: Clock;
  readonly #header: { readonly epoch: number; readonly incarnation: number };
  readonly #clockReading: () => HlcTime;
  readonly #peerIncarnation: (peer: NodeId) => number | undefined;
  readonly #calls = new Map<number, Call>();
  readonly #inFlight = new Map<NodeId, number>();
  #sequence = 0;

  constructor(options: {
    readonly transport: Transport;
    readonly clock: Clock;
    readonly epoch: number;
    readonly incarnation: number;
    readonly clockReading: () => HlcTime;
    readonly peerIncarnation: (peer: NodeId) => number | undefined;
  }) {
    this.#transport = options.transport;
    this.#clock = options.clock;
    this.#header = { epoch: options.epoch, incarnation: options.incarnation };
    this.#clockReading = options.clockReading;
    this.#peerIncarnation = options.peerIncarnation;
  }

  /** Sends one request to several peers; the frame is encoded once. Results may come before this returns. */
  ask(peers: readonly NodeId[], request: Request, timeoutMs: number, onResult: OnResult): void {
    this.#sequence = (this.#sequence + 1) >>> 0;
    const sequence = this.#sequence;
    const frame = encodeRequest(this.#headerOf(sequence), request);
    const call: Call = { onResult, waiting: new Map(), cancelTimer: () => undefined };
    const unreachable: NodeId[] = [];
    for (const peer of peers) {
      const incarnation = this.#peerIncarnation(peer);
      const inFlight = this.#inFlight.get(peer) ?? 0;
      if (
        incarnation !== undefined &&
        inFlight < limits.peerRequestsInFlightMax &&
        this.#transport.send(peer, frame)
      ) {
        call.waiting.set(peer, incarnation);
        this.#inFlight.set(peer, inFlight + 1);
      } else {
        unreachable.push(peer);
      }
    }
    if (call.waiting.size > 0) {
      this.#calls.set(sequence, call);
      call.cancelTimer = this.#clock.startTimer(timeoutMs, () => this.#timeOut(sequence, call));
    }
    for (const peer of unreachable) onResult(peer, { kind: 'unreachable' });
  }

  /** Sends one request to one peer and waits for what becomes of it. */
  askOne(peer: NodeId, request: Request, timeoutMs: number): Promise<CallResult> {
    return new Promise((resolve) => {
      this.ask([peer], request, timeoutMs, (_, result) => resolve(result));
    });
  }

  /** A reply arrived. */
  onReply(from: PeerIdentity, header: MessageHeader, reply: Reply): void {
    if (header.incarnation !== this.#header.incarnation) return;
    const call = this.#calls.get(header.sequence);
    if (call === undefined || call.waiting.get(from.id) !== from.incarnation) return;
    this.#finish(header.sequence, call, from.id, reply);
  }

  /** The connection to a peer ended: nothing that it was asked will be answered. */
  onDisconnected(peer: PeerIdentity): void {
    for (const [sequence, call] of this.#calls) {
      if (call.waiting.get(peer.id) === peer.incarnation) {
        this.#finish(sequence, call, peer.id, { kind: 'unreachable' });
      }
    }
  }

  /** Ends everything under way as unreachable. */
  stop(): void {
    for (const [sequence, call] of this.#calls) {
      for (const peer of call.waiting.keys()) this.#finish(sequence, call, peer, { kind: 'unreachable' });
    }
  }

  #timeOut(sequence: number, call: Call): void {
    for (const peer of call.waiting.keys()) this.#finish(sequence, call, peer, { kind: 'timeout' });
  }

  #finish(sequence: number, call: Call, peer: NodeId, result: CallResult): void {
    call.waiting.delete(peer);
    this.#inFlight.set(peer, (this.#inFlight.get(peer) ?? 1) - 1);
    if (call.waiting.size === 0) {
      this.#calls.delete(sequence);
      call.cancelTimer();
    }
    call.onResult(peer, result);
  }

  #headerOf(sequence: number): MessageHeader {
    return { ...this.#header, sequence, clock: this.#clockReading() };
  }
}
