/**
 * What arrives from peers: decoded, checked, answered.
 *
 * A frame that does not parse, or that belongs to another placement epoch, ends in a refusal and a line for the
 * operator, never in a guess. Requests are idempotent merges and reads, so a doubled frame does no harm.
 *
 * A request that only asks is dropped when it has waited on its way for longer than its asker does: after a pause, or a
 * partition that heals, nobody works on what nobody waits for. What brings records is carried out however late.
 */

import { errorCodeOf, errorMessageOf, type ErrorCode } from '../core/errors.ts';
import type { HlcTime } from '../core/hybrid-logical-clock.ts';
import type { Clock } from '../ports/clock.ts';
import type { Observer } from '../ports/observer.ts';
import type { PeerIdentity, Transport } from '../ports/transport.ts';
import { decodeMessage, encodeReply, longTailOf } from '../protocol/message-codec.ts';
import type { GetManyAnswer } from '../protocol/many-messages.ts';
import type { MessageHeader, Reply, Request } from '../protocol/messages.ts';
import { getMany, withinOneMessage } from './answer-many.ts';
import type { HealingDesk } from './healing-desk.ts';
import type { NodeClock } from './node-clock.ts';
import type { RemoteCalls } from './remote-calls.ts';
import type { Replica } from './replica.ts';
import { ageErrorMs, RequestAge } from './request-age.ts';
import type { StabilityFloor } from './stability-floor.ts';

export class RequestHandler {
  readonly #transport: Transport;
  readonly #replica: Replica;
  readonly #calls: RemoteCalls;
  readonly #healing: Pick<HealingDesk, 'onPing' | 'answer'>;
  readonly #floor: Pick<StabilityFloor, 'answer'>;
  readonly #nodeClock: NodeClock;
  readonly #observer: Observer;
  readonly #epoch: number;
  readonly #clock: Clock;
  readonly #age = new RequestAge();
  #stopping = false;

  constructor(options: {
    readonly transport: Transport;
    readonly replica: Replica;
    readonly calls: RemoteCalls;
    /** Answers what anti-entropy asks. */
    readonly healing: Pick<HealingDesk, 'onPing' | 'answer'>;
    /** Answers the leaders of stability floors. */
    readonly floor: Pick<StabilityFloor, 'answer'>;
    readonly nodeClock: NodeClock;
    readonly observer: Observer;
    readonly epoch: number;
    readonly clock: Clock;
  }) {
    this.#transport = options.transport;
    this.#replica = options.replica;
    this.#calls = options.calls;
    this.#healing = options.healing;
    this.#floor = options.floor;
    this.#nodeClock = options.nodeClock;
    this.#observer = options.observer;
    this.#epoch = options.epoch;
    this.#clock = options.clock;
  }

  /** Never throws. */
  onFrame(from: PeerIdentity, frame: Uint8Array): void {
    try {
      const message = decodeMessage(frame);
      // Clocks of nodes that talk stay together; one that is too far ahead is not followed.
      if (!this.#nodeClock.observe(message.header.clock)) this.#observer.count('clock.refused');
      if (message.type === 'reply') {
        this.#calls.onReply(from, message.header, message.reply);
      } else if (this.#isTooLate(from, message.header, message.request)) {
        this.#observer.count('requests.expired');
      } else {
        this.#answer(from, message.header, message.request);
      }
    } catch (error) {
      this.#observer.count('frames.refused');
      this.#observer.log('warn', 'frame.refused', errorMessageOf(error), {
        peer: from.id,
        code: errorCodeOf(error),
      });
    }
  }

  /** Refuses new requests from now on: coordinators turn to other replicas at once. */
  stop(): void {
    this.#stopping = true;
  }

  #isTooLate(from: PeerIdentity, header: MessageHeader, request: Request): boolean {
    if (!onlyAsks(request.kind)) return false;
    const ageMs = this.#age.of(from.id, header, this.#clock.monotonicNow());
    // Heartbeats show what the way takes when little else travels.
    return request.kind !== 'ping' && ageMs > request.timeoutMs + ageErrorMs;
  }

  /** Not an async function, nor is what it calls: what is known at once costs no promise, and what is not no second. */
  #answer(from: PeerIdentity, header: MessageHeader, request: Request): void {
    const reply = this.#carryOut(from, header, request);
    if (reply instanceof Promise) void reply.then((later) => this.#send(from, header, later));
    else this.#send(from, header, reply);
  }

  #send(from: PeerIdentity, { epoch, incarnation, sequence, sentTick }: MessageHeader, reply: Reply): void {
    const clock: HlcTime = this.#nodeClock.last;
    const frame = encodeReply({ epoch, incarnation, sequence, sentTick, clock }, reply);
    if (!this.#transport.send(from.id, frame, longTailOf(reply))) this.#observer.count('replies.dropped');
  }

  #carryOut(from: PeerIdentity, header: MessageHeader, request: Request): Reply | Promise<Reply> {
    if (request.kind === 'ping') return this.#healing.onPing(from, request);
    if (this.#stopping) return refused('STOPPING', 'this node is stopping');
    if (header.epoch !== this.#epoch) {
      return refused('PLACEMENT_MISMATCH', `placement epoch ${header.epoch}, this node is at ${this.#epoch}`);
    }
    switch (request.kind) {
      case 'put':
        return this.#replica.put(
          request.record,
          request.hintFor,
          request.fresh ? { ageMsMax: request.timeoutMs } : undefined,
          this.#replica.arrivals.originOf(request.fresh ? 'write' : 'read', from.id),
        );
      case 'get':
        return this.#replica.get(request.key, request.want);
      case 'put-many': {
        const { records, timeoutMs } = request;
        const origin = this.#replica.arrivals.originOf('write', from.id);
        return this.#replica
          .putAll(records, origin, { ageMsMax: timeoutMs })
          .then((refusals) => ({ kind: 'stored-many', count: records.length, refusals }));
      }
      case 'get-many': {
        const answers = getMany(this.#replica, request.keys, request.want);
        return answers instanceof Promise ? answers.then(gotMany) : gotMany(answers);
      }
      case 'merge':
        return this.#replica
          .takeOver(request.records, this.#replica.arrivals.originOf('handoff', from.id))
          .then((refusals) => ({ kind: 'merged', refusals }));
      case 'floor-report':
      case 'raise-floors':
        return this.#floor.answer(request);
      default:
        return this.#healing.answer(from.id, request);
    }
  }
}

function gotMany(answers: readonly GetManyAnswer[]): Reply {
  return { kind: 'got-many', answers: withinOneMessage(answers) };
}

function refused(code: ErrorCode, message: string): Reply {
  return { kind: 'refused', code, message };
}

/** Whether a request changes nothing at its receiver, so that late answers to it are of no use. */
function onlyAsks(kind: Request['kind']): boolean {
  switch (kind) {
    case 'get':
    case 'ping':
    case 'partition-sums':
    case 'range-sums':
    case 'list-versions':
    case 'fetch-range':
    case 'fetch-tokens':
    case 'get-many':
    case 'trace-key':
      return true;
    default:
      return false;
  }
}
