/**
 * `/kv/<key>`: the client API on `node:http` directly, because a framework costs a third of it.
 *
 *   PUT     204                      stored: W replicas have it durable
 *   GET     200 or 404               R replicas answered; 304 when `If-None-Match` names the version
 *   HEAD    like GET, without a body
 *   DELETE  204                      also for a key that never existed
 *
 * Every outcome carries `ETag` (the version's dot), `X-Replicas-Answered` and
 * `X-Replicas-Required`. A client that hands an `ETag` back as `X-Causal-Context` has its next write
 * win over that version. A write that missed its quorum is answered 503 or 507 with `outcome:
 * "unknown"`, because it may be there; only `outcome: "not-applied"` promises that it is nowhere.
 */

import type { OutgoingHttpHeader } from 'node:http';
import type { Dot } from '../core/dot.ts';
import {
  goesWithOthers,
  type NodeApi,
  type PutRequest,
  type ReadOutcome,
  type WriteOutcome,
} from '../replica/node-api.ts';
import type { BodyLimits } from './body-reader.ts';
import type { FrontendLoad } from './client-connection.ts';
import { entityTagOf, listsEntityTag } from './entity-tag.ts';
import { errorReplyOf, type ErrorReply } from './error-reply.ts';
import type { IncomingBody, KeyExchange } from './key-exchange.ts';
import { keyOfPath, type RequestTarget } from './key-path.ts';
import { causalContextOf, checkReadHeaders, checkWriteHeaders, contentTypeOf } from './key-headers.ts';
import { RequestGathering, type Waiting } from './request-gathering.ts';
import { parseRequestOptions } from './request-options.ts';

export interface KeyHandlerOptions {
  readonly node: NodeApi;
  readonly load: FrontendLoad;
  readonly bodyLimits: BodyLimits;
  /** Wall milliseconds, for the expiry of `?ttl=`. */
  readonly wallNow: () => number;
}

type Mutable<Type> = { -readonly [Field in keyof Type]: Type[Field] };

const allow = ['Allow', 'GET, HEAD, PUT, DELETE'];
const noValue = new Uint8Array(0);
const defaultContentType = 'application/octet-stream';
const clientsNotReading: ErrorReply = {
  code: 'OVERLOADED',
  message: 'clients of this node have not taken the replies that are queued for them',
};

export class KeyHandler {
  readonly #node: NodeApi;
  readonly #load: FrontendLoad;
  readonly #bodyLimits: BodyLimits;
  readonly #wallNow: () => number;
  readonly #replicas: number;
  readonly #gathering: RequestGathering;

  constructor(options: KeyHandlerOptions) {
    this.#node = options.node;
    this.#load = options.load;
    this.#bodyLimits = options.bodyLimits;
    this.#wallNow = options.wallNow;
    this.#replicas = options.node.ring().quorum.n;
    this.#gathering = new RequestGathering(options.node);
  }

  /** Answers a request for a path under `/kv`. Never throws or rejects. */
  handle(reply: KeyExchange, target: RequestTarget): void {
    switch (reply.method) {
      case 'GET':
      case 'HEAD':
        void this.#get(reply, target);
        return;
      case 'PUT':
        void this.#put(reply, target);
        return;
      case 'DELETE':
        void this.#delete(reply, target);
        return;
      default:
        reply.refuse({ code: 'METHOD_NOT_ALLOWED', message: `allowed are ${allow[1]}` }, allow);
    }
  }

  async #get(reply: KeyExchange, target: RequestTarget): Promise<void> {
    try {
      const request = this.#requestOf(reply, target);
      checkReadHeaders(reply.requestHeaders);
      if (!reply.mayQueue(0)) return reply.refuse(clientsNotReading);
      if (goesWithOthers(request)) this.#gathering.read(request, new WaitingRead(reply));
      else sendRead(reply, await this.#node.get(request));
    } catch (error) {
      reply.refuse(errorReplyOf(error));
    }
  }

  async #put(reply: KeyExchange, target: RequestTarget): Promise<void> {
    let body: IncomingBody | undefined;
    let sent = false;
    try {
      const request = this.#requestOf(reply, target);
      const headers = reply.requestHeaders;
      checkWriteHeaders(headers);
      const contentType = contentTypeOf(headers);
      if (contentType !== undefined) request.contentType = contentType;
      let value = reply.wholeBody;
      if (value !== undefined && goesWithOthers(request)) {
        request.value = value;
        this.#gathering.write(request, new WaitingWrite(reply));
        return;
      }
      if (value === undefined) {
        body = reply.receiveBody(this.#load, this.#bodyLimits);
        value = await body.read();
        // A client that went away in the middle has written nothing.
        if (value === undefined) return;
      }
      request.value = value;
      sent = true;
      sendWritten(reply, await this.#node.put(request));
    } catch (error) {
      refuseWrite(reply, error, sent);
    } finally {
      body?.release();
    }
  }

  async #delete(reply: KeyExchange, target: RequestTarget): Promise<void> {
    let sent = false;
    try {
      const request = this.#requestOf(reply, target);
      checkWriteHeaders(reply.requestHeaders);
      sent = true;
      sendWritten(reply, await this.#node.delete(request));
    } catch (error) {
      refuseWrite(reply, error, sent);
    }
  }

  /** Reads and deletes have no use for the value, which a put fills in. */
  #requestOf(reply: KeyExchange, target: RequestTarget): Mutable<PutRequest> {
    const request: Mutable<PutRequest> = { key: keyOfPath(target.path), value: noValue, client: reply };
    if (target.query !== '') {
      const { ttlMs, ...overrides } = parseRequestOptions(target.query, {
        replicas: this.#replicas,
        allowTtl: reply.method === 'PUT',
      });
      Object.assign(request, overrides);
      if (ttlMs !== undefined) request.expiresAtMs = this.#wallNow() + ttlMs;
    }
    const context = causalContextOf(reply.requestHeaders);
    if (context !== undefined) request.context = context;
    return request;
  }
}

/** A read that the node carries out with others. */
class WaitingRead implements Waiting<ReadOutcome> {
  readonly #reply: KeyExchange;

  constructor(reply: KeyExchange) {
    this.#reply = reply;
  }

  onOutcome(outcome: ReadOutcome): void {
    sendRead(this.#reply, outcome);
  }

  onThrown(error: unknown): void {
    this.#reply.refuse(errorReplyOf(error));
  }
}

/** The same for a write. */
class WaitingWrite implements Waiting<WriteOutcome> {
  readonly #reply: KeyExchange;

  constructor(reply: KeyExchange) {
    this.#reply = reply;
  }

  onOutcome(outcome: WriteOutcome): void {
    sendWritten(this.#reply, outcome);
  }

  onThrown(error: unknown): void {
    refuseWrite(this.#reply, error, true);
  }
}

function sendRead(reply: KeyExchange, outcome: ReadOutcome): void {
  const { answered, required } = outcome;
  if (outcome.kind === 'unavailable') {
    const { code, message } = outcome;
    return reply.sendError({ code, message, details: { answered, required } }, replicaHeaders(outcome));
  }
  const dot = outcome.kind === 'found' ? outcome.version.dot : outcome.digest?.dot;
  const headers = versionHeaders(dot, answered, required);
  if (outcome.kind === 'missing') {
    return reply.sendError(
      { code: 'NOT_FOUND', message: 'not found', details: { answered, required } },
      headers,
    );
  }
  const { contentType, value } = outcome.version;
  const condition = reply.requestHeaders['if-none-match'];
  if (condition !== undefined && listsEntityTag(condition, entityTagOf(outcome.version.dot))) {
    return reply.send(304, headers);
  }
  if (!reply.mayQueue(value.length)) return reply.sendError(clientsNotReading);
  headers.push('Content-Type', contentType === '' ? defaultContentType : contentType);
  headers.push('Content-Length', value.length);
  reply.send(200, headers, reply.method === 'HEAD' ? undefined : value);
}

/** `sent`: the node has been asked, and nobody knows how far the write got. */
function refuseWrite(reply: KeyExchange, error: unknown, sent: boolean): void {
  const description = errorReplyOf(error);
  reply.refuse(sent ? { ...description, details: { outcome: 'unknown' } } : description);
}

function sendWritten(reply: KeyExchange, outcome: WriteOutcome): void {
  switch (outcome.kind) {
    case 'stored':
      return reply.send(204, versionHeaders(outcome.dot, outcome.acknowledged, outcome.required));
    case 'unknown': {
      const { code, message, acknowledged, required } = outcome;
      return reply.sendError(
        { code, message, details: { outcome: 'unknown', acknowledged, required } },
        versionHeaders(outcome.dot, acknowledged, required),
      );
    }
    case 'refused': {
      const { code, message } = outcome;
      return reply.sendError({ code, message, details: { outcome: 'not-applied' } });
    }
  }
}

function versionHeaders(dot: Dot | undefined, answered: number, required: number): OutgoingHttpHeader[] {
  const replicas: OutgoingHttpHeader[] = ['X-Replicas-Answered', answered, 'X-Replicas-Required', required];
  if (dot !== undefined) replicas.push('ETag', entityTagOf(dot));
  return replicas;
}

function replicaHeaders(outcome: {
  readonly answered: number;
  readonly required: number;
}): OutgoingHttpHeader[] {
  return versionHeaders(undefined, outcome.answered, outcome.required);
}
