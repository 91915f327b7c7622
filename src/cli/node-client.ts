/**
 * One HTTP request to one node, for the commands.
 *
 * The outcome tells what a writer must know: `unreachable` means that nothing was sent, so another node
 * may be asked instead; `unanswered` means that the request may have been carried out.
 * The path goes out as given (`fetch` would resolve `/kv/..` to `/`).
 */

import { Buffer } from 'node:buffer';
import { request, type Agent, type IncomingHttpHeaders } from 'node:http';

import { limits } from '../core/limits.ts';
import type { Address } from './address.ts';

export interface NodeRequest {
  readonly method: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
  /** For the whole exchange. */
  readonly timeoutMs: number;
  /** To keep connections open over several requests; by default each has its own. */
  readonly agent?: Agent;
}

export type NodeReply =
  | {
      readonly kind: 'answered';
      readonly status: number;
      readonly headers: IncomingHttpHeaders;
      readonly body: Buffer;
    }
  | { readonly kind: 'unreachable'; readonly message: string }
  | { readonly kind: 'unanswered'; readonly message: string };

/** The path of a key: every byte that a URL could misread is percent-encoded. */
export function keyPath(key: Uint8Array): string {
  let path = '/kv/';
  for (const byte of key) {
    const character = String.fromCharCode(byte);
    path += /[A-Za-z0-9_~-]/.test(character)
      ? character
      : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }
  return path;
}

/** Sends one request; never rejects. */
export function requestNode(address: Address, options: NodeRequest): Promise<NodeReply> {
  return new Promise((resolve) => {
    let connected = false;
    const outgoing = request({
      host: address.host,
      port: address.port,
      method: options.method,
      path: options.path,
      agent: options.agent ?? false,
      headers: { ...options.headers, 'content-length': String(options.body?.length ?? 0) },
    });
    const timer = setTimeout(() => {
      fail(`no answer within ${options.timeoutMs} ms`);
      outgoing.destroy();
    }, options.timeoutMs);

    function finish(reply: NodeReply): void {
      clearTimeout(timer);
      resolve(reply);
    }
    function fail(message: string): void {
      finish({ kind: connected ? 'unanswered' : 'unreachable', message });
    }

    outgoing.on('socket', (socket) => {
      if (!socket.connecting) connected = true;
      else socket.once('connect', () => (connected = true));
    });
    outgoing.on('error', (error) => fail(error.message));
    outgoing.on('response', (incoming) => {
      const chunks: Buffer[] = [];
      let length = 0;
      incoming.on('data', (chunk: Buffer) => {
        length += chunk.length;
        chunks.push(chunk);
        if (length <= limits.clientReplyBytesMax) return;
        fail(`the answer is longer than ${limits.clientReplyBytesMax} bytes`);
        outgoing.destroy();
      });
      incoming.on('error', (error) => fail(error.message));
      incoming.on('end', () => {
        const status = incoming.statusCode ?? 0;
        finish({ kind: 'answered', status, headers: incoming.headers, body: Buffer.concat(chunks) });
      });
    });
    outgoing.end(options.body);
  });
}
