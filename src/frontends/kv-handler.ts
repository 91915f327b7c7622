/**
 * `/kv/<key>`: the client API on `node:http` directly, because a framework costs a third of it.
 *
 *   PUT     204                      stored: W replicas have it durable
 *   GET     200 or 404               R replicas answered; 304 when `If-None-Match` names the version
 *   HEAD    like GET, without a body
 *   DELETE  204                      also for a key that never existed
 *
 * Every outcome carries `ETag` (the version's dot), `X-Replicas-Answered` and
 * `X-Replicas-Required`. A write that missed its quorum is answered 503 or 507 with `outcome:
 * "unknown"`, because it may be there; only `outcome: "not-applied"` promises that it is nowhere.
 */

import type { OutgoingHttpHeader } from 'node:http';
import type { Dot } from '../core/dot.ts';
import type { NodeApi, PutRequest, ReadOutcome, RequestOptions, WriteOutcome } from '../replica/node-api.ts';
import { admitBody, BodyReader, type BodyLimits } from './body-reader.ts';
import type { FrontendLoad } from './client-connection.ts';
import type { ClientReply } from './client-reply.ts';
import { entityTagOf, listsEntityTag } from './entity-tag.ts';
import { errorReplyOf, type ErrorReply } from './error-reply.ts';
import { keyOfPath, type RequestTarget } from './key-path.ts';
import { causalContextOf, checkReadHeaders, checkWriteHeaders, contentTypeOf } from './key-headers.ts';
import { parseRequestOptions } from './request-options.ts';

export interface KeyHandlerOptions {
  readonly node: NodeApi;
  readonly load: FrontendLoad;
  readonly bodyLimits: BodyLimits;
  /** Wall milliseconds, for the expiry of `?ttl=`. */
  readonly wallNow: () => number;
}

type Mutable<Type> = { -readonly [Field in keyof Type]: Type[Field] };
type KeyRequest = Mutable<RequestOptions & { readonly key: Uint8Array }>;

const allow = ['Allow', 'GET, HEAD, PUT, DELETE'];
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

  constructor(options: KeyHandlerOptions) {
    this.#node = options.node;
    this.#load = options.load;
    this.#bodyLimits = options.bodyLimits;
    this.#wallNow = options.wallNow;
    this.#replicas = options.node.ring().quorum.n;
  }

  /** Answers a request for a path under `/kv`. Never rejects. */
  async handle(reply: ClientReply, target: RequestTarget): Promise<void> {
    try {
      switch (reply.req.method) {
        case 'GET':
        case 'HEAD':
          return await this.#get(reply, target);
        case 'PUT':
          return await this.#put(reply, target);
        case 'DELETE':
          return await this.#delete(reply, target);
        default:
          reply.refuse({ code: 'METHOD_NOT_ALLOWED', message: `allowed are ${allow[1]}` }, allow);
      }
    } catch (error) {
      reply.refuse(errorReplyOf(error));
    }
  }

  async #get(reply: ClientReply, target: RequestTarget): Promise<void> {
    const request = this.#requestOf(reply, target);
    checkReadHeaders(reply.req.headers);
    if (!mayQueue(reply, 0)) return reply.refuse(clientsNotReading);
    sendRead(reply, await this.#node.get(request));
  }

  async #put(reply: ClientReply, target: RequestTarget): Promise<void> {
    const { headers } = reply.req;
    const request: Mutable<PutRequest> = { ...this.#requestOf(reply, target), value: noValue };
    checkWriteHeaders(headers);
    const contentType = contentTypeOf(headers);
    if (contentType !== undefined) request.contentType = contentType;
    admitBody(reply.req, reply, this.#bodyLimits.bodyBytesMax);
    const reader = new BodyReader(reply.req, reply, this.#load, this.#bodyLimits);
    try {
      const value = await reader.read();
      // A client that went away in the middle has written nothing.
      if (value === undefined) return;
      request.value = value;
      await sendWritten(reply, this.#node.put(request));
    } finally {
      reader.release();
    }
  }

  async #delete(reply: ClientReply, target: RequestTarget): Promise<void> {
    const request = this.#requestOf(reply, target);
    checkWriteHeaders(reply.req.headers);
    await sendWritten(reply, this.#node.delete(request));
  }

  #requestOf(reply: ClientReply, target: RequestTarget): KeyRequest & { expiresAtMs?: number } {
    const request: KeyRequest & { expiresAtMs?: number } = { key: keyOfPath(target.path) };
    if (target.query !== '') {
      const { ttlMs, ...overrides } = parseRequestOptions(target.query, {
        replicas: this.#replicas,
        allowTtl: reply.req.method === 'PUT',
      });
      Object.assign(request, overrides);
      if (ttlMs !== undefined) request.expiresAtMs = this.#wallNow() + ttlMs;
    }
    const context = causalContextOf(reply.req.headers);
    if (context !== undefined) request.context = context;
    return request;
  }
}

const noValue = new Uint8Array(0);

function sendRead(reply: ClientReply, outcome: ReadOutcome): void {
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
  const condition = reply.req.headers['if-none-match'];
  if (condition !== undefined && listsEntityTag(condition, entityTagOf(outcome.version.dot))) {
    return reply.send(304, headers);
  }
  if (!mayQueue(reply, value.length)) return reply.sendError(clientsNotReading);
  headers.push('Content-Type', contentType === '' ? defaultContentType : contentType);
  headers.push('Content-Length', value.length);
  reply.send(200, headers, reply.req.method === 'HEAD' ? undefined : value);
}

async function sendWritten(reply: ClientReply, pending: Promise<WriteOutcome>): Promise<void> {
  let outcome: WriteOutcome;
  try {
    outcome = await pending;
  } catch (error) {
    // Nobody knows how far the write got before this.
    return reply.sendError({ ...errorReplyOf(error), details: { outcome: 'unknown' } });
  }
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

function mayQueue(reply: ClientReply, bodyBytes: number): boolean {
  return reply.clientConnection?.mayQueue(bodyBytes) ?? true;
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
