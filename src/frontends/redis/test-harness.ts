/**
 * For the tests of the Redis front: a listener on the loopback that hands its sockets over as the port-sharing code
 * does, and a client that sends exact bytes and takes replies apart one by one.
 *
 * Not for production use. Every socket is closed when the test ends.
 */

import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import type { TestContext } from 'node:test';
import { MemoryNode } from '../memory-node.ts';
import { createRedisFrontend, type RedisFrontend, type RedisFrontendConfig } from './redis-server.ts';

export interface RedisHarness {
  readonly node: MemoryNode;
  readonly frontend: RedisFrontend;
  /** Counters of the observer, by name. */
  readonly counts: ReadonlyMap<string, number>;
  /** The server's ends of all connections, oldest first. */
  readonly sockets: readonly Socket[];
  connect(): Promise<RawRedisClient>;
  /** One request on a connection of its own: the raw reply. */
  ask(...words: readonly (string | Uint8Array)[]): Promise<string>;
}

/** Starts a front before a `MemoryNode`. */
export async function startRedisHarness(
  test: TestContext,
  config: Partial<RedisFrontendConfig> = {},
): Promise<RedisHarness> {
  const node = new MemoryNode();
  const counts = new Map<string, number>();
  const frontend = createRedisFrontend({
    node,
    config: {
      valueBytesMax: 1 << 20,
      version: '1.2.3',
      ...config,
      limits: { lingerMs: 100, stopGraceMs: 500, ...config.limits },
    },
    observer: { log: () => {}, count: (name, by = 1) => counts.set(name, (counts.get(name) ?? 0) + by) },
    wallNow: () => node.wallMs,
  });
  const sockets: Socket[] = [];
  const listener = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.push(socket);
    frontend.accept(socket);
  });
  const clients = new Set<RawRedisClient>();
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const port = (listener.address() as AddressInfo).port;
  async function connectClient(): Promise<RawRedisClient> {
    const client = new RawRedisClient(port);
    clients.add(client);
    await client.connected;
    return client;
  }
  async function ask(...words: readonly (string | Uint8Array)[]): Promise<string> {
    const client = await connectClient();
    client.send(multibulk(...words));
    const reply = await client.reply();
    client.close();
    return reply;
  }
  test.after(async () => {
    for (const client of clients) client.close();
    listener.close();
    await frontend.stop();
  });
  return { node, frontend, counts, sockets, connect: connectClient, ask };
}

/** A request as programs send it. */
export function multibulk(...words: readonly (string | Uint8Array)[]): Buffer {
  const parts = words.flatMap((word) => {
    const bytes = Buffer.from(word);
    return [Buffer.from(`$${bytes.length}\r\n`), bytes, Buffer.from('\r\n')];
  });
  return Buffer.concat([Buffer.from(`*${words.length}\r\n`), ...parts]);
}

/** A TCP client that sends whatever it is given. */
export class RawRedisClient {
  readonly socket: Socket;
  readonly connected: Promise<unknown>;
  #received = '';
  #closed = false;
  #wake: () => void = () => {};

  constructor(port: number) {
    this.socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    this.connected = once(this.socket, 'connect');
    this.socket.setEncoding('latin1');
    this.socket.on('data', (text: string) => {
      this.#received += text;
      this.#wake();
    });
    // A refused client sees a reset when it is still sending; the tests look at what had arrived.
    this.socket.on('error', () => {});
    for (const event of ['close', 'end']) {
      this.socket.on(event, () => {
        this.#closed = true;
        this.#wake();
      });
    }
  }

  send(bytes: string | Uint8Array): void {
    this.socket.write(bytes);
  }

  close(): void {
    this.socket.destroy();
  }

  /** The next reply as it came, latin1. Fails when the connection closes before it is whole. */
  async reply(): Promise<string> {
    for (;;) {
      const end = replyEnd(this.#received, 0);
      if (end > 0) {
        const reply = this.#received.slice(0, end);
        this.#received = this.#received.slice(end);
        return reply;
      }
      if (this.#closed) throw new Error(`closed after ${JSON.stringify(this.#received)}`);
      await this.#more();
    }
  }

  async replies(count: number): Promise<string[]> {
    const replies: string[] = [];
    while (replies.length < count) replies.push(await this.reply());
    return replies;
  }

  /** Resolves when the server has closed its side, to what it had sent and nobody took. */
  async ended(): Promise<string> {
    while (!this.#closed) await this.#more();
    return this.#received;
  }

  #more(): Promise<void> {
    return new Promise((resolve) => (this.#wake = resolve));
  }
}

/** Where the reply that starts at an offset ends; negative when it is not whole. */
export function replyEnd(text: string, start: number): number {
  const lineEnd = text.indexOf('\r\n', start);
  if (lineEnd < 0) return -1;
  const count = Number(text.slice(start + 1, lineEnd));
  switch (text[start]) {
    case '+':
    case '-':
    case ':':
    case '_':
      return lineEnd + 2;
    case '$':
    case '=': {
      const end = count < 0 ? lineEnd + 2 : lineEnd + 4 + count;
      return end <= text.length ? end : -1;
    }
    case '*':
    case '~':
    case '%': {
      let end = lineEnd + 2;
      for (let items = text[start] === '%' ? count * 2 : count; items > 0 && end >= 0; items--) {
        end = replyEnd(text, end);
      }
      return end;
    }
    default:
      throw new Error(`no reply starts with ${JSON.stringify(text.slice(start, start + 40))}`);
  }
}
