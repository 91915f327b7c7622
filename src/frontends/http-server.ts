/**
 * The HTTP front of a node: `/kv` on `node:http`, everything else through fastify, on one server.
 *
 * It does not listen. Whoever owns the port looks at the first bytes of a connection and hands
 * sockets over to `accept`; bytes already read go back by `unshift`. The listener must have been created
 * with `allowHalfOpen: true`, as `node:http` does it. A connection starts on the short way for ordinary
 * requests (`plain-lane.ts`) and moves to `node:http` with the first that is not.
 */

import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import { limits } from '../core/limits.ts';
import type { Observer } from '../ports/observer.ts';
import type { NodeApi } from '../replica/node-api.ts';
import type { FrontendLoad, PipelineLimits } from './client-connection.ts';
import type { ClientReply } from './client-reply.ts';
import { createGuardedServer, defaultHttpTimeouts, type HttpTimeouts } from './connection-limits.ts';
import { errorReplyOf } from './error-reply.ts';
import { isKeyPath, parseTarget, type RequestTarget } from './key-path.ts';
import type { KeyExchange } from './key-exchange.ts';
import { KeyHandler } from './kv-handler.ts';
import { OperatorRoutes } from './operator-routes.ts';
import { framingFault } from './request-framing.ts';
import type { PeerTlsStatus, PersistencePaths } from './status-routes.ts';

export interface HttpFrontendConfig {
  readonly valueBytesMax: number;
  /** Shown to the operator; empty where unknown. */
  readonly paths?: PersistencePaths;
  /** Shown to the operator; without it peers speak plainly. */
  readonly peerTls?: (() => PeerTlsStatus) | undefined;
  /** What the parts beside the node count; nothing unless told. */
  readonly partsCounters?: () => Readonly<Record<string, number>>;
  readonly timeouts?: Partial<HttpTimeouts>;
  /** Instead of those of `core/limits.ts`. */
  readonly limits?: Partial<PipelineLimits> & {
    readonly bodyBytesInFlightMax?: number;
    readonly stopGraceMs?: number;
  };
}

export interface HttpFrontend {
  readonly server: Server;
  /** Takes a connection over, nothing read from it yet. */
  readonly accept: (socket: Socket) => void;
  /** What is under way, for the operator and tests. */
  readonly load: Readonly<FrontendLoad>;
  /**
   * Takes no new request, lets those under way finish within a bound, and closes every connection.
   * The owner of the port has stopped accepting by then.
   */
  stop(): Promise<void>;
}

/** Puts an HTTP front before a node. */
export function createHttpFrontend(options: {
  readonly node: NodeApi;
  readonly config: HttpFrontendConfig;
  readonly observer: Observer;
  /** Wall milliseconds; the system clock unless a test sets it. */
  readonly wallNow?: () => number;
}): HttpFrontend {
  const { node, config, observer, wallNow = Date.now } = options;
  const {
    valueBytesMax,
    peerTls,
    partsCounters = () => ({}),
    paths = { log: '', snapshot: '', hints: '' },
  } = config;
  const bodyBytesInFlightMax = config.limits?.bodyBytesInFlightMax ?? limits.bodyBytesInFlightMax;
  const load: FrontendLoad = { requests: 0, outputBytes: 0, bodyBytes: 0, stopping: false };
  const bodyLimits = { bodyBytesMax: valueBytesMax, bodyBytesInFlightMax };
  const keys = new KeyHandler({ node, load, bodyLimits, wallNow });
  const operator = new OperatorRoutes({
    node,
    load,
    observer,
    valueBytesMax,
    bodyBytesInFlightMax,
    paths,
    peerTls,
    partsCounters,
  });

  function serve(reply: ClientReply): void {
    const fault = framingFault(reply.req);
    if (fault !== undefined) return reply.refuseAndClose(fault);
    if (reply.expectsUnknown) {
      return reply.refuse({ code: 'NOT_SUPPORTED', message: 'the only expectation met is 100-continue' });
    }
    let target: RequestTarget;
    try {
      target = parseTarget(reply.req.url ?? '');
    } catch (error) {
      return reply.refuse(errorReplyOf(error));
    }
    if (isKeyPath(target.path)) keys.handle(reply, target);
    else operator.handle(reply, target);
  }

  function servePlain(exchange: KeyExchange, url: string): void {
    let target: RequestTarget;
    try {
      target = parseTarget(url);
    } catch (error) {
      return exchange.refuse(errorReplyOf(error));
    }
    keys.handle(exchange, target);
  }

  const pipeline: PipelineLimits = {
    ...defaultPipelineLimits,
    replyBytesMax: valueBytesMax,
    ...config.limits,
  };
  const timeouts = { ...defaultHttpTimeouts, ...config.timeouts };
  const { server, accept, close } = createGuardedServer(
    { limits: pipeline, load, observer, isCrowded: () => node.isCrowded, serve },
    timeouts,
    {
      serve: servePlain,
      ...bodyLimits,
    },
  );

  async function stop(): Promise<void> {
    load.stopping = true;
    await close(config.limits?.stopGraceMs ?? limits.httpStopGraceMs);
    await operator.close();
  }

  return { server, accept, load, stop };
}

const defaultPipelineLimits: Omit<PipelineLimits, 'replyBytesMax'> = {
  pipelineMax: limits.clientPipelineMax,
  heldMax: limits.clientHeldRequestsMax,
  outputBytesMax: limits.clientOutputBytesMax,
  outputBytesTotalMax: limits.clientOutputBytesTotalMax,
  requestsMax: limits.requestsInFlightMax,
  stallMs: limits.clientStallMs,
  readStallMs: limits.clientReadStallMs,
  lingerMs: limits.httpLingerMs,
};
