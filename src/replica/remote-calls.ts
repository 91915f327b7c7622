/**
 * Requests to peers and their replies: correlation, deadlines, and the end of what can't be answered.
 *
 * Every request ends in exactly one result: the reply, `timeout`, or `unreachable` (not sent, or the
 * connection ended). A result other than a reply says nothing about whether the peer carried it out. A
 * reply counts only if it comes from the incarnation that was asked; doubled replies match nothing, and a late one
 * reaches only an asker that said that it still cares. How calls end is told to the failure detector.
 */

import type { NodeId } from '../core/config.ts';
import type { HlcTime } from '../core/hybrid-logical-clock.ts';
import { limits } from '../core/limits.ts';
import type { CancelTimer, Clock } from '../ports/clock.ts';
import type { PeerIdentity, Transport } from '../ports/transport.ts';
import { encodeRequest, longTailOf } from '../protocol/message-codec.ts';
import type { MessageHeader, Reply, Request } from '../protocol/messages.ts';
import { CallTable } from './call-table.ts';
import type { PeerSuspicion } from './peer-suspicion.ts';
import { tickOf } from './request-age.ts';

export type CallResult = Reply | { readonly kind: 'timeout' } | { readonly kind: 'unreachable' };

/** Called once for each peer that was asked. */
export type OnResult = (peer: NodeId, result: CallResult) => void;

/** Called for a peer whose result was `timeout`, if its reply arrives after all, within the same time again. */
export type OnLateReply = (peer: NodeId, reply: Reply) => void;

interface Call {
  readonly sequence: number;
  readonly onResult: OnResult;
  readonly onLateReply: OnLateReply | undefined;
  readonly kind: Request['kind'];
  readonly sentAtMs: number;
  readonly timeoutMs: number;
  /** Peers that have not answered yet. A list: it has two entries nearly always, and a map costs as much as all else. */
  readonly waiting: AskedPeer[];
  cancelTimer: CancelTimer;
}

interface AskedPeer {
  readonly id: NodeId;
  /** Of the life that was asked. */
  readonly incarnation: number;
}

/** A call that has timed out while somebody still cares for its replies. */
interface LateCall {
  readonly onLateReply: OnLateReply;
  readonly waiting: AskedPeer[];
  readonly cancelTimer: CancelTimer;
}

export class RemoteCalls {
  readonly #transport: Transport;
  readonly #clock: Clock;
  readonly #header: { readonly epoch: number; readonly incarnation: number };
  readonly #clockReading: () => HlcTime;
  readonly #peerIncarnation: (peer: NodeId) => number | undefined;
  readonly #suspicion: Pick<PeerSuspicion, 'answered' | 'timedOut' | 'timerFired'> | undefined;
  readonly #calls = new CallTable<Call>();
  /** Oldest first, at most `limits.lateRepliesMax`. */
  readonly #late = new Map<number, LateCall>();
  readonly #inFlight = new Map<NodeId, number>();

  constructor(options: {
    readonly transport: Transport;
    readonly clock: Clock;
    readonly epoch: number;
    readonly incarnation: number;
    readonly clockReading: () => HlcTime;
    readonly peerIncarnation: (peer: NodeId) => number | undefined;
    /** Told how calls end. */
    readonly suspicion?: Pick<PeerSuspicion, 'answered' | 'timedOut' | 'timerFired'>;
  }) {
    this.#transport = options.transport;
    this.#clock = options.clock;
    this.#header = { epoch: options.epoch, incarnation: options.incarnation };
    this.#clockReading = options.clockReading;
    this.#peerIncarnation = options.peerIncarnation;
    this.#suspicion = options.suspicion;
  }

  /** Requests without a reply yet, over all peers. */
  get inFlight(): number {
    let count = 0;
    for (const ofPeer of this.#inFlight.values()) count += ofPeer;
    return count;
  }

  /** Sends one request to several peers; the frame is encoded once. Results may come before this returns. */
  ask(
    peers: readonly NodeId[],
    request: Request,
    timeoutMs: number,
    onResult: OnResult,
    onLateReply?: OnLateReply,
  ): void {
    const sequence = this.#calls.nextSequence();
    const sentAtMs = this.#clock.monotonicNow();
    const frame = encodeRequest(this.#headerOf(sequence, sentAtMs), request);
    const tail = longTailOf(request);
    const call: Call = {
      sequence,
      onResult,
      onLateReply,
      kind: request.kind,
      timeoutMs,
      sentAtMs,
      waiting: [],
      cancelTimer: noTimer,
    };
    let unreachable: NodeId[] | undefined;
    for (const peer of peers) {
      const incarnation = this.#peerIncarnation(peer);
      const inFlight = this.#inFlight.get(peer) ?? 0;
      if (
        incarnation !== undefined &&
        inFlight < limits.peerRequestsInFlightMax &&
        this.#transport.send(peer, frame, tail)
      ) {
        call.waiting.push({ id: peer, incarnation });
        this.#inFlight.set(peer, inFlight + 1);
      } else {
        unreachable ??= [];
        unreachable.push(peer);
      }
    }
    if (call.waiting.length > 0) {
      this.#calls.add(call);
      call.cancelTimer = this.#clock.startTimer(timeoutMs, () => this.#timeOut(call));
    }
    if (unreachable !== undefined) for (const peer of unreachable) onResult(peer, { kind: 'unreachable' });
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
    if (call === undefined) return this.#onLateReply(from, header.sequence, reply);
    if (!isAwaited(call.waiting, from)) return;
    if (tellsLatency(call.kind, reply)) {
      this.#suspicion?.answered(from.id, { sentAtMs: call.sentAtMs, nowMs: this.#clock.monotonicNow() });
    }
    this.#finish(call, from.id, reply);
  }

  /** The connection to a peer ended: nothing that it was asked will be answered. */
  onDisconnected(peer: PeerIdentity): void {
    for (const call of this.#calls.all()) {
      if (isAwaited(call.waiting, peer)) this.#finish(call, peer.id, { kind: 'unreachable' });
    }
  }

  /** Ends everything under way as unreachable. */
  stop(): void {
    for (const call of this.#calls.all()) {
      for (const { id } of [...call.waiting]) this.#finish(call, id, { kind: 'unreachable' });
    }
    for (const sequence of this.#late.keys()) this.#forgetLate(sequence);
  }

  #timeOut(call: Call): void {
    const nowMs = this.#clock.monotonicNow();
    const { sentAtMs, timeoutMs } = call;
    this.#suspicion?.timerFired({ dueAtMs: sentAtMs + timeoutMs, nowMs });
    if (call.onLateReply !== undefined) this.#keepForLate(call, call.onLateReply);
    for (const { id } of [...call.waiting]) {
      if (isForeground(call.kind)) this.#suspicion?.timedOut(id, { sentAtMs, nowMs });
      this.#finish(call, id, { kind: 'timeout' });
    }
  }

  #keepForLate({ sequence, waiting, timeoutMs }: Call, onLateReply: OnLateReply): void {
    const oldest = this.#late.keys().next();
    if (this.#late.size >= limits.lateRepliesMax && oldest.done !== true) this.#forgetLate(oldest.value);
    this.#late.set(sequence, {
      onLateReply,
      waiting: [...waiting],
      cancelTimer: this.#clock.startTimer(timeoutMs, () => this.#late.delete(sequence)),
    });
  }

  #forgetLate(sequence: number): void {
    this.#late.get(sequence)?.cancelTimer();
    this.#late.delete(sequence);
  }

  #onLateReply(from: PeerIdentity, sequence: number, reply: Reply): void {
    const late = this.#late.get(sequence);
    if (late === undefined || !isAwaited(late.waiting, from)) return;
    takeOut(late.waiting, from.id);
    if (late.waiting.length === 0) this.#forgetLate(sequence);
    late.onLateReply(from.id, reply);
  }

  #finish(call: Call, peer: NodeId, result: CallResult): void {
    if (!takeOut(call.waiting, peer)) return;
    this.#inFlight.set(peer, (this.#inFlight.get(peer) ?? 1) - 1);
    if (call.waiting.length === 0) {
      this.#calls.delete(call);
      call.cancelTimer();
    }
    call.onResult(peer, result);
  }

  #headerOf(sequence: number, sentAtMs: number): MessageHeader {
    const { epoch, incarnation } = this.#header;
    return { epoch, incarnation, sequence, sentTick: tickOf(sentAtMs), clock: this.#clockReading() };
  }
}

/** Whether the very life of a peer that was asked has not answered yet. */
function isAwaited(waiting: readonly AskedPeer[], peer: PeerIdentity): boolean {
  for (const { id, incarnation } of waiting) if (id === peer.id) return incarnation === peer.incarnation;
  return false;
}

function takeOut(waiting: AskedPeer[], peer: NodeId): boolean {
  const index = waiting.findIndex(({ id }) => id === peer);
  if (index >= 0) waiting.splice(index, 1);
  return index >= 0;
}

function noTimer(): void {
  // Nothing was started.
}

/** What clients wait for, and heartbeats: other requests may take long for good reasons. */
function isForeground(kind: Request['kind']): boolean {
  return kind === 'get' || kind === 'put' || kind === 'ping' || kind === 'get-many' || kind === 'put-many';
}

/** Whether the time until this reply tells how quickly a peer answers reads. */
function tellsLatency(kind: Request['kind'], reply: Reply): boolean {
  if (reply.kind === 'record') return reply.record.bytes.length <= limits.sampledReplyBytesMax;
  return kind === 'get' || kind === 'ping' || kind === 'get-many';
}
