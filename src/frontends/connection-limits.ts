/**
 * What a client connection may take of the node: header bytes, time, silence; and what happens to
 * one that breaks a limit or talks nonsense.
 *
 * A request that cannot be parsed is answered once, after everything before it, and the connection
 * is closed; a socket error is counted and ends that connection only. The server never listens
 * itself, so nothing here relies on its accepting sockets.
 */

import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { Socket } from 'node:net';
import { limits } from '../core/limits.ts';
import { ClientConnection, type ConnectionContext } from './client-connection.ts';
import { ClientReply } from './client-reply.ts';
import type { ErrorReply } from './error-reply.ts';
import { PlainLane, type PlainLaneOptions } from './plain-lane.ts';

export interface HttpTimeouts {
  readonly headersMs: number;
  readonly requestMs: number;
  readonly keepAliveMs: number;
  /** How often the first two are looked at. */
  readonly checkMs: number;
}

export const defaultHttpTimeouts: HttpTimeouts = {
  headersMs: limits.httpHeadersTimeoutMs,
  requestMs: limits.httpRequestTimeoutMs,
  keepAliveMs: limits.httpKeepAliveMs,
  checkMs: limits.httpTimeoutCheckMs,
};

export interface GuardedServer {
  readonly server: Server;
  /** Takes a connection over, nothing read from it yet. */
  readonly accept: (socket: Socket) => void;
  /** Closes idle connections, then the others as they finish, and cuts what is left after the bound. */
  readonly close: (graceMs: number) => Promise<void>;
}

/**
 * A server whose connections keep to the limits. Ordinary requests go to `plain.serve`; a connection that
 * sends any other is `node:http`'s from then on, and its requests go, in turn, to `context.serve`.
 */
export function createGuardedServer(
  context: ConnectionContext,
  timeouts: HttpTimeouts,
  plain: Pick<PlainLaneOptions, 'serve' | 'bodyBytesMax' | 'bodyBytesInFlightMax'>,
): GuardedServer {
  const server: Server = createServer({
    ServerResponse: ClientReply,
    maxHeaderSize: limits.httpHeaderBytesMax,
    headersTimeout: timeouts.headersMs,
    requestTimeout: timeouts.requestMs,
    keepAliveTimeout: timeouts.keepAliveMs,
    connectionsCheckingInterval: timeouts.checkMs,
    // Missing and doubled Host headers are refused together, in `request-framing.ts`.
    requireHostHeader: false,
  });
  server.timeout = context.limits.stallMs;
  // The size of the headers is limited; a limit on their number would drop the rest silently.
  server.maxHeadersCount = 0;
  const connections = new Set<ClientConnection | PlainLane>();
  let onEmpty: (() => void) | undefined;
  let closed = false;
  const bySocket = new WeakMap<object, ClientConnection>();

  server.on('connection', (socket: Socket) => {
    if (closed) return socket.destroy();
    const connection = new ClientConnection(socket, context);
    bySocket.set(socket, connection);
    connections.add(connection);
    socket.setNoDelay(true);
    socket.on('close', () => forget(connection));
  });
  function forget(connection: ClientConnection | PlainLane): void {
    connections.delete(connection);
    if (connections.size === 0) onEmpty?.();
  }
  function acceptSocket(socket: Socket): void {
    if (closed) {
      socket.destroy();
      return;
    }
    const lane = new PlainLane(socket, {
      ...plain,
      context,
      keepAliveMs: timeouts.keepAliveMs,
      onLeave: () => {
        server.emit('connection', socket);
        forget(lane);
      },
    });
    connections.add(lane);
    socket.on('close', () => forget(lane));
  }
  const accept = (request: IncomingMessage, reply: ClientReply): void => {
    bySocket.get(request.socket)?.accept(reply);
  };
  server.on('request', accept);
  server.on('checkContinue', (request: IncomingMessage, reply: ClientReply) => {
    reply.awaitsContinue = true;
    accept(request, reply);
  });
  server.on('checkExpectation', (request: IncomingMessage, reply: ClientReply) => {
    reply.expectsUnknown = true;
    accept(request, reply);
  });
  server.on('connect', (request) => {
    bySocket.get(request.socket)?.fail({ code: 'METHOD_NOT_ALLOWED', message: 'this is not a proxy' });
  });
  server.on('timeout', (socket: Socket) => bySocket.get(socket)?.timedOut());
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    const fault = parseFaultOf(error);
    if (fault !== undefined) {
      context.observer.count('http.unreadable_requests');
      bySocket.get(socket)?.fail(fault);
    } else {
      context.observer.count('http.socket_errors');
      socket.destroy();
    }
  });
  // The check of headersTimeout and requestTimeout starts with this event, which nobody else emits.
  server.emit('listening');

  async function close(graceMs: number): Promise<void> {
    for (const connection of connections) connection.stop();
    const bound = setTimeout(() => {
      for (const connection of connections) connection.destroy();
    }, graceMs);
    if (connections.size > 0) await new Promise<void>((resolve) => (onEmpty = resolve));
    clearTimeout(bound);
    closed = true;
    // Ends the timeout check. The error it reports says that the server never listened.
    server.close(() => {});
  }

  return { server, accept: acceptSocket, close };
}

/** What to tell a client whose bytes are not a request; undefined for an error of its socket. */
function parseFaultOf(error: NodeJS.ErrnoException): ErrorReply | undefined {
  const code = error.code ?? '';
  if (code === 'HPE_HEADER_OVERFLOW') {
    const message = `request line and headers may have ${limits.httpHeaderBytesMax} bytes together`;
    return { code: 'HEADERS_TOO_LARGE', message };
  }
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') {
    return { code: 'REQUEST_TIMEOUT', message: 'the request did not arrive in time' };
  }
  if (code.startsWith('HPE_')) return { code: 'BAD_REQUEST', message: 'the request is not valid HTTP/1.1' };
  return undefined;
}
