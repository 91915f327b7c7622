/**
 * One connection that speaks the Redis protocol: requests in, replies out in the order of the requests.
 *
 * Everything is bounded: the requests under way, the bytes of those that have arrived, the replies that wait to be
 * sent. Whatever is past a limit stays unparsed and the socket is not read, so a client is slowed down, not
 * refused. A long value that has no room behind other replies is let go and read again when its turn comes.
 * A client that takes nothing for `readStallMs`, or stops in the middle of a request for `stallMs`, is disconnected.
 */

import type { Socket } from 'node:net';
import type { Observer } from '../../ports/observer.ts';
import type { RequestGathering } from '../request-gathering.ts';
import { commandOf, orderingKeyOf } from './command-table.ts';
import { hashOf, PendingQueue, PendingReply } from './pending-reply.ts';
import type { ReplyEncoder } from './reply-encoder.ts';
import { errorReply, replyBytesOf, type Reply } from './reply.ts';
import { ProtocolError, RequestParser, type RequestLimits } from './request-parser.ts';
import type { ServerFigures, Session } from './session.ts';
import { replyOfThrown } from './store-replies.ts';

export interface RedisLimits extends RequestLimits {
  /** Requests of one connection that run or whose replies have not been handed to the socket. */
  readonly pipelineMax: number;
  /** Bytes of replies of one connection that wait to be sent, and those of all. */
  readonly outputBytesMax: number;
  readonly outputBytesTotalMax: number;
  /** Bytes of requests of all connections that have arrived and are not answered. */
  readonly requestBytesTotalMax: number;
  readonly readStallMs: number;
  readonly stallMs: number;
  /** How long a refused client's bytes are thrown away before the connection is closed. */
  readonly lingerMs: number;
}

export interface RedisConnectionContext {
  readonly limits: RedisLimits;
  readonly figures: ServerFigures;
  readonly observer: Observer;
  readonly encoder: ReplyEncoder;
  readonly gathering: RequestGathering;
  /** Has `flush` called once in this turn of the event loop. */
  readonly flushLater: (connection: RedisConnection) => void;
}

const none: Buffer = Buffer.alloc(0);
const busy = errorReply('BUSY clients of this node have not taken the replies that are queued for them');
/** A connection with less than this under way is not the one that fills the memory. */
const modestBytes = 64 * 1024;
/** Entries that an idle connection keeps for its next requests: a usual pipeline, and no more for ten thousand of them. */
const sparesMax = 32;

export class RedisConnection {
  readonly #socket: Socket;
  readonly #session: Session;
  readonly #context: RedisConnectionContext;
  readonly #parser: RequestParser;
  readonly #queue = new PendingQueue();
  readonly #spare: PendingReply[] = [];
  /** Parsed, and may not start yet. */
  #held: PendingReply | undefined;
  #running = 0;
  #aloneRuns = false;
  #runningBytes = 0;
  #doneBytes = 0;
  /** The longest of the latest values that were read: what the next ones may have. */
  #readBytes = 0;
  /** All that was parsed is under way, and the next request needs more bytes. */
  #starved = true;
  /** The client has not taken what the socket holds. */
  #blocked = false;
  #flushDue = false;
  #pumping = false;
  /** No further request is taken: the client has closed its side, broken the protocol, or the node stops. */
  #finishing = false;
  #ended = false;
  #ending = false;
  #closed = false;
  #countedRequestBytes = 0;
  #countedReplyBytes = 0;
  #timeoutMs = 0;

  constructor(socket: Socket, session: Session, context: RedisConnectionContext) {
    this.#socket = socket;
    this.#session = session;
    this.#context = context;
    this.#parser = new RequestParser(context.limits);
    socket.on('data', (chunk: Buffer) => this.#onData(chunk));
    socket.on('end', () => this.#onEnd());
    socket.on('drain', () => this.#onDrain());
    socket.on('timeout', () => this.#disconnect(this.#blocked ? 'not_reading' : 'silent'));
    socket.on('error', () => this.#disconnect('socket_error'));
    socket.on('close', () => this.#onClose());
  }

  /** Takes no further request and closes once everything is answered. */
  stop(): void {
    this.#finishing = true;
    this.#held = undefined;
    this.#updateReading();
    this.#endWhenDone();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  /** Hands to the socket, in one write, the replies whose turn has come. */
  flush(): void {
    this.#flushDue = false;
    if (this.#closed) return;
    const { encoder, limits } = this.#context;
    const room = limits.outputBytesMax - this.#socket.writableLength;
    for (let head = this.#queue.head; head?.reply !== undefined; head = this.#queue.head) {
      if (encoder.pendingBytes >= room) break;
      encoder.encode(head.reply, head.protocol);
      this.#doneBytes -= head.replyBytes;
      this.#queue.shift();
      head.clear();
      if (this.#spare.length < sparesMax) this.#spare.push(head);
    }
    this.#write(encoder.take());
    if (this.#socket.writableLength === 0) encoder.rewind();
    this.#blocked = this.#socket.writableNeedDrain;
    this.#rereadParked();
    this.#pump();
    this.#endWhenDone();
  }

  #onData(chunk: Buffer): void {
    // What comes after the end of the conversation is thrown away.
    if (this.#finishing || this.#closed) return;
    this.#session.lastCommandAtMs = this.#session.server.wallNow();
    this.#parser.push(chunk);
    this.#pump();
  }

  /** The client sends nothing more; what it has sent is still answered. */
  #onEnd(): void {
    this.#ended = true;
    // Nearly always it has given up. Should it still listen, it is told what did not begin.
    this.#session.isGone = true;
    if (this.#starved) this.stop();
  }

  #onDrain(): void {
    if (!this.#blocked) return;
    this.#blocked = false;
    this.flush();
  }

  /** Takes requests out of what has arrived and starts them, as far as the limits allow. */
  #pump(): void {
    if (this.#pumping || this.#closed) return;
    this.#pumping = true;
    while (!this.#finishing) {
      this.#held ??= this.#takeRequest();
      const next = this.#held;
      if (next === undefined || !this.#mayStart(next)) break;
      this.#held = undefined;
      this.#queue.push(next);
      this.#start(next);
      if (this.#session.closing) this.#finishing = true;
    }
    this.#pumping = false;
    this.#count();
    if (this.#ended && this.#starved) this.stop();
    else this.#updateReading();
  }

  /** The next request; undefined when there is none, or none may be added. */
  #takeRequest(): PendingReply | undefined {
    const { limits } = this.#context;
    this.#starved = false;
    if (this.#blocked || this.#queue.length >= limits.pipelineMax) return undefined;
    let words: Buffer[] | undefined;
    try {
      words = this.#parser.next();
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.#context.observer.count('redis.protocol_errors');
      this.#refuseAndFinish(`ERR Protocol error: ${error.message}`);
      return undefined;
    }
    if (words === undefined) {
      this.#starved = true;
      return undefined;
    }
    return this.#pendingFor(words);
  }

  #pendingFor(words: Buffer[]): PendingReply {
    const pending = this.#spare.pop() ?? this.#newPending();
    pending.words = words;
    pending.requestBytes = this.#parser.lastRequestBytes;
    pending.access = 'alone';
    try {
      const command = commandOf(words);
      pending.command = command;
      const key = orderingKeyOf(command, words);
      if (key !== undefined) {
        pending.access = command.flags[0] === 'readonly' ? 'read' : 'write';
        pending.keyHash = hashOf(key);
      }
    } catch (error) {
      pending.reply = replyOfThrown(error);
    }
    return pending;
  }

  #mayStart(next: PendingReply): boolean {
    const { limits } = this.#context;
    // A refusal needs nothing but its place in the queue.
    if (next.reply !== undefined || this.#running === 0) return true;
    if (this.#aloneRuns || next.access === 'alone' || this.#session.node.isCrowded) return false;
    const expectedBytes = next.access === 'read' ? (this.#running + 1) * this.#readBytes : 0;
    if (this.#doneBytes + expectedBytes > limits.outputBytesMax) return false;
    if (this.#runningBytes + next.requestBytes > limits.requestBytesMax) return false;
    return !this.#queue.conflictsWith(next.access, next.keyHash);
  }

  #start(pending: PendingReply): void {
    const { figures, limits } = this.#context;
    const { command } = pending;
    this.#running++;
    this.#runningBytes += pending.requestBytes;
    pending.running = true;
    if (pending.access === 'alone') this.#aloneRuns = true;
    if (command === undefined) {
      if (isHttp(pending.words)) return this.#disconnect('http_on_redis');
      return this.#settle(pending, pending.reply ?? busy);
    }
    figures.commandsProcessed++;
    this.#session.lastCommand = command.name;
    if (pending.access === 'read' && figures.replyBytes > limits.outputBytesTotalMax) {
      return this.#settle(pending, busy);
    }
    if (command.plain?.words === pending.words.length) this.#gather(command.plain.kind, pending);
    else this.#run(command.run, pending);
  }

  #gather(kind: 'read' | 'write', pending: PendingReply): void {
    const { gathering } = this.#context;
    // By position: taken apart as a list they would cost more than all that follows.
    const key = pending.words[1] ?? none;
    const value = pending.words[2] ?? none;
    const client = this.#session;
    if (kind === 'read') gathering.read({ key, client }, pending);
    else gathering.write({ key, value, client }, pending.writing);
  }

  #run(run: NonNullable<PendingReply['command']>['run'], pending: PendingReply): void {
    try {
      const reply = run(this.#session, pending.words);
      if (reply instanceof Promise) reply.then(pending.onReply, pending.onThrown);
      else this.#settle(pending, reply);
    } catch (error) {
      this.#settle(pending, replyOfThrown(error));
    }
  }

  #settle(pending: PendingReply, reply: Reply): void {
    if (this.#closed) return;
    const replyBytes = replyBytesOf(reply);
    const isHead = pending === this.#queue.head;
    if (pending.access === 'read') this.#readBytes = Math.max(replyBytes, this.#readBytes >>> 1);
    if (
      pending.access === 'read' &&
      !isHead &&
      replyBytes > modestBytes &&
      this.#doneBytes + replyBytes > this.#context.limits.outputBytesMax
    ) {
      pending.parked = true;
      return;
    }
    this.#running--;
    this.#runningBytes -= pending.requestBytes;
    pending.running = false;
    if (pending.access === 'alone') this.#aloneRuns = false;
    // Only the reply is needed from here on.
    pending.words = [];
    pending.reply = reply;
    pending.replyBytes = replyBytes;
    pending.protocol = this.#session.protocol;
    this.#doneBytes += replyBytes;
    if (isHead) this.#flushSoon();
    this.#pump();
  }

  /** Reads the value of the request whose turn has come again, if it had to be let go. */
  #rereadParked(): void {
    const head = this.#queue.head;
    if (head?.parked !== true || this.#blocked || head.command === undefined) return;
    head.parked = false;
    this.#run(head.command.run, head);
  }

  #flushSoon(): void {
    if (this.#flushDue || this.#blocked) return;
    this.#flushDue = true;
    this.#context.flushLater(this);
  }

  #write(chunks: readonly Buffer[]): void {
    const [first] = chunks;
    if (first === undefined || this.#socket.destroyed) return;
    if (chunks.length === 1) {
      this.#socket.write(first);
      return;
    }
    this.#socket.cork();
    for (const chunk of chunks) this.#socket.write(chunk);
    this.#socket.uncork();
  }

  /** Answers what came before, then this error, then closes. */
  #refuseAndFinish(text: string): void {
    if (this.#finishing) return;
    const pending = this.#spare.pop() ?? this.#newPending();
    pending.reply = errorReply(text);
    this.#queue.push(pending);
    if (pending === this.#queue.head) this.#flushSoon();
    this.stop();
  }

  /** Tells all connections together what this one has under way, and ends the one that has too much. */
  #count(): void {
    const { figures, limits } = this.#context;
    const requestBytes = this.#parser.bufferedBytes + this.#runningBytes + (this.#held?.requestBytes ?? 0);
    const replyBytes = this.#doneBytes + this.#socket.writableLength;
    const isMore = requestBytes > this.#countedRequestBytes;
    figures.requestBytes += requestBytes - this.#countedRequestBytes;
    figures.replyBytes += replyBytes - this.#countedReplyBytes;
    this.#countedRequestBytes = requestBytes;
    this.#countedReplyBytes = replyBytes;
    if (isMore && requestBytes > modestBytes && figures.requestBytes > limits.requestBytesTotalMax) {
      this.#context.observer.count('redis.disconnected.requests_too_large');
      this.#refuseAndFinish('BUSY this node has too many bytes of requests in memory; try again later');
    }
  }

  #updateReading(): void {
    if (this.#socket.destroyed) return;
    const mustPause = !this.#finishing && !this.#starved;
    if (mustPause !== this.#socket.isPaused()) {
      if (mustPause) this.#socket.pause();
      else this.#socket.resume();
    }
    const { limits } = this.#context;
    let timeoutMs = 0;
    if (this.#blocked) timeoutMs = limits.readStallMs;
    else if (this.#running === 0 && this.#starved && this.#parser.isPartial) timeoutMs = limits.stallMs;
    if (timeoutMs !== this.#timeoutMs) {
      this.#timeoutMs = timeoutMs;
      this.#socket.setTimeout(timeoutMs);
    }
  }

  #endWhenDone(): void {
    if (!this.#finishing || this.#ending || this.#closed || this.#queue.length > 0) return;
    this.#ending = true;
    // Closing with unread input would reset the connection under the last reply.
    const timer = setTimeout(() => this.#socket.destroy(), this.#context.limits.lingerMs);
    this.#socket.once('close', () => clearTimeout(timer));
    this.#socket.end();
    this.#socket.resume();
  }

  #disconnect(reason: string): void {
    if (this.#closed) return;
    this.#context.observer.count(`redis.disconnected.${reason}`);
    this.#socket.destroy();
  }

  #onClose(): void {
    const { figures } = this.#context;
    this.#closed = true;
    this.#session.isGone = true;
    this.#held = undefined;
    figures.requestBytes -= this.#countedRequestBytes;
    figures.replyBytes -= this.#countedReplyBytes;
  }

  #newPending(): PendingReply {
    return new PendingReply((pending, reply) => this.#settle(pending, reply), replyOfThrown, this.#session);
  }
}

/** The second line of an HTTP request, which a web page may have made a browser send here. */
function isHttp(words: readonly Buffer[]): boolean {
  return /^(?:post|host:)$/i.test(words[0]?.toString('latin1', 0, 8) ?? '');
}
