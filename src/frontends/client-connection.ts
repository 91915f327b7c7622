/**
 * One client connection: which of its pipelined requests may run, and what it may queue.
 *
 * A client may send any number of requests without waiting (RFC 9112, §9.3.2). Reads run side by
 * side, a write runs alone, so that a pipelined GET sees the PUT before it. One socket read can hold
 * two thousand GETs of 8 MiB values, so a request starts only while the connection's output cap has
 * room for the longest value for each that runs: the cap holds before anything is fetched. The others
 * are held and reading stops until they have started.
 *
 * A client that is at the cap and takes no byte for `readStallMs` is asking without reading, and
 * is disconnected.
 */

import type { Socket } from 'node:net';
import { StoreError } from '../core/errors.ts';
import type { Observer } from '../ports/observer.ts';
import type { ClientReply } from './client-reply.ts';
import type { ErrorReply } from './error-reply.ts';
import { lingeringClose } from './lingering-close.ts';

export interface PipelineLimits {
  /** Requests of one connection that run or whose replies have not left yet. */
  readonly pipelineMax: number;
  /** Requests of one connection that wait for their turn. */
  readonly heldMax: number;
  readonly outputBytesMax: number;
  readonly outputBytesTotalMax: number;
  /** Requests of all connections that run or wait. */
  readonly requestsMax: number;
  /** Longest body of a reply. */
  readonly replyBytesMax: number;
  readonly stallMs: number;
  readonly readStallMs: number;
  /** How long a refused client's bytes are thrown away before the connection is closed. */
  readonly lingerMs: number;
}

/** What all connections together have under way; shared and changed by them. */
export interface FrontendLoad {
  requests: number;
  /** Bytes of replies that clients have not taken yet. */
  outputBytes: number;
  /** Bytes of request bodies in memory. */
  bodyBytes: number;
  /** The node stops: what starts now is answered STOPPING. */
  stopping: boolean;
}

/** A body being received, that its connection can end. */
export interface PendingBody {
  /** All of it has been parsed, even if its reader has not seen the end yet. */
  readonly complete: boolean;
  fail(error: StoreError): void;
}

export interface ConnectionContext {
  readonly limits: PipelineLimits;
  readonly load: FrontendLoad;
  readonly observer: Observer;
  /** So many requests wait in the node that this connection should start no second one. */
  readonly isCrowded: () => boolean;
  /** Serves a request whose turn has come; answers through the reply, sooner or later. */
  readonly serve: (reply: ClientReply) => void;
}

/** A queued reply costs its head and a few objects beside its body. */
export const replyOverheadBytes = 1_024;

export class ClientConnection {
  readonly #socket: Socket;
  readonly #context: ConnectionContext;
  #held: ClientReply[] = [];
  #running = 0;
  /** A request other than GET and HEAD runs, and nothing beside it. */
  #writing = false;
  #answered = 0;
  #queuedBytes = 0;
  #body: PendingBody | undefined;
  #failure: ErrorReply | undefined;
  #pumping = false;
  #paused = false;
  #stalled = false;
  #abandoned = false;
  #gone = false;

  constructor(socket: Socket, context: ConnectionContext) {
    this.#socket = socket;
    this.#context = context;
    // The parser resumes the socket when a message ends or output drains; held requests say no.
    socket.on('resume', () => {
      if (this.#paused) socket.pause();
    });
    socket.on('close', () => this.#settle());
  }

  /** No further request can be read from this connection. */
  get failed(): boolean {
    return this.#failure !== undefined;
  }

  get lingerMs(): number {
    return this.#context.limits.lingerMs;
  }

  get stopping(): boolean {
    return this.#context.load.stopping;
  }

  /** Takes a request as the parser delivers it, in order. */
  accept(reply: ClientReply): void {
    // The parser goes on after a refusal that closes the connection; nothing it finds may run.
    if (this.#abandoned || this.#failure !== undefined || this.#socket.destroyed) return;
    const { limits, load } = this.#context;
    reply.clientConnection = this;
    reply.on('close', replyClosed);
    load.requests++;
    if (this.#held.length === 0 && this.#mayStart(reply)) return this.#begin(reply);
    this.#held.push(reply);
    if (this.#held.length > limits.heldMax || load.requests > limits.requestsMax) {
      return this.#disconnect('pipelined_too_many');
    }
    this.#updateReading();
  }

  /** Whether all clients together have taken enough of their replies for this much more. */
  mayQueue(bodyBytes: number): boolean {
    const { limits, load } = this.#context;
    return load.outputBytes + bodyBytes <= limits.outputBytesTotalMax;
  }

  /** A handler is about to hand a reply with this body to the socket. */
  answering(reply: ClientReply, bodyBytes: number): void {
    if (this.#gone || reply.phase !== 'running') return;
    reply.phase = 'answered';
    reply.queuedBytes = bodyBytes + replyOverheadBytes;
    this.#running--;
    this.#writing = false;
    this.#answered++;
    this.#queuedBytes += reply.queuedBytes;
    this.#context.load.requests--;
    this.#context.load.outputBytes += reply.queuedBytes;
  }

  /** The reply has left, or will never leave. */
  closed(reply: ClientReply): void {
    if (this.#gone) return;
    const { load } = this.#context;
    if (reply.phase === 'answered') {
      this.#answered--;
      this.#queuedBytes -= reply.queuedBytes;
      load.outputBytes -= reply.queuedBytes;
    } else if (reply.phase !== 'closed') {
      if (reply.phase === 'running') {
        this.#running--;
        this.#writing = false;
      }
      load.requests--;
    }
    reply.phase = 'closed';
    this.pump();
  }

  /** Starts what may start now. Called after every reply. */
  pump(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    for (;;) {
      const next = this.#held[0];
      if (next === undefined || !this.#mayStart(next)) break;
      this.#held.shift();
      this.#begin(next);
    }
    this.#pumping = false;
    this.#updateReading();
    if (this.#running + this.#answered + this.#held.length === 0) this.#idle();
  }

  /** Lets a request's body be ended when the client's bytes make no sense or don't come. */
  receiving(body: PendingBody | undefined): void {
    this.#body = body;
    if (body !== undefined && this.#failure !== undefined) failIncomplete(body, this.#failure);
  }

  /** No further request can be read: answers what came before, then this error, then closes. */
  fail(error: ErrorReply): void {
    if (this.#failure !== undefined) return;
    this.#failure = error;
    if (this.#body !== undefined) failIncomplete(this.#body, error);
    this.#updateReading();
    if (this.#running + this.#answered + this.#held.length === 0) this.#idle();
  }

  /** A reply has said that the connection closes: no request after it may run. */
  abandon(): void {
    this.#abandoned = true;
    this.#context.load.requests -= this.#held.length;
    this.#held = [];
    this.#updateReading();
  }

  /** The socket was silent in both directions for as long as was set. */
  timedOut(): void {
    if (this.#body?.complete === false) {
      this.fail({ code: 'REQUEST_TIMEOUT', message: 'the body did not arrive in time' });
    } else if (this.#running > 0) {
      // It is our turn, not the client's.
      this.#socket.setTimeout(this.#context.limits.stallMs);
    } else if (this.#answered > 0) {
      this.#disconnect('not_reading');
    } else {
      this.#socket.destroy();
    }
  }

  /** The node stops: closes now when nothing is under way, otherwise after the last reply. */
  stop(): void {
    if (this.#running + this.#answered + this.#held.length === 0) this.#socket.destroySoon();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  #mayStart(reply: ClientReply): boolean {
    const { limits } = this.#context;
    if (this.#writing || this.#running + this.#answered >= limits.pipelineMax) return false;
    if (this.#running > 0 && (!isRead(reply) || this.#context.isCrowded())) return false;
    const reserved = (this.#running + 1) * limits.replyBytesMax;
    return this.#queuedBytes + reserved <= limits.outputBytesMax || this.#running + this.#answered === 0;
  }

  #begin(reply: ClientReply): void {
    const { limits, load, serve } = this.#context;
    reply.phase = 'running';
    this.#running++;
    this.#writing = !isRead(reply);
    if (load.stopping) {
      reply.refuse({ code: 'STOPPING', message: 'this node is stopping; ask another one' });
    } else if (load.requests > limits.requestsMax) {
      reply.refuse({ code: 'OVERLOADED', message: 'this node has too many requests under way' });
    } else {
      serve(reply);
    }
  }

  #updateReading(): void {
    if (this.#socket.destroyed) return;
    const mustPause = this.#held.length > 0 || this.#failure !== undefined;
    if (mustPause !== this.#paused) {
      this.#paused = mustPause;
      if (mustPause) this.#socket.pause();
      else this.#socket.resume();
    }
    // Nothing runs and yet the next may not start: it is the client that has to move.
    const stalled = this.#held.length > 0 && this.#running === 0;
    if (stalled !== this.#stalled) {
      this.#stalled = stalled;
      const { limits } = this.#context;
      this.#socket.setTimeout(stalled ? limits.readStallMs : limits.stallMs);
    }
  }

  /** The socket is gone: nothing of this connection counts any more. */
  #settle(): void {
    const { load } = this.#context;
    this.#gone = true;
    load.requests -= this.#running + this.#held.length;
    load.outputBytes -= this.#queuedBytes;
    this.#held = [];
  }

  #idle(): void {
    if (this.#socket.destroyed) return;
    if (this.#failure !== undefined) {
      this.#paused = false;
      lingeringClose(this.#socket, this.#failure, this.#context.limits.lingerMs);
    } else if (this.#context.load.stopping) {
      this.#socket.destroySoon();
    }
  }

  #disconnect(reason: string): void {
    this.#context.observer.count(`http.disconnected.${reason}`);
    this.#socket.destroy();
  }
}

function replyClosed(this: ClientReply): void {
  this.clientConnection?.closed(this);
}

function isRead(reply: ClientReply): boolean {
  const method = reply.req.method;
  return method === 'GET' || method === 'HEAD';
}

function failIncomplete(body: PendingBody, error: ErrorReply): void {
  if (!body.complete) body.fail(new StoreError(error.code, error.message));
}
