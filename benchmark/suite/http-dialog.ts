/**
 * `/kv/<key>` over HTTP/1.1: this store, the Go demo, and whatever else answers so.
 *
 * A write-back names what it read by `X-Causal-Context`, where the read came with an `ETag`: this store then orders it
 * after that version. Servers without an `ETag` get a plain write, as YCSB's read-modify-write is.
 */

import { ResponseParser, type HttpResponse } from '../response-parser.ts';
import type { Answer, Dialog, Step } from './dialog.ts';
import { keyText, type Payload } from './payload.ts';

export interface HttpDialogOptions {
  readonly url: URL;
  readonly payload: Payload;
  readonly keepValues: boolean;
  readonly onAnswer: (answer: Answer) => void;
}

export class HttpDialog implements Dialog {
  readonly #options: HttpDialogOptions;
  readonly #parser: ResponseParser;
  readonly #owed: Step[] = [];
  readonly #path: string;
  readonly #host: string;

  constructor(options: HttpDialogOptions) {
    this.#options = options;
    this.#path = `${options.url.pathname.replace(/\/$/, '')}/kv/`;
    this.#host = `Host: ${options.url.host}\r\n`;
    this.#parser = new ResponseParser((status, response) => this.#answer(status, response), {
      keepBodies: options.keepValues,
    });
  }

  ask(step: Step): string {
    this.#owed.push(step);
    const target = `${this.#path}${keyText(step.key)} HTTP/1.1\r\n${this.#host}`;
    if (step.kind === 'read') return `GET ${target}\r\n`;
    if (step.kind === 'scan') throw new Error('this API has no scans');
    const context =
      step.kind === 'write-back' && step.version !== undefined ? `X-Causal-Context: ${step.version}\r\n` : '';
    const { payload } = this.#options;
    return `PUT ${target}${context}Content-Length: ${payload.valueBytes}\r\n\r\n${payload.value(step.salt)}`;
  }

  feed(bytes: Uint8Array): void {
    this.#parser.feed(bytes);
  }

  #answer(status: number, { bodyBytes, head, body }: HttpResponse): void {
    const step = this.#owed.shift();
    if (step === undefined) throw new Error('a response that nobody asked for');
    const { onAnswer, payload, keepValues } = this.#options;
    if (step.kind !== 'read') {
      onAnswer(
        status === 204 || status === 200 || status === 201 ? {} : { problem: problemOf(status, body) },
      );
    } else if (status !== 200) {
      onAnswer({ problem: status === 404 ? 'not found' : problemOf(status, body) });
    } else if (bodyBytes !== payload.valueBytes) {
      onAnswer({ problem: `a value of ${bodyBytes} bytes` });
    } else {
      const version = /\r\netag:[ \t]*([^\r]+)\r\n/i.exec(head)?.[1];
      onAnswer(keepValues ? { version, value: body } : { version });
    }
  }
}

/** The status, and the code of the error where this store explains it. */
function problemOf(status: number, body: string): string {
  const code = /"code":"([A-Z_]+)"|^([A-Z_]+):/.exec(body)?.slice(1).find(Boolean);
  return code === undefined ? `status ${status}` : `status ${status}, ${code}`;
}
