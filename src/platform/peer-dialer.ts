/**
 * Keeps one connection to one peer: dials, and dials again after a pause when that failed or ended.
 *
 * There is never more than one socket: the next attempt starts after the last one's socket is closed. So
 * a peer that accepts connections and then stays silent costs one socket, not thousands.
 */

import type { Socket } from 'node:net';
import { limits } from '../core/limits.ts';
import type { CancelTimer, Clock } from '../ports/clock.ts';
import type { Random } from '../ports/random.ts';
import { HandshakeUnderWay, type HandshakeEnd } from './handshake-under-way.ts';
import type { HandshakeContext } from './handshake-rules.ts';
import type { PeerChannel } from './peer-channel.ts';
import type { PeerConnection } from './peer-connection.ts';
import { reconnectDelayMs } from './reconnect-backoff.ts';

export interface PeerDialerOptions {
  /** Begins to connect. */
  readonly connect: () => PeerChannel;
  readonly clock: Clock;
  readonly random: Random;
  readonly handshakeTimeoutMs: number;
  readonly context: Omit<HandshakeContext, 'judgeChannel'>;
  /** Told how each handshake ended; makes the connection of one that ended as open. */
  readonly onEnd: (end: HandshakeEnd, socket: Socket) => PeerConnection | undefined;
}

export class PeerDialer {
  readonly #options: PeerDialerOptions;
  #cancelTimer: CancelTimer = () => {};
  #handshake: HandshakeUnderWay | undefined;
  #connection: PeerConnection | undefined;
  #failures = 0;
  #isStopped = false;

  constructor(options: PeerDialerOptions) {
    this.#options = options;
  }

  /** Dials now; from then on by itself until `stop`. */
  dial(): void {
    const { connect, context, clock, handshakeTimeoutMs } = this.#options;
    const channel = connect();
    this.#connection = undefined;
    this.#handshake = new HandshakeUnderWay({
      channel,
      context,
      clock,
      timeoutMs: handshakeTimeoutMs,
      onEnd: (end) => {
        this.#connection = this.#options.onEnd(end, channel.socket);
      },
      onReleased: () => {
        this.#handshake = undefined;
        void this.#redialAfter(this.#connection);
      },
    });
  }

  /** Dials no more. A handshake under way is aborted; an open connection is left to its owner. */
  stop(): void {
    this.#isStopped = true;
    this.#cancelTimer();
    this.#handshake?.abort();
  }

  async #redialAfter(connection: PeerConnection | undefined): Promise<void> {
    const { clock, random } = this.#options;
    if (connection !== undefined) {
      await connection.closed;
      const wasStable = clock.monotonicNow() - connection.openedMs >= limits.connectionStableAfterMs;
      if (wasStable) this.#failures = 0;
    }
    if (this.#isStopped) return;
    this.#cancelTimer = clock.startTimer(reconnectDelayMs(this.#failures, random), () => this.dial());
    this.#failures += 1;
  }
}
