/**
 * One connection of the load generator: steps go out at once, their answers come in order.
 *
 * It reads into one buffer for its whole life. When it fails, everything that is owed is answered with the reason, and
 * the next step opens a new socket.
 */

import { connect, type Socket } from 'node:net';

import type { Answer, Dialog, DialogSpec, Step } from './dialog.ts';
import { openDialog } from './open-dialog.ts';
import type { Payload } from './payload.ts';

const readBufferBytes = 64 * 1024;
/** A server that says nothing for so long is a problem of its own. */
const answerTimeoutMs = 30_000;
/** Between a failure and the next attempt to connect, so that a dead server costs no CPU. */
const reconnectPauseMs = 20;

export interface ConnectionOptions {
  readonly dialog: DialogSpec;
  readonly url: URL;
  readonly payload: Payload;
  readonly keepValues?: boolean;
}

export class Connection {
  readonly #options: ConnectionOptions;
  readonly #buffer = Buffer.alloc(readBufferBytes);
  readonly #waiting: ((answer: Answer) => void)[] = [];
  #socket: Socket | undefined;
  #dialog: Dialog | undefined;
  #opening: Promise<string | undefined> | undefined;
  #sentBytes = 0;
  #receivedBytes = 0;

  constructor(options: ConnectionOptions) {
    this.#options = options;
  }

  /** Payload of TCP, both ways, since the connection was made. */
  get bytes(): { readonly sent: number; readonly received: number } {
    return { sent: this.#sentBytes, received: this.#receivedBytes };
  }

  /** Connects ahead of the first step; resolves to what went wrong, or to nothing. */
  open(): Promise<string | undefined> {
    return new Promise((resolve) => {
      const { url, dialog, payload, keepValues = false } = this.#options;
      this.#dialog = openDialog(dialog, {
        url,
        payload,
        keepValues,
        onAnswer: (answer) => this.#waiting.shift()?.(answer),
      });
      const socket = connect({
        host: url.hostname,
        port: Number(url.port || 80),
        noDelay: true,
        onread: {
          buffer: this.#buffer,
          callback: (length, buffer) => {
            this.#read(socket, buffer.subarray(0, length));
            return true;
          },
        },
      });
      let reason = 'connection closed';
      socket.setTimeout(answerTimeoutMs, () => {
        if (this.#waiting.length > 0) this.#fail(socket, 'timeout');
      });
      socket.once('connect', () => {
        this.#socket = socket;
        resolve(undefined);
      });
      socket.on('error', (error: NodeJS.ErrnoException) => (reason = error.code ?? error.message));
      socket.on('close', () => {
        this.#fail(socket, reason);
        // Of no effect once connected.
        setTimeout(() => resolve(reason), reconnectPauseMs);
      });
    });
  }

  /** Sends a step, after connecting where need be; `onAnswer` is called once, in any case. */
  ask(step: Step, onAnswer: (answer: Answer) => void): void {
    if (this.#socket === undefined || this.#dialog === undefined) {
      this.#opening ??= this.open().finally(() => (this.#opening = undefined));
      void this.#opening.then((problem) => {
        if (problem === undefined) this.ask(step, onAnswer);
        else onAnswer({ problem });
      });
      return;
    }
    this.#waiting.push(onAnswer);
    const text = this.#dialog.ask(step);
    this.#sentBytes += text.length;
    this.#socket.write(text, 'latin1');
  }

  /** Closes it; what is still owed is answered as closed. */
  close(): void {
    if (this.#socket !== undefined) this.#fail(this.#socket, 'closed by the load generator');
  }

  #read(socket: Socket, bytes: Uint8Array): void {
    this.#receivedBytes += bytes.length;
    try {
      this.#dialog?.feed(bytes);
    } catch (error) {
      this.#fail(socket, `bad answer: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  #fail(socket: Socket, problem: string): void {
    socket.destroy();
    if (this.#socket !== socket) return;
    this.#socket = undefined;
    for (const onAnswer of this.#waiting.splice(0)) onAnswer({ problem });
  }
}
