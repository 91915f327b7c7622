/**
 * One keep-alive connection of the load driver: a request, its response, the next request.
 *
 * It reads into one buffer for its whole life and opens a new socket after an error, so a server that is
 * killed and started again in mid-run is driven on.
 */

import { connect, type Socket } from 'node:net';

import { ResponseParser } from './response-parser.ts';

/** An HTTP status, or what went wrong instead. */
export type Outcome = number | string;

/** Pause before a new attempt to connect, so that a dead server costs no CPU. */
const reconnectPauseMs = 20;
const readBufferBytes = 64 * 1024;
/** A server that does not answer for so long is an error of its own. */
const answerTimeoutMs = 30_000;

export class LoadConnection {
  readonly #url: URL;
  readonly #buffer = Buffer.alloc(readBufferBytes);
  #socket: Socket | undefined;
  #settle: ((outcome: Outcome) => void) | undefined;

  constructor(url: URL) {
    this.#url = url;
  }

  /** Sends the text of one request; never rejects. One call at a time. */
  async exchange(request: string): Promise<Outcome> {
    if (this.#socket === undefined) {
      const failure = await this.#open();
      if (failure !== undefined) return failure;
    }
    return new Promise((resolve) => {
      this.#settle = resolve;
      this.#socket?.write(request, 'latin1');
    });
  }

  close(): void {
    this.#socket?.destroy();
    this.#socket = undefined;
  }

  /** Connects; resolves to what went wrong, or to nothing. */
  #open(): Promise<string | undefined> {
    return new Promise((resolve) => {
      const parser = new ResponseParser((status) => this.#answer(status));
      const socket = connect({
        host: this.#url.hostname,
        port: Number(this.#url.port || 80),
        noDelay: true,
        onread: {
          buffer: this.#buffer,
          callback: (length, buffer) => {
            this.#read(parser, buffer.subarray(0, length));
            return true;
          },
        },
      });
      socket.setTimeout(answerTimeoutMs, () => this.#fail(socket, 'timeout'));
      socket.once('connect', () => {
        this.#socket = socket;
        resolve(undefined);
      });
      let reason = 'connection closed';
      socket.on('error', (error: NodeJS.ErrnoException) => {
        reason = error.code ?? error.message;
      });
      socket.on('close', () => {
        this.#fail(socket, reason);
        // Of no effect once connected.
        setTimeout(() => resolve(reason), reconnectPauseMs);
      });
    });
  }

  #read(parser: ResponseParser, bytes: Uint8Array): void {
    try {
      parser.feed(bytes);
    } catch (error) {
      if (this.#socket !== undefined) this.#fail(this.#socket, `bad response: ${String(error)}`);
    }
  }

  #answer(status: number): void {
    const settle = this.#settle;
    this.#settle = undefined;
    settle?.(status);
  }

  #fail(socket: Socket, reason: string): void {
    socket.destroy();
    if (this.#socket !== socket) return;
    this.#socket = undefined;
    const settle = this.#settle;
    this.#settle = undefined;
    settle?.(reason);
  }
}
