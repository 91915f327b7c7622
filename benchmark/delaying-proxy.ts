/**
 * A TCP proxy in front of a node's peer address, with which a benchmark makes the way back from that node slow, or silent
 * as when a switch drops its packets. What the node is sent always arrives at once.
 */

import { connect, createServer, type Server, type Socket } from 'node:net';
import { once } from 'node:events';

export class DelayingProxy {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  /** Milliseconds that bytes from the node are held back. */
  delayMs = 0;
  /** Lets nothing through in either direction. */
  isSilent = false;

  /** Forwards connections to `port`; call `listen` before use. */
  constructor(port: number) {
    this.#server = createServer((peer) => {
      const node = connect({ host: '127.0.0.1', port, noDelay: true });
      peer.setNoDelay(true);
      this.#forward(peer, node, () => 0);
      this.#forward(node, peer, () => this.delayMs);
    });
  }

  async listen(port: number): Promise<void> {
    this.#server.listen(port, '127.0.0.1');
    await once(this.#server, 'listening');
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  #forward(from: Socket, to: Socket, delayMs: () => number): void {
    this.#sockets.add(from);
    let lastDueMs = 0;
    from.on('data', (bytes) => {
      if (this.isSilent) return;
      // A shorter delay must not let bytes overtake those before them.
      lastDueMs = Math.max(lastDueMs, performance.now() + delayMs());
      const waitMs = lastDueMs - performance.now();
      if (waitMs < 0.5) to.write(bytes);
      else setTimeout(() => to.write(bytes), waitMs);
    });
    from.on('error', () => undefined);
    from.on('close', () => {
      this.#sockets.delete(from);
      to.destroy();
    });
  }
}
