/**
 * Puts, gets and deletes over HTTP, and a node's own view of a key: what `smoke`, `demo` and the
 * end-to-end tests do to a cluster.
 */

import type { Agent } from 'node:http';

import { z } from 'zod';

import type { Address } from './address.ts';
import { keyPath, requestNode, type NodeReply } from './node-client.ts';

const requestTimeoutMs = 10_000;

const localRecordSchema = z.discriminatedUnion('found', [
  z.object({ found: z.literal(false) }),
  z.object({
    found: z.literal(true),
    record: z.object({ value: z.string(), deleted: z.boolean() }),
  }),
]);

/** What one node has on its own disk under a key. */
export type LocalRecord =
  | { readonly kind: 'nothing' }
  | { readonly kind: 'value'; readonly value: Buffer }
  | { readonly kind: 'tombstone' };

const hintsSchema = z.object({ count: z.int() });
const peersSchema = z.object({ peers: z.array(z.object({ id: z.string(), up: z.boolean() })) });
const placementSchema = z.object({
  key: z.object({ owners: z.array(z.string()), fallbacks: z.array(z.string()) }),
});

export class KeyClient {
  readonly #address: Address;
  readonly #agent: Agent | undefined;

  constructor(address: Address, agent?: Agent) {
    this.#address = address;
    this.#agent = agent;
  }

  put(key: Uint8Array | string, value: Uint8Array | string, query = ''): Promise<NodeReply> {
    return this.request('PUT', `${keyPath(bytesOf(key))}${query}`, bytesOf(value));
  }

  get(key: Uint8Array | string, query = ''): Promise<NodeReply> {
    return this.request('GET', `${keyPath(bytesOf(key))}${query}`);
  }

  delete(key: Uint8Array | string): Promise<NodeReply> {
    return this.request('DELETE', keyPath(bytesOf(key)));
  }

  request(method: string, path: string, body?: Uint8Array): Promise<NodeReply> {
    return requestNode(this.#address, {
      method,
      path,
      headers: { accept: 'application/json' },
      ...(body === undefined ? {} : { body }),
      ...(this.#agent === undefined ? {} : { agent: this.#agent }),
      timeoutMs: requestTimeoutMs,
    });
  }

  /** The node's own record of a key, by `POST /internal/get`; it asks nobody else. */
  async localRecord(key: string): Promise<LocalRecord> {
    const answer = localRecordSchema.parse(await this.#json('POST', '/internal/get', { key }));
    if (!answer.found) return { kind: 'nothing' };
    if (answer.record.deleted) return { kind: 'tombstone' };
    return { kind: 'value', value: Buffer.from(answer.record.value, 'base64') };
  }

  /** How many hints this node keeps for others now. */
  async hintCount(): Promise<number> {
    return hintsSchema.parse(await this.#json('GET', '/debug/hints')).count;
  }

  /** The peers that this node counts as up. */
  async peersUp(): Promise<readonly string[]> {
    const { peers } = peersSchema.parse(await this.#json('GET', '/debug/peers'));
    return peers.filter((peer) => peer.up).map((peer) => peer.id);
  }

  /** The nodes that own a key, and those that stand in for them, in order. */
  async placementOf(
    key: string,
  ): Promise<{ readonly owners: readonly string[]; readonly fallbacks: readonly string[] }> {
    return placementSchema.parse(await this.#json('GET', `/debug/ring?key=${encodeURIComponent(key)}`)).key;
  }

  async #json(method: string, path: string, body?: unknown): Promise<unknown> {
    const reply = await requestNode(this.#address, {
      method,
      path,
      headers: { accept: 'application/json', 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: Buffer.from(JSON.stringify(body)) }),
      timeoutMs: requestTimeoutMs,
    });
    if (reply.kind !== 'answered') throw new Error(`${method} ${path}: ${reply.message}`);
    if (reply.status !== 200) {
      throw new Error(`${method} ${path} answered ${reply.status}: ${reply.body.toString('utf8').trim()}`);
    }
    return JSON.parse(reply.body.toString('utf8'));
  }
}

/** `204`, or what there was instead, for a message. */
export function statusText(reply: NodeReply): string {
  if (reply.kind !== 'answered') return reply.message;
  const body = reply.status >= 400 ? ` ${reply.body.toString('utf8').trim().slice(0, 200)}` : '';
  return `${reply.status}${body}`;
}

/** Whether a reply came with that status. */
export function hasStatus(
  reply: NodeReply,
  status: number,
): reply is NodeReply & { readonly kind: 'answered' } {
  return reply.kind === 'answered' && reply.status === status;
}

function bytesOf(content: Uint8Array | string): Uint8Array {
  return typeof content === 'string' ? Buffer.from(content) : content;
}
