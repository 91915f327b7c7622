/**
 * One open connection to a peer: frames in, frames out, until either end closes it.
 */

import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { errorMessageOf } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import type { CancelTimer, Clock } from '../ports/clock.ts';
import type { Observer } from '../ports/observer.ts';
import type { PeerIdentity } from '../ports/transport.ts';
import { FrameReader } from './frame-reader.ts';
import { OutboundQueue } from './outbound-queue.ts';
import { describeSocketError } from './socket-error.ts';

export interface PeerConnectionOptions {
  /** A socket whose handshake is complete; it is owned here from now on. */
  readonly socket: Socket;
  readonly peer: PeerIdentity;
  readonly frameBytesMax: number;
  readonly queueBytesMax: number;
  /** The connection is given up when nothing has come for about so long; kept unless told. */
  readonly silentMsMax?: number;
  readonly clock: Clock;
  readonly observer: Observer;
  readonly onFrame: (from: PeerIdentity, frame: Uint8Array) => void;
  /** Called once, when nothing is sent or delivered any more; the socket may still be closing. */
  readonly onLost: (connection: PeerConnection, reason: string) => void;
}

/** The silence that a peer is allowed is looked at in so many pieces. */
const silentChecksMax = 8;

export class PeerConnection {
  readonly peer: PeerIdentity;
  /** Monotonic time at which it was opened. */
  readonly openedMs: number;
  /** Resolves when the socket is closed and forgotten by the kernel. */
  readonly closed: Promise<void>;
  /** Whether frames wait for `flush`. Kept by the transport. */
  isQueued = false;
  /** Monotonic time at which something last arrived; at first when it was opened. */
  lastHeardMs: number;
  readonly #options: PeerConnectionOptions;
  readonly #queue: OutboundQueue;
  readonly #reader: FrameReader;
  #isLost = false;
  #isFlushPlanned = false;
  #silentChecks = 0;
  #cancelCheck: CancelTimer = () => undefined;

  constructor(options: PeerConnectionOptions) {
    const { socket, peer, onFrame } = options;
    this.peer = peer;
    this.openedMs = options.clock.monotonicNow();
    this.lastHeardMs = this.openedMs;
    this.#options = options;
    this.#queue = new OutboundQueue({ socket, queueBytesMax: options.queueBytesMax });
    this.#reader = new FrameReader({
      frameBytesMax: options.frameBytesMax,
      onFrame: (frame) => onFrame(peer, frame),
    });
    this.closed = new Promise((resolve) => {
      socket.once('close', () => {
        this.#lose('the connection was closed');
        resolve();
      });
    });
    socket.on('data', (chunk: Uint8Array) => this.receive(chunk));
    // Between the pieces of a long frame others have their turn.
    socket.on('drain', () => (this.#queue.hasMore ? this.#flushNextTurn() : this.flush()));
    socket.on('end', () => {
      this.#lose('the peer closed the connection');
      socket.end();
    });
    socket.on('error', (error) => this.#lose(describeSocketError(error)));
    if (options.silentMsMax !== undefined) this.#watch(options.silentMsMax);
  }

  get isEncrypted(): boolean {
    return this.#options.socket instanceof TLSSocket;
  }

  /** Takes in bytes as they came from the socket: those behind the handshake are pushed from outside. */
  receive(chunk: Uint8Array): void {
    if (this.#isLost) return;
    if (chunk.length > 0) this.lastHeardMs = this.#options.clock.monotonicNow();
    let refusal: string | undefined;
    try {
      refusal = this.#reader.push(chunk);
    } catch (error) {
      // A handler that throws is a bug here, but a frame that triggers it must not end the process.
      refusal = `handling its frame failed: ${errorMessageOf(error)}`;
      const stack = error instanceof Error ? error.stack : undefined;
      this.#options.observer.log('error', 'peer.handler-failed', `${this.peer.id}: ${refusal}`, { stack });
    }
    if (refusal !== undefined) this.destroy(refusal);
  }

  /** Queues a frame for `flush`. False when there is no room, or no connection any more. */
  send(frame: Uint8Array, tail?: Uint8Array): boolean {
    return !this.#isLost && this.#queue.push(frame, tail);
  }

  flush(): void {
    if (this.#isLost) return;
    this.#queue.flush();
    if (this.#queue.hasMore && !this.#options.socket.writableNeedDrain) this.#flushNextTurn();
  }

  /** Ends the connection at once; what is queued is lost. */
  destroy(reason: string): void {
    this.#lose(reason);
    this.#options.socket.destroy();
  }

  /** Ends the connection after what is queued has left, as far as that goes quickly. */
  async finish(reason: string): Promise<void> {
    const { socket, clock } = this.#options;
    if (!this.#isLost) this.#queue.flushAnyway();
    this.#lose(reason);
    socket.end();
    const cancelTimer = clock.startTimer(limits.peerStopFlushMs, () => socket.destroy());
    await this.closed;
    cancelTimer();
  }

  /**
   * Gives the connection up when nothing comes any more. After an outage TCP tries again at ever longer intervals, up to two
   * minutes; a new connection carries data at once. Silence is counted in checks: a process that stood still itself has
   * made no more than one of them meanwhile.
   */
  #watch(silentMsMax: number): void {
    const heardMs = this.lastHeardMs;
    this.#cancelCheck = this.#options.clock.startTimer(Math.ceil(silentMsMax / silentChecksMax), () => {
      this.#silentChecks = this.lastHeardMs === heardMs ? this.#silentChecks + 1 : 0;
      if (this.#silentChecks < silentChecksMax) this.#watch(silentMsMax);
      else this.destroy(`nothing came for ${silentMsMax} ms, no heartbeat either`);
    });
  }

  #flushNextTurn(): void {
    if (this.#isFlushPlanned) return;
    this.#isFlushPlanned = true;
    this.#options.clock.nextTurn(() => {
      this.#isFlushPlanned = false;
      this.flush();
    });
  }

  #lose(reason: string): void {
    if (this.#isLost) return;
    this.#isLost = true;
    this.#cancelCheck();
    this.#reader.stop();
    this.#options.onLost(this, reason);
  }
}
