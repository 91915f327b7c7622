/**
 * The Redis front of a node: connections that speak RESP2 or RESP3, over the same store as HTTP.
 *
 * It does not listen. Whoever owns the port asks `claims` with the first bytes of a connection and hands the socket
 * over, nothing read from it; the listener must have been created with `allowHalfOpen: true`. Replies of all
 * connections leave at the end of the turn of the event loop, one socket write each.
 */

import type { Socket } from 'node:net';
import { limits } from '../../core/limits.ts';
import type { Observer } from '../../ports/observer.ts';
import type { NodeApi } from '../../replica/node-api.ts';
import { RequestGathering } from '../request-gathering.ts';
import { startsRedis } from './first-bytes.ts';
import { RedisConnection, type RedisConnectionContext, type RedisLimits } from './redis-connection.ts';
import { ReplyEncoder } from './reply-encoder.ts';
import { Session, type ServerFigures, type ServerView } from './session.ts';

export interface RedisFrontendConfig {
  readonly valueBytesMax: number;
  /** Of this package, for `INFO`. */
  readonly version: string;
  /** Instead of those of `core/limits.ts`. */
  readonly limits?: Partial<RedisLimits> & { readonly stopGraceMs?: number };
}

export interface RedisFrontend {
  /** Whether a connection that begins with these bytes is for this front; undefined while they don't tell. */
  readonly claims: (first: Uint8Array) => boolean | undefined;
  readonly accept: (socket: Socket) => void;
  /** What is under way, for the operator and tests. */
  readonly figures: Readonly<ServerFigures>;
  /** Takes no new request, lets those under way finish within a bound, and closes every connection. */
  stop(): Promise<void>;
}

/** Puts a Redis front before a node. */
export function createRedisFrontend(options: {
  readonly node: NodeApi;
  readonly config: RedisFrontendConfig;
  readonly observer: Observer;
  /** Wall milliseconds; the system clock unless a test sets it. */
  readonly wallNow?: () => number;
}): RedisFrontend {
  const { node, config, observer, wallNow = Date.now } = options;
  const figures: ServerFigures = {
    connectionsReceived: 0,
    commandsProcessed: 0,
    requestBytes: 0,
    replyBytes: 0,
  };
  const sessions = new Set<Session>();
  const connections = new Set<RedisConnection>();
  let onEmpty: (() => void) | undefined;
  let stopping = false;
  const server: ServerView = {
    node,
    version: config.version,
    valueBytesMax: config.valueBytesMax,
    wallNow,
    startedAtMs: wallNow(),
    sessions,
    figures,
  };
  const context: RedisConnectionContext = {
    limits: { ...limitsFor(config.valueBytesMax), ...config.limits },
    figures,
    observer,
    encoder: new ReplyEncoder(),
    gathering: new RequestGathering(node),
    flushLater: flushAtEndOfTurn(),
  };

  function accept(socket: Socket): void {
    if (stopping) {
      socket.destroy();
      return;
    }
    socket.setNoDelay(true);
    socket.setKeepAlive(true, limits.redisKeepAliveMs);
    const session = new Session({
      id: ++figures.connectionsReceived,
      server,
      address: `${socket.remoteAddress ?? '?'}:${socket.remotePort ?? 0}`,
      localAddress: `${socket.localAddress ?? '?'}:${socket.localPort ?? 0}`,
    });
    const connection = new RedisConnection(socket, session, context);
    sessions.add(session);
    connections.add(connection);
    socket.once('close', () => {
      sessions.delete(session);
      connections.delete(connection);
      if (connections.size === 0) onEmpty?.();
    });
  }

  async function stop(): Promise<void> {
    stopping = true;
    for (const connection of connections) connection.stop();
    const bound = setTimeout(() => {
      for (const connection of connections) connection.destroy();
    }, config.limits?.stopGraceMs ?? limits.httpStopGraceMs);
    if (connections.size > 0) await new Promise<void>((resolve) => (onEmpty = resolve));
    clearTimeout(bound);
  }

  return { claims: startsRedis, accept, figures, stop };
}

/** Collects the connections that have replies ready, and flushes each once when the turn ends. */
function flushAtEndOfTurn(): (connection: RedisConnection) => void {
  let due: RedisConnection[] = [];
  function flushAll(): void {
    const connections = due;
    due = [];
    for (const connection of connections) connection.flush();
  }
  return (connection) => {
    if (due.push(connection) === 1) setImmediate(flushAll);
  };
}

function limitsFor(valueBytesMax: number): RedisLimits {
  return {
    lineBytesMax: limits.redisLineBytesMax,
    argumentsMax: limits.redisArgumentsMax,
    argumentBytesMax: valueBytesMax + limits.redisArgumentRoomBytes,
    requestBytesMax: Math.max(limits.redisRequestBytesMax, valueBytesMax + 2 * limits.redisArgumentRoomBytes),
    pipelineMax: limits.clientPipelineMax,
    outputBytesMax: limits.clientOutputBytesMax,
    outputBytesTotalMax: limits.clientOutputBytesTotalMax,
    requestBytesTotalMax: limits.bodyBytesInFlightMax,
    readStallMs: limits.clientReadStallMs,
    stallMs: limits.clientStallMs,
    lingerMs: limits.httpLingerMs,
  };
}
