/**
 * The short way for ordinary requests: one connection whose `/kv` requests are read from its packets
 * and answered on its socket, without the objects that `node:http` makes for each.
 *
 * One request at a time, and only as long as everything is ordinary. At the first packet that is not
 * (`plain-request.ts`), the connection goes to `node:http` for good, once the reply under way has been
 * handed to the socket: with it go pipelining, long and chunked bodies, `Expect`, other routes, and
 * every refusal of malformed input. Measured: half of what a small GET costs its coordinator is spared.
 *
 * Bounds: nothing is read while a request runs or its reply has not left, so a connection queues one
 * reply at most; a client that does not take it for `stallMs` is disconnected.
 */

import { STATUS_CODES, type OutgoingHttpHeader } from 'node:http';
import type { Socket } from 'node:net';
import { assert } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import { replyOverheadBytes, type ConnectionContext } from './client-connection.ts';
import { renderError, type ErrorReply } from './error-reply.ts';
import type { IncomingBody, KeyExchange } from './key-exchange.ts';
import { PlainRequestReader, type PlainRequest } from './plain-request.ts';

export interface PlainLaneOptions {
  readonly context: Pick<ConnectionContext, 'limits' | 'load' | 'observer'>;
  readonly bodyBytesMax: number;
  readonly bodyBytesInFlightMax: number;
  readonly keepAliveMs: number;
  /** Serves one request; answers through the exchange, sooner or later. */
  readonly serve: (exchange: KeyExchange, target: string) => void;
  /** Takes the connection over; what it has not read yet lies in the socket's buffer again. */
  readonly onLeave: (socket: Socket) => void;
}

export class PlainLane {
  readonly #socket: Socket;
  readonly #options: PlainLaneOptions;
  readonly #reader = new PlainRequestReader();
  #exchange: PlainExchange | undefined;
  /** A packet came that `node:http` must see, as soon as the reply under way has left. */
  #leaving = false;
  /** A reply has been written and has not left yet. */
  #flushing = false;
  #bodyBytes = 0;
  readonly #keepAlive: string;

  constructor(socket: Socket, options: PlainLaneOptions) {
    this.#socket = socket;
    this.#options = options;
    const keepAliveSeconds = Math.floor(options.keepAliveMs / 1_000);
    this.#keepAlive = `Connection: keep-alive\r\nKeep-Alive: timeout=${keepAliveSeconds}\r\n`;
    socket.setNoDelay(true);
    socket.setTimeout(options.keepAliveMs);
    socket.on('data', this.#onData).on('end', this.#onEnd).on('close', this.#onClose);
    socket.on('error', this.#onError).on('timeout', this.#onTimeout);
  }

  /** The node stops: closes now when nothing is under way, otherwise after the reply. */
  stop(): void {
    if (this.#exchange === undefined && !this.#flushing) this.#socket.destroySoon();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  /** Whether this is the request under way, and its client is still there. */
  serves(exchange: PlainExchange): boolean {
    return this.#exchange === exchange;
  }

  mayQueue(bodyBytes: number): boolean {
    const { load, limits: pipeline } = this.#options.context;
    return load.outputBytes + bodyBytes <= pipeline.outputBytesTotalMax;
  }

  /** Sends the reply of the request under way, and nothing for any other. */
  answer(
    exchange: PlainExchange,
    status: number,
    headers: readonly OutgoingHttpHeader[],
    body: Uint8Array | string,
  ): void {
    if (this.#exchange !== exchange) return;
    this.#settle();
    const { load } = this.#options.context;
    const closes = load.stopping;
    this.#write(headOf(status, headers, closes ? closing : this.#keepAlive), body);
    if (this.#socket.writableLength === 0) return this.#replied(closes);
    this.#flushing = true;
    const queuedBytes = body.length + replyOverheadBytes;
    load.outputBytes += queuedBytes;
    this.#socket.pause();
    this.#socket.setTimeout(this.#options.context.limits.stallMs);
    // The callback of an empty write comes when all before it has left, or never will.
    this.#socket.write('', () => {
      load.outputBytes -= queuedBytes;
      this.#flushing = false;
      if (this.#socket.destroyed) return;
      this.#socket.setTimeout(this.#options.keepAliveMs);
      if (!this.#leaving) this.#socket.resume();
      this.#replied(closes);
    });
  }

  #write(head: string, body: Uint8Array | string): void {
    if (body.length === 0) {
      this.#socket.write(head, 'latin1');
    } else if (typeof body === 'string') {
      this.#socket.write(head + body, 'utf8');
    } else if (body.length <= limits.httpInlineBodyBytesMax) {
      const text = Buffer.from(body.buffer, body.byteOffset, body.length).toString('latin1');
      this.#socket.write(head + text, 'latin1');
    } else {
      this.#socket.cork();
      this.#socket.write(head, 'latin1');
      this.#socket.write(body);
      this.#socket.uncork();
    }
  }

  readonly #onData = (packet: Buffer): void => {
    const request = this.#exchange === undefined && !this.#leaving ? this.#reader.read(packet) : undefined;
    if (request !== undefined && request.body.length <= this.#options.bodyBytesMax) return this.#run(request);
    this.#socket.pause();
    this.#socket.unshift(packet);
    this.#leaving = true;
    if (this.#exchange === undefined && !this.#flushing) this.#leave();
  };

  #run(request: PlainRequest): void {
    const { context, bodyBytesInFlightMax, serve } = this.#options;
    const { load } = context;
    const exchange = new PlainExchange(this, request);
    this.#exchange = exchange;
    load.requests++;
    this.#bodyBytes = request.body.length;
    load.bodyBytes += this.#bodyBytes;
    if (load.stopping) {
      exchange.refuse({ code: 'STOPPING', message: 'this node is stopping; ask another one' });
    } else if (load.requests > context.limits.requestsMax) {
      exchange.refuse({ code: 'OVERLOADED', message: 'this node has too many requests under way' });
    } else if (load.bodyBytes > bodyBytesInFlightMax) {
      exchange.refuse({ code: 'OVERLOADED', message: 'this node is receiving too many bytes at once' });
    } else {
      serve(exchange, request.target);
    }
  }

  /** The request under way is answered, or never will be. */
  #settle(): void {
    if (this.#exchange === undefined) return;
    const { load } = this.#options.context;
    load.requests--;
    load.bodyBytes -= this.#bodyBytes;
    this.#exchange = undefined;
  }

  /** The reply has left whole. */
  #replied(closes: boolean): void {
    if (closes || this.#options.context.load.stopping) this.#socket.destroySoon();
    else if (this.#leaving) this.#leave();
  }

  #leave(): void {
    const socket = this.#socket;
    socket.off('data', this.#onData).off('end', this.#onEnd).off('close', this.#onClose);
    socket.off('error', this.#onError).off('timeout', this.#onTimeout);
    socket.setTimeout(0);
    this.#options.onLeave(socket);
    socket.resume();
  }

  /** A client that closes its side has gone, as with `node:http`; a reply on its way still leaves. */
  readonly #onEnd = (): void => {
    this.#settle();
    this.#socket.destroySoon();
  };

  readonly #onError = (): void => {
    this.#options.context.observer.count('http.socket_errors');
  };

  readonly #onTimeout = (): void => {
    if (this.#exchange !== undefined) return;
    if (this.#flushing) this.#options.context.observer.count('http.disconnected.not_reading');
    this.#socket.destroy();
  };

  readonly #onClose = (): void => {
    this.#settle();
  };
}

/** One request and its reply. */
class PlainExchange implements KeyExchange {
  readonly #lane: PlainLane;
  readonly #request: PlainRequest;

  constructor(lane: PlainLane, request: PlainRequest) {
    this.#lane = lane;
    this.#request = request;
  }

  get method(): string {
    return this.#request.method;
  }

  get requestHeaders(): KeyExchange['requestHeaders'] {
    return this.#request.headers;
  }

  get wholeBody(): Uint8Array {
    return this.#request.body;
  }

  get isGone(): boolean {
    return !this.#lane.serves(this);
  }

  receiveBody(): IncomingBody {
    assert(false, 'the body of a plain request came with its head');
  }

  mayQueue(bodyBytes: number): boolean {
    return this.#lane.mayQueue(bodyBytes);
  }

  send(status: number, headers: OutgoingHttpHeader[], body: Uint8Array | string = ''): void {
    this.#lane.answer(this, status, headers, body);
  }

  sendError(error: ErrorReply, further: readonly OutgoingHttpHeader[] = []): void {
    const { status, headers, body } = renderError(error, this.#request.headers.accept);
    headers.push(...further);
    this.#lane.answer(this, status, headers, body);
  }

  refuse(error: ErrorReply, further: readonly OutgoingHttpHeader[] = []): void {
    this.sendError(error, further);
  }
}

const closing = 'Connection: close\r\n';

const statusLines = new Map<number, string>();

function statusLineOf(status: number): string {
  let line = statusLines.get(status);
  if (line === undefined) {
    line = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'Error'}\r\n`;
    statusLines.set(status, line);
  }
  return line;
}

/** Dates are said to the second, so one is good for all replies of that second. */
let dateSecond = 0;
let dateLine = '';

function dateLineNow(): string {
  const second = Math.floor(Date.now() / 1_000);
  if (second !== dateSecond) {
    dateSecond = second;
    dateLine = `Date: ${new Date(second * 1_000).toUTCString()}\r\n`;
  }
  return dateLine;
}

function headOf(status: number, headers: readonly OutgoingHttpHeader[], connection: string): string {
  let head = statusLineOf(status);
  for (let index = 0; index < headers.length; index += 2) {
    head += `${String(headers[index])}: ${String(headers[index + 1])}\r\n`;
  }
  return `${head}${dateLineNow()}${connection}\r\n`;
}
