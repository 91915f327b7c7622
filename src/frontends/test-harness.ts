/**
 * For the tests of the HTTP front: a listener on the loopback that hands its sockets over as the
 * port-sharing code does, and a client that sends exact bytes.
 *
 * Not for production use. Every socket is closed when the test ends.
 */

import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import type { TestContext } from 'node:test';
import { createHttpFrontend, type HttpFrontend, type HttpFrontendConfig } from './http-server.ts';
import { MemoryNode } from './memory-node.ts';

export interface Reply {
  readonly status: number;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

export interface Harness {
  readonly node: MemoryNode;
  readonly frontend: HttpFrontend;
  readonly port: number;
  /** The connections that were handed over, in the order of their first bytes. */
  readonly sockets: readonly Socket[];
  /** Counters of the observer, by name. */
  readonly counts: ReadonlyMap<string, number>;
  /** What was logged, a line each. */
  readonly logged: readonly string[];
  /** `halfOpen`: the client's side stays open when the server has closed its own. */
  connect(options?: { readonly halfOpen: boolean }): Promise<RawClient>;
  /** One request on a connection of its own. */
  request(method: string, target: string, options?: RequestParts): Promise<Reply>;
  stop(): Promise<void>;
}

export interface RequestParts {
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
}

/** Starts a front before a `MemoryNode`. */
export async function startHarness(
  test: TestContext,
  config: Partial<HttpFrontendConfig> = {},
): Promise<Harness> {
  const node = new MemoryNode();
  const counts = new Map<string, number>();
  const logged: string[] = [];
  const sockets: Socket[] = [];
  const frontend = createHttpFrontend({
    node,
    config: { valueBytesMax: 1 << 20, ...config, limits: { lingerMs: 100, ...config.limits } },
    observer: {
      log: (level, event, message) => void logged.push(`${level} ${event} ${message}`),
      count: (name, by = 1) => counts.set(name, (counts.get(name) ?? 0) + by),
    },
    wallNow: () => node.wallMs,
  });
  const listener = createServer({ allowHalfOpen: true, pauseOnConnect: true }, handOver);
  const clients = new Set<RawClient>();
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const port = (listener.address() as AddressInfo).port;

  /** Looks at the first bytes, as a port shared by two protocols must, and gives them back. */
  function handOver(socket: Socket): void {
    socket.once('error', () => socket.destroy());
    socket.once('data', (first: Buffer) => {
      socket.pause();
      socket.unshift(first);
      sockets.push(socket);
      frontend.accept(socket);
      socket.resume();
    });
    socket.resume();
  }
  async function connectClient(options = { halfOpen: false }): Promise<RawClient> {
    const client = new RawClient(port, options.halfOpen);
    clients.add(client);
    await client.connected;
    return client;
  }
  async function request(method: string, target: string, parts: RequestParts = {}): Promise<Reply> {
    const client = await connectClient();
    client.send(requestText(method, target, parts));
    const reply = await client.reply(method === 'HEAD');
    client.close();
    return reply;
  }
  async function stop(): Promise<void> {
    listener.close();
    await frontend.stop();
  }
  test.after(async () => {
    for (const client of clients) client.close();
    await stop();
  });
  return { node, frontend, port, sockets, counts, logged, connect: connectClient, request, stop };
}

/** A request as bytes, `Host` and `Content-Length` added. */
export function requestText(method: string, target: string, parts: RequestParts = {}): Buffer {
  const body = Buffer.from(parts.body ?? '');
  let head = `${method} ${target} HTTP/1.1\r\nHost: test\r\n`;
  for (const [name, value] of Object.entries(parts.headers ?? {})) head += `${name}: ${value}\r\n`;
  if (parts.body !== undefined) head += `Content-Length: ${body.length}\r\n`;
  return Buffer.concat([Buffer.from(`${head}\r\n`, 'latin1'), body]);
}

/** A TCP client that parses replies but sends whatever it is given. */
export class RawClient {
  readonly socket: Socket;
  readonly connected: Promise<unknown>;
  #chunks: Buffer[] = [];
  #bytes = 0;
  #closed = false;
  #wake: () => void = () => {};

  constructor(port: number, halfOpen: boolean) {
    this.socket = connect({ port, host: '127.0.0.1', allowHalfOpen: halfOpen });
    this.connected = once(this.socket, 'connect');
    this.socket.on('data', (chunk: Buffer) => {
      this.#chunks.push(chunk);
      this.#bytes += chunk.length;
      this.#wake();
    });
    // A refused client sees a reset when it is still sending; the tests look at `closed`.
    this.socket.on('error', () => {});
    this.socket.on('close', () => {
      this.#closed = true;
      this.#wake();
    });
  }

  send(bytes: string | Uint8Array): void {
    this.socket.write(bytes);
  }

  close(): void {
    this.socket.destroy();
  }

  /** The next reply. Fails when the connection closes before it is whole. */
  async reply(withoutBody = false): Promise<Reply> {
    let wantedBytes = 1;
    for (;;) {
      if (this.#bytes >= wantedBytes) {
        const received = this.#received();
        const parsed = parseReply(received, withoutBody);
        if (parsed.reply !== undefined) {
          this.#chunks = [received.subarray(parsed.bytes)];
          this.#bytes -= parsed.bytes;
          return parsed.reply;
        }
        wantedBytes = Math.max(parsed.bytes, this.#bytes + 1);
      }
      if (this.#closed) throw new Error(`closed after "${this.#received().toString('latin1')}"`);
      await this.#more();
    }
  }

  /** Resolves when the server has closed the connection, to what it had sent and nobody took. */
  async closed(): Promise<string> {
    while (!this.#closed) await this.#more();
    return this.#received().toString('latin1');
  }

  #received(): Buffer {
    const received = Buffer.concat(this.#chunks);
    this.#chunks = [received];
    return received;
  }

  #more(): Promise<void> {
    return new Promise((resolve) => (this.#wake = resolve));
  }
}

/** The first reply in `bytes` and how long it is, or how many bytes it takes at least. */
function parseReply(bytes: Buffer, withoutBody: boolean): { readonly reply?: Reply; readonly bytes: number } {
  const end = bytes.indexOf('\r\n\r\n');
  if (end < 0) return { bytes: 0 };
  const [statusLine = '', ...lines] = bytes.subarray(0, end).toString('latin1').split('\r\n');
  const headers: Record<string, string> = {};
  for (const line of lines) {
    const colon = line.indexOf(':');
    headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim();
  }
  const status = Number(statusLine.split(' ')[1]);
  const length = withoutBody || status < 200 ? 0 : Number(headers['content-length'] ?? 0);
  const total = end + 4 + length;
  if (bytes.length < total) return { bytes: total };
  return { reply: { status, headers, body: bytes.subarray(end + 4, total) }, bytes: total };
}
