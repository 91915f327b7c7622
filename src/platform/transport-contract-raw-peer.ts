/** A peer that a test plays by hand, byte by byte, for what a well-behaved one never does. */

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { connect as connectTls, type ConnectionOptions } from 'node:tls';
import { writeUint32 } from '../core/bytes.ts';
import { isNodeId, type NodeId } from '../core/config.ts';
import {
  encodeHello,
  encodePreface,
  encodeWelcome,
  HandshakeReader,
  type HandshakeMessage,
  type Hello,
} from './handshake-codec.ts';

export function nodeId(text: string): NodeId {
  assert.ok(isNodeId(text));
  return text;
}

/** A length prefix, whatever follows it. */
export function lengthPrefix(length: number): Uint8Array {
  const bytes = new Uint8Array(4);
  writeUint32(bytes, 0, length);
  return bytes;
}

/** What the members of `transport-contract-members.ts` say of themselves. */
export function helloOf(id: NodeId, changes: Partial<Hello> = {}): Hello {
  const log = { generation: 'k3f9xa', since: 0, entries: 0 };
  const lives = { incarnation: 1, life: 1, log };
  return { id, clusterName: 'test', ...lives, epoch: 1, fingerprint: 0xfeedface, ...changes };
}

export class RawPeer {
  readonly socket: Socket;
  /** Resolves when the other end has closed the connection; errors are how it may do that. */
  readonly closed: Promise<void>;
  readonly #reader = new HandshakeReader();

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on('error', () => {});
    this.closed = new Promise((resolve) => socket.once('close', () => resolve()));
  }

  static async connect(port: number): Promise<RawPeer> {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    await once(socket, 'connect');
    return new RawPeer(socket);
  }

  /** Connects by TLS, whatever the other end shows. */
  static async overTls(port: number, options: ConnectionOptions): Promise<RawPeer> {
    const socket = connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false, ...options });
    await once(socket, 'secureConnect');
    return new RawPeer(socket);
  }

  /** Connects and completes the handshake. */
  static async join(port: number, hello: Hello): Promise<RawPeer> {
    const peer = await RawPeer.connect(port);
    await peer.write(encodePreface());
    await peer.write(encodeHello(hello));
    assert.equal((await peer.nextMessage()).kind, 'preface');
    assert.equal((await peer.nextMessage()).kind, 'hello');
    await peer.write(encodeWelcome());
    return peer;
  }

  /** Resolves once the kernel has the bytes. */
  async write(bytes: Uint8Array): Promise<void> {
    await new Promise((resolve) => this.socket.write(bytes, resolve));
  }

  /** The next message of the handshake. */
  async nextMessage(): Promise<HandshakeMessage> {
    for (;;) {
      const message = this.#reader.next();
      if (message !== undefined) return message;
      const chunk: unknown = this.socket.read() ?? (await once(this.socket, 'readable'), this.socket.read());
      assert.ok(chunk instanceof Uint8Array, 'the other end closed the connection instead of speaking');
      this.#reader.push(chunk);
    }
  }
}
