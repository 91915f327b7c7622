/**
 * A connection of a pool: one request at a time; one that is given up, or breaks, is replaced by a new socket.
 */

import { connect, type Socket } from 'node:net';

import { ResponseParser } from './response-parser.ts';

export interface PoolEvents<Request> {
  /** It can take a request: it has just opened, or its request was answered. */
  readonly onFree: (connection: PooledConnection<Request>) => void;
  readonly onAnswer: (request: Request, status: number) => void;
  /** The connection broke under a request. */
  readonly onBroken: (request: Request) => void;
}

/** Pause before a new attempt to connect, so that a dead server costs no CPU. */
const reconnectPauseMs = 20;
const readBufferBytes = 8 * 1_024;

export class PooledConnection<Request> {
  readonly url: URL;
  /** What is under way. */
  request: Request | undefined;
  readonly #events: PoolEvents<Request>;
  readonly #buffer = Buffer.alloc(readBufferBytes);
  #socket: Socket | undefined;
  #isClosed = false;

  constructor(url: URL, events: PoolEvents<Request>) {
    this.url = url;
    this.#events = events;
    this.#open();
  }

  send(request: Request, text: string): void {
    this.request = request;
    this.#socket?.write(text, 'latin1');
  }

  /** Closes the socket under the request, as a program does that waits no longer, and opens another. */
  giveUp(): void {
    this.request = undefined;
    const socket = this.#socket;
    this.#socket = undefined;
    socket?.destroy();
    this.#open();
  }

  close(): void {
    this.#isClosed = true;
    this.#socket?.destroy();
  }

  #open(): void {
    const parser = new ResponseParser((status) => this.#answered(status));
    const socket = connect({
      host: this.url.hostname,
      port: Number(this.url.port || 80),
      noDelay: true,
      onread: {
        buffer: this.#buffer,
        callback: (length, buffer) => {
          if (this.#socket === socket) parser.feed(buffer.subarray(0, length));
          return true;
        },
      },
    });
    this.#socket = socket;
    socket.once('connect', () => {
      if (this.#socket === socket) this.#events.onFree(this);
    });
    socket.on('error', () => socket.destroy());
    socket.once('close', () => {
      if (this.#socket !== socket || this.#isClosed) return;
      const { request } = this;
      this.request = undefined;
      this.#socket = undefined;
      if (request !== undefined) this.#events.onBroken(request);
      setTimeout(() => {
        if (!this.#isClosed) this.#open();
      }, reconnectPauseMs);
    });
  }

  #answered(status: number): void {
    const { request } = this;
    this.request = undefined;
    if (request === undefined) return;
    this.#events.onAnswer(request, status);
    this.#events.onFree(this);
  }
}
