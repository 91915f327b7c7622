/**
 * Carries one handshake over a socket, within a time limit.
 *
 * Until the outcome is known the socket is owned here. An open one is then handed on with whatever
 * arrived behind the handshake; any other is closed here, after a refusal has had time to arrive.
 */

import type { Socket } from 'node:net';
import type { CancelTimer, Clock } from '../ports/clock.ts';
import { Handshake, type HandshakeOutcome } from './handshake.ts';
import type { HandshakeContext } from './handshake-rules.ts';
import type { PeerChannel } from './peer-channel.ts';
import { describeSocketError } from './socket-error.ts';

export type HandshakeEnd =
  | HandshakeOutcome
  /** No outcome: no connection was made, it broke, or the other end took too long. */
  | { readonly kind: 'broken'; readonly reason: string };

export interface ShakeHandsOptions {
  readonly channel: PeerChannel;
  readonly context: Omit<HandshakeContext, 'judgeChannel'>;
  readonly clock: Clock;
  /** For connecting and all that follows. */
  readonly timeoutMs: number;
  /** Called once unless aborted. For `open` the socket is the caller's from here on. */
  readonly onEnd: (end: HandshakeEnd) => void;
  /** Called once, last: the socket is handed on or closed. */
  readonly onReleased: () => void;
}

/** One handshake under way. It begins at once. */
export class HandshakeUnderWay {
  readonly #options: ShakeHandsOptions;
  readonly #socket: Socket;
  readonly #handshake: Handshake;
  readonly #cancelTimer: CancelTimer;
  #hasEnded = false;

  constructor(options: ShakeHandsOptions) {
    this.#options = options;
    const { socket, readyEvent, judge } = options.channel;
    this.#socket = socket;
    const context = { ...options.context, judgeChannel: judge };
    this.#handshake = new Handshake(context, (bytes) => void socket.write(bytes));
    this.#cancelTimer = options.clock.startTimer(options.timeoutMs, this.#onTimeout);
    socket.on('data', this.#onData).on('end', this.#onPeerEnd);
    socket.on('error', this.#onError).on('close', this.#onClose);
    if (readyEvent === undefined) this.#handshake.start();
    else socket.once(readyEvent, () => this.#handshake.start());
  }

  /** Closes the connection without a word to anybody. */
  abort(): void {
    this.#hasEnded = true;
    this.#socket.destroy();
  }

  readonly #onData = (chunk: Uint8Array): void => {
    // After a refusal the rest is read and thrown away: unread bytes would turn the close into a reset,
    // and a reset may overtake the refusal.
    if (this.#hasEnded) return;
    this.#proceed(this.#handshake.push(chunk));
  };

  #proceed(outcome: ReturnType<Handshake['push']>): void {
    if (outcome === undefined) return;
    if (outcome.kind === 'remembering') {
      // The other end has nothing to say until then: what a stranger sends all the same stays in the kernel.
      this.#socket.pause();
      void outcome.done.then(() => {
        if (this.#hasEnded) return;
        this.#socket.resume();
        this.#proceed(this.#handshake.remembered());
      });
      return;
    }
    if (outcome.kind === 'open') this.#release();
    else this.#socket.end();
    this.#end(outcome);
    if (outcome.kind === 'open') this.#options.onReleased();
  }

  readonly #onPeerEnd = (): void => {
    this.#socket.end();
    this.#end({ kind: 'broken', reason: 'the other end closed the connection during the handshake' });
  };

  readonly #onError = (error: Error): void => {
    this.#end({ kind: 'broken', reason: describeSocketError(error) });
  };

  readonly #onTimeout = (): void => {
    this.#socket.destroy();
    this.#end({
      kind: 'broken',
      reason: `the handshake was not complete within ${this.#options.timeoutMs} ms`,
    });
  };

  readonly #onClose = (): void => {
    this.#end({ kind: 'broken', reason: 'the connection was closed during the handshake' });
    this.#release();
    this.#options.onReleased();
  };

  #end(end: HandshakeEnd): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#options.onEnd(end);
  }

  #release(): void {
    this.#cancelTimer();
    const socket = this.#socket;
    socket.off('data', this.#onData).off('end', this.#onPeerEnd);
    socket.off('error', this.#onError).off('close', this.#onClose);
  }
}
