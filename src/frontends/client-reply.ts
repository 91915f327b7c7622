/**
 * The reply object of every request on the client port, and the ways to send it.
 *
 * It carries what its connection must know to bound its queues. A reply leaves in one write, with
 * an explicit `Content-Length`; once a client is gone, sending does nothing.
 */

import { ServerResponse, type IncomingMessage, type OutgoingHttpHeader } from 'node:http';
import { limits } from '../core/limits.ts';
import { admitBody, BodyReader, type BodyLimits } from './body-reader.ts';
import type { ClientConnection, FrontendLoad } from './client-connection.ts';
import { renderError, type ErrorReply } from './error-reply.ts';
import type { IncomingBody, KeyExchange } from './key-exchange.ts';

/**
 * `held`: waits for its turn; `running`: a handler works on it; `answered`: its bytes are on their
 * way to the client; `closed`: they have left, or the connection is gone.
 */
export type ReplyPhase = 'held' | 'running' | 'answered' | 'closed';

export class ClientReply extends ServerResponse<IncomingMessage> implements KeyExchange {
  clientConnection: ClientConnection | undefined = undefined;
  phase: ReplyPhase = 'held';
  /** What this reply counts toward its connection's output cap while it is `answered`. */
  queuedBytes = 0;
  /** The client sends its body only after a `100 Continue`. */
  awaitsContinue = false;
  /** The client expects something that this server does not know. */
  expectsUnknown = false;

  get method(): string | undefined {
    return this.req.method;
  }

  get requestHeaders(): IncomingMessage['headers'] {
    return this.req.headers;
  }

  /** Bodies come after their head here. */
  get wholeBody(): undefined {
    return undefined;
  }

  get isGone(): boolean {
    return this.destroyed;
  }

  receiveBody(load: FrontendLoad, bodyLimits: BodyLimits): IncomingBody {
    admitBody(this.req, this, bodyLimits.bodyBytesMax);
    return new BodyReader(this.req, this, load, bodyLimits);
  }

  mayQueue(bodyBytes: number): boolean {
    return this.clientConnection?.mayQueue(bodyBytes) ?? true;
  }

  /** Sends the whole reply. `headers` is flat (name, value, …), complete, and kept by this call. */
  send(status: number, headers: OutgoingHttpHeader[], body?: Uint8Array | string): void {
    const connection = this.clientConnection;
    if (this.destroyed || this.headersSent || connection === undefined) return;
    if (connection.stopping || hasLongBody(this.req)) headers.push('Connection', 'close');
    connection.answering(this, body === undefined ? 0 : body.length);
    this.writeHead(status, headers);
    if (body instanceof Uint8Array && body.length <= limits.httpInlineBodyBytesMax) {
      this.end(latin1Of(body), 'latin1');
    } else {
      this.end(body);
    }
    connection.pump();
  }

  /** Sends an error in the form that the client prefers, with further headers after its own. */
  sendError(error: ErrorReply, further?: readonly OutgoingHttpHeader[]): void {
    const { status, headers, body } = renderError(error, this.req.headers.accept);
    if (further !== undefined) headers.push(...further);
    this.send(status, headers, body);
  }

  /**
   * Refuses a request whose body was not read to its end. A short rest is skipped and the connection
   * kept. A long one is not waited for: the reply leaves at once, and what still comes is thrown
   * away for a bounded while, because closing at once would reset the connection under the reply.
   */
  refuse(error: ErrorReply, further?: readonly OutgoingHttpHeader[]): void {
    const broken = this.clientConnection?.failed === true || hasLongBody(this.req);
    if (broken && !this.awaitsContinue) return this.refuseAndClose(error, further);
    this.sendError(error, further);
  }

  /** The same for a request after whose body the connection cannot be used. */
  refuseAndClose(error: ErrorReply, further: readonly OutgoingHttpHeader[] = []): void {
    const connection = this.clientConnection;
    if (this.destroyed || this.headersSent || connection === undefined) return;
    connection.abandon();
    const { status, headers, body } = renderError(error, this.req.headers.accept);
    this.writeHead(status, [...headers, ...further, 'Connection', 'close']);
    this.write(body);
    discardBody(this.req, connection.lingerMs, () => {
      if (this.destroyed) return;
      connection.answering(this, 0);
      this.end();
    });
  }
}

/** The bytes as a string that `latin1` turns back into them. */
function latin1Of(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
}

/** Whether more of the body may still come than is worth skipping. */
function hasLongBody(request: IncomingMessage): boolean {
  if (request.complete) return false;
  if (request.headers['transfer-encoding'] !== undefined) return true;
  return Number(request.headers['content-length'] ?? 0) > limits.httpSkippedBodyBytesMax;
}

/** Reads on without keeping anything until the end, a byte limit or a time limit; then calls `done` once. */
function discardBody(request: IncomingMessage, lingerMs: number, done: () => void): void {
  let discardedBytes = 0;
  const timer = setTimeout(finish, lingerMs);
  request.on('data', onData).once('end', finish).once('close', finish);
  // A client that has closed its side sends nothing any more, whether its request is whole or not.
  if (request.destroyed || request.readableEnded || request.socket.readableEnded) finish();

  function onData(chunk: Uint8Array): void {
    discardedBytes += chunk.length;
    if (discardedBytes > limits.httpLingerBytesMax) finish();
  }
  function finish(): void {
    clearTimeout(timer);
    request.off('data', onData).off('end', finish).off('close', finish);
    done();
  }
}
