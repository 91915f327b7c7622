/**
 * One port for several protocols: the first bytes of a connection say which one it speaks.
 *
 * Connections between nodes start with a zero byte, requests of the Redis protocol with `*` or the name of a
 * command; whatever no protocol claims goes to the last one of the list, HTTP. The bytes that were looked at are
 * put back, so the protocol reads the connection from its beginning. A connection that stays silent, or that
 * does not show within a while what it speaks, is closed.
 */

import { createServer, type Server, type Socket } from 'node:net';
import type { Server as HttpServer } from 'node:http';
import { StoreError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import type { Clock } from '../ports/clock.ts';
import type { Observer } from '../ports/observer.ts';
import { describeSocketError } from './socket-error.ts';

export interface PortProtocol {
  /**
   * Whether a connection that starts with these bytes speaks this protocol; undefined while more are needed to tell,
   * which must end within `limits.firstBytesMax`. The first that says so gets it.
   */
  readonly claims: (firstByte: number, firstBytes: Uint8Array) => boolean | undefined;
  /**
   * Takes a connection over, nothing read from it yet. It must attach its listeners before it returns, handle
   * `end` (the socket stays open for writing after it), and close the connection in the end.
   */
  readonly accept: (socket: Socket) => void;
  /** Set where `accept` reads by other means than the socket's events, which would lose what comes through them. */
  readonly acceptsPaused?: true;
}

export interface SharedPortOptions {
  /** Address to bind; empty for all. IPv6 without brackets. */
  readonly host: string;
  /** 0 for any free one. */
  readonly port: number;
  /** Whether other processes that say so too may listen there as well; each gets some of the connections. */
  readonly reusePort?: boolean;
  readonly protocols: readonly PortProtocol[];
  readonly clock: Clock;
  readonly observer: Observer;
  /** `limits.firstBytesTimeoutMs` unless told. */
  readonly firstBytesTimeoutMs?: number;
  /** `limits.connectionsMax` unless told; further connections are closed at once. */
  readonly connectionsMax?: number;
}

export class SharedPort {
  readonly #options: SharedPortOptions;
  readonly #server: Server;
  readonly #undecided = new Set<Socket>();

  constructor(options: SharedPortOptions) {
    this.#options = options;
    this.#server = createServer({ allowHalfOpen: true, noDelay: true });
    this.#server.maxConnections = options.connectionsMax ?? limits.connectionsMax;
    this.#server.on('connection', (socket) => this.#onConnection(socket));
    this.#server.on('drop', () => options.observer.count('connections.dropped'));
  }

  /** Starts accepting; resolves to the port. Throws `CONFIG_INVALID` when the address can't be bound. */
  async listen(): Promise<number> {
    const { host, port, reusePort = false } = this.#options;
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', (cause) => {
        const what = `cannot listen on ${host === '' ? '*' : host} port ${port}: ${describeSocketError(cause)}`;
        const whatToDo = 'end the process that uses it, or give this node another address';
        reject(new StoreError('CONFIG_INVALID', `${what}; ${whatToDo}`, { cause }));
      });
      const backlog = limits.connectionsBacklogMax;
      this.#server.listen({ port, reusePort, backlog, ...(host === '' ? {} : { host }) }, resolve);
    });
    const address = this.#server.address();
    return typeof address === 'object' && address !== null ? address.port : port;
  }

  /** Stops accepting. Connections that were handed to their protocol are that protocol's to close. */
  close(): void {
    this.#server.close();
    for (const socket of this.#undecided) socket.destroy();
  }

  #onConnection(socket: Socket): void {
    const { clock, protocols, firstBytesTimeoutMs = limits.firstBytesTimeoutMs } = this.#options;
    const cancelTimer = clock.startTimer(firstBytesTimeoutMs, () => socket.destroy());
    let seen: Buffer | undefined;
    this.#undecided.add(socket);
    const decide = (): void => {
      cancelTimer();
      this.#undecided.delete(socket);
      socket.off('data', onData).off('end', onEnd).off('error', onError).off('close', decide);
    };
    const onData = (chunk: Buffer): void => {
      seen = seen === undefined ? chunk : Buffer.concat([seen, chunk]);
      const protocol = protocolOf(protocols, seen);
      if (protocol === 'undecided') return;
      decide();
      socket.pause();
      socket.unshift(seen);
      if (protocol === undefined) {
        socket.destroy();
        return;
      }
      protocol.accept(socket);
      if (protocol.acceptsPaused !== true) socket.resume();
    };
    const onEnd = (): void => void socket.destroy();
    const onError = (): void => void socket.destroy();
    socket.on('data', onData).on('end', onEnd).on('error', onError).on('close', decide);
  }
}

/** The protocol of a connection that starts with these bytes; `undecided` while one of them can't tell yet. */
function protocolOf(
  protocols: readonly PortProtocol[],
  firstBytes: Uint8Array,
): PortProtocol | 'undecided' | undefined {
  for (const protocol of protocols) {
    const claimed = protocol.claims(firstBytes[0] ?? 0, firstBytes);
    if (claimed === true) return protocol;
    if (claimed === undefined && firstBytes.length < limits.firstBytesMax) return 'undecided';
  }
  return protocols.at(-1);
}

/**
 * HTTP as one of the protocols: claims every connection, so it comes last. `server` must not listen
 * itself; this makes it believe that it does, since it looks for slow requests only then. Closing it
 * is the caller's.
 */
export function httpProtocol(server: HttpServer, accept?: (socket: Socket) => void): PortProtocol {
  server.emit('listening');
  return { claims: () => true, accept: accept ?? ((socket) => void server.emit('connection', socket)) };
}
