/**
 * etcd's v3 API through its JSON gateway. The gateway is one more hop and its JSON costs both ends more than gRPC
 * would; it is what a plain HTTP client gets, and the report says so.
 *
 * Reads are linearizable, which is etcd's default. A write-back is a transaction on the revision that was read. A scan is
 * the one YCSB means: keys in their order, with values.
 */

import { ResponseParser, type HttpResponse } from '../response-parser.ts';
import type { Answer, Dialog, Step } from './dialog.ts';
import { keyText, type Payload } from './payload.ts';

export interface EtcdDialogOptions {
  readonly url: URL;
  readonly payload: Payload;
  readonly keepValues: boolean;
  readonly onAnswer: (answer: Answer) => void;
}

/** Behind all keys: a range up to the key of one zero byte goes to the end. */
const endOfKeys = 'AA==';

export class EtcdDialog implements Dialog {
  readonly #options: EtcdDialogOptions;
  readonly #parser: ResponseParser;
  readonly #owed: Step[] = [];
  readonly #host: string;

  constructor(options: EtcdDialogOptions) {
    this.#options = options;
    this.#host = `Host: ${options.url.host}\r\n`;
    this.#parser = new ResponseParser((status, response) => this.#answer(status, response), {
      keepBodies: true,
    });
  }

  ask(step: Step): string {
    this.#owed.push(step);
    const key = `"key":"${btoa(keyText(step.key))}"`;
    switch (step.kind) {
      case 'read':
        return this.#post('range', `{${key}}`);
      case 'scan':
        return this.#post('range', `{${key},"range_end":"${endOfKeys}","limit":${step.length}}`);
      case 'write':
        return this.#post('put', `{${key},${this.#value(step.salt)}}`);
      case 'write-back': {
        const revision = step.version ?? '0';
        const compare = `{${key},"target":"MOD","result":"EQUAL","mod_revision":"${revision}"}`;
        const put = `{"request_put":{${key},${this.#value(step.salt)}}}`;
        return this.#post('txn', `{"compare":[${compare}],"success":[${put}]}`);
      }
    }
  }

  feed(bytes: Uint8Array): void {
    this.#parser.feed(bytes);
  }

  #value(salt: number): string {
    return `"value":"${this.#options.payload.encodedValue(salt)}"`;
  }

  #post(method: string, json: string): string {
    return `POST /v3/kv/${method} HTTP/1.1\r\n${this.#host}Content-Length: ${json.length}\r\n\r\n${json}`;
  }

  #answer(status: number, { body }: HttpResponse): void {
    const step = this.#owed.shift();
    if (step === undefined) throw new Error('a response that nobody asked for');
    this.#options.onAnswer(status === 200 ? this.#understood(step, body) : { problem: `status ${status}` });
  }

  /** Reads what is needed out of the text: parsing all of it would be charged to the load generator. */
  #understood(step: Step, body: string): Answer {
    if (step.kind === 'write') return {};
    if (step.kind === 'write-back') return body.includes('"succeeded":true') ? {} : { isConflict: true };
    if (step.kind === 'scan') return { entries: body.split('"create_revision"').length - 1 };
    const version = /"mod_revision":"(\d+)"/.exec(body)?.[1];
    if (version === undefined) return { problem: 'not found' };
    const start = body.indexOf('"value":"');
    // An empty value is left out of the JSON.
    const encoded = start < 0 ? '' : body.slice(start + 9, body.indexOf('"', start + 9));
    const { payload, keepValues } = this.#options;
    const bytes = Buffer.byteLength(encoded, 'base64');
    if (bytes !== payload.valueBytes) return { problem: `a value of ${bytes} bytes` };
    return keepValues ? { version, value: atob(encoded) } : { version };
  }
}
