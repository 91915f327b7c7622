/**
 * Everything on the client port that is not `/kv`: a fastify application without a server of its
 * own, fed with requests of ours.
 *
 * It validates JSON by schema and names the wrong field. Bodies are read by our own reader, so that
 * the node's limits and timeouts hold here too; errors leave in the same forms as those of `/kv`.
 */

import Fastify, { type FastifyError, type FastifyInstance, type FastifyRequest } from 'fastify';
import type { IncomingMessage } from 'node:http';
import { StoreError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import type { Observer } from '../ports/observer.ts';
import type { NodeApi } from '../replica/node-api.ts';
import { admitBody, BodyReader } from './body-reader.ts';
import type { FrontendLoad } from './client-connection.ts';
import { ClientReply } from './client-reply.ts';
import { errorReplyOf, type ErrorReply } from './error-reply.ts';
import { addInspectionRoutes } from './inspection-routes.ts';
import type { RequestTarget } from './key-path.ts';
import { addMaintenanceRoutes } from './maintenance-routes.ts';
import { addStatusRoutes, type PeerTlsStatus, type PersistencePaths } from './status-routes.ts';

export interface OperatorOptions {
  readonly node: NodeApi;
  readonly load: FrontendLoad;
  readonly observer: Observer;
  readonly valueBytesMax: number;
  readonly bodyBytesInFlightMax: number;
  readonly paths: PersistencePaths;
  readonly peerTls: (() => PeerTlsStatus) | undefined;
  readonly partsCounters: () => Readonly<Record<string, number>>;
}

export class OperatorRoutes {
  readonly #fastify: FastifyInstance;
  readonly #options: OperatorOptions;
  /** Path to the methods it takes. */
  readonly #methods = new Map<string, string[]>();
  /** The parser of a body is not told the reply, whose connection limits the body. */
  readonly #replies = new WeakMap<IncomingMessage, ClientReply>();
  readonly #ready: Promise<void>;
  #started = false;

  constructor(options: OperatorOptions) {
    this.#options = options;
    const fastify = Fastify({
      logger: false,
      bodyLimit: limits.inspectionBodyBytesMax,
      // A wrong type is told to the caller, never converted, and no field is dropped in silence.
      ajv: { customOptions: { coerceTypes: false, removeAdditional: false, useDefaults: false } },
    });
    this.#fastify = fastify;
    fastify.addHook('onRoute', (route) => {
      const methods = this.#methods.get(route.url) ?? [];
      this.#methods.set(route.url, methods.concat(route.method));
    });
    fastify.addHook('onSend', (_request, reply, payload, done) => {
      const raw = reply.raw;
      if (raw instanceof ClientReply) {
        raw.clientConnection?.answering(raw, typeof payload === 'string' ? payload.length : 0);
      }
      done(null, payload);
    });
    fastify.removeAllContentTypeParsers();
    // Whatever its Content-Type says: `curl -d` calls JSON a form.
    fastify.addContentTypeParser('*', async (request: FastifyRequest) =>
      parseJson(await this.#readBody(request.raw, request.routeOptions.bodyLimit)),
    );
    fastify.setErrorHandler((error: FastifyError, _request, reply) => {
      reply.hijack();
      if (reply.raw instanceof ClientReply) reply.raw.refuse(this.#describe(error));
    });
    addStatusRoutes(fastify, options);
    addInspectionRoutes(fastify, { local: options.node.local, valueBytesMax: options.valueBytesMax });
    addMaintenanceRoutes(fastify, options.node);
    this.#ready = Promise.resolve(fastify.ready()).then(() => {
      this.#started = true;
    });
  }

  /** Answers any request outside `/kv`. */
  handle(reply: ClientReply, target: RequestTarget): void {
    const methods = this.#methods.get(target.path);
    if (methods === undefined) {
      return reply.refuse({ code: 'NOT_FOUND', message: 'not found; keys are under /kv/' });
    }
    if (!methods.includes(reply.req.method ?? '')) {
      const allowed = methods.join(', ');
      return reply.refuse({ code: 'METHOD_NOT_ALLOWED', message: `allowed are ${allowed}` }, [
        'Allow',
        allowed,
      ]);
    }
    // An absolute target is reduced to the path that the router knows.
    reply.req.url = target.query === '' ? target.path : `${target.path}?${target.query}`;
    this.#replies.set(reply.req, reply);
    if (this.#started) return this.#fastify.routing(reply.req, reply);
    this.#ready.then(
      () => this.#fastify.routing(reply.req, reply),
      (error: unknown) => reply.refuse(this.#describe(error)),
    );
  }

  async close(): Promise<void> {
    await this.#fastify.close();
  }

  async #readBody(request: IncomingMessage, bodyBytesMax: number): Promise<Uint8Array> {
    const reply = this.#replies.get(request);
    if (reply === undefined) throw new StoreError('INTERNAL', 'a request came from elsewhere');
    const { load, bodyBytesInFlightMax } = this.#options;
    admitBody(request, reply, bodyBytesMax);
    const reader = new BodyReader(request, reply, load, { bodyBytesMax, bodyBytesInFlightMax });
    // What the JSON holds stays in memory until the reply has left.
    reply.once('close', () => reader.release());
    const body = await reader.read();
    if (body === undefined) throw new StoreError('BAD_REQUEST', 'the client went away');
    return body;
  }

  #describe(error: unknown): ErrorReply {
    if (error instanceof StoreError) return errorReplyOf(error);
    const { statusCode = 500, validation, message } = error as FastifyError;
    if (validation !== undefined) return { code: 'BAD_REQUEST', message: validationMessage(validation) };
    if (statusCode === 415) return { code: 'UNSUPPORTED_MEDIA_TYPE', message };
    if (statusCode < 500) return { code: 'BAD_REQUEST', message };
    this.#options.observer.log('error', 'http.handler_failed', `a request failed: ${String(error)}`);
    return { code: 'INTERNAL', message: 'internal error; the node has logged it' };
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

type Validation = NonNullable<FastifyError['validation']>;

/** Names the field first, as `record.ts: must be integer`. */
function validationMessage(validation: Validation): string {
  const fault = validation[0];
  if (fault === undefined) return 'the body is not valid';
  const { instancePath, message, params } = fault;
  const path = instancePath.slice(1).replaceAll('/', '.');
  const extra = params['additionalProperty'] ?? params['missingProperty'];
  const field = [path, typeof extra === 'string' ? extra : ''].filter((part) => part !== '').join('.');
  if (params['additionalProperty'] !== undefined) return `${field}: unknown field`;
  if (params['missingProperty'] !== undefined) return `${field}: missing`;
  return `${field === '' ? 'body' : field}: ${message ?? 'not valid'}`;
}

function parseJson(body: Uint8Array): unknown {
  try {
    const text = utf8.decode(body);
    return text === '' ? null : JSON.parse(text);
  } catch (cause) {
    // Bytes that are not UTF-8 must not be read as some other key.
    throw new StoreError('BAD_REQUEST', 'the body is not valid JSON in UTF-8', { cause });
  }
}
