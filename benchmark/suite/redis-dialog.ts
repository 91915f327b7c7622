/**
 * The Redis protocol: `SET`, `GET`, and `SCAN` from a random cursor.
 *
 * A `SET` may have a `WAIT` behind it; both then count as one request. A read-modify-write is a `GET` and a `SET`, as in
 * YCSB's own Redis binding. A scan of a hash table is not the one YCSB means: its keys come in no order and without values.
 */

import type { Answer, Dialog, Step } from './dialog.ts';
import { keyText, type Payload } from './payload.ts';
import { RedisReplyReader, type RedisReply } from './redis-reply-reader.ts';

export interface RedisDialogOptions {
  readonly payload: Payload;
  /** Replicas beside the first that must have a write; 0 sends no `WAIT`. */
  readonly waitFor: number;
  readonly keepValues: boolean;
  readonly onAnswer: (answer: Answer) => void;
}

/** Any number below is a cursor to Redis, which takes its low bits, and to this store, which takes it as a token. */
const cursorBits = 64n;
const cursorParts = 2 ** 32;

export class RedisDialog implements Dialog {
  readonly #options: RedisDialogOptions;
  readonly #reader: RedisReplyReader;
  readonly #wait: string;
  readonly #owed: Step[] = [];
  /** What the `SET` before a `WAIT` was answered. */
  #written: Answer | undefined;

  constructor(options: RedisDialogOptions) {
    this.#options = options;
    const replicas = String(options.waitFor);
    this.#wait =
      options.waitFor === 0 ? '' : `*3\r\n$4\r\nWAIT\r\n$${replicas.length}\r\n${replicas}\r\n$1\r\n0\r\n`;
    this.#reader = new RedisReplyReader((reply) => this.#take(reply), { keepTexts: options.keepValues });
  }

  ask(step: Step): string {
    this.#owed.push(step);
    const key = keyText(step.key);
    if (step.kind === 'read') return `*2\r\n$3\r\nGET\r\n$${key.length}\r\n${key}\r\n`;
    if (step.kind === 'scan') return `SCAN ${randomCursor()} COUNT ${step.length}\r\n`;
    const { payload } = this.#options;
    const value = payload.value(step.salt);
    return `*3\r\n$3\r\nSET\r\n$${key.length}\r\n${key}\r\n$${payload.valueBytes}\r\n${value}\r\n${this.#wait}`;
  }

  feed(bytes: Uint8Array): void {
    this.#reader.feed(bytes);
  }

  #take(reply: RedisReply): void {
    const step = this.#owed[0];
    if (step === undefined) throw new Error('a reply that nobody asked for');
    if (step.kind !== 'read' && step.kind !== 'scan' && this.#wait !== '') {
      if (this.#written === undefined) {
        this.#written = answerToWrite(reply);
        return;
      }
      const written = this.#written;
      this.#written = undefined;
      const isHeld = reply.kind === 'integer' && reply.value >= this.#options.waitFor;
      this.#settle(isHeld ? written : { problem: written.problem ?? 'too few replicas' });
      return;
    }
    if (step.kind === 'read') this.#settle(this.#answerToRead(reply));
    else this.#settle(step.kind === 'scan' ? answerToScan(reply) : answerToWrite(reply));
  }

  #settle(answer: Answer): void {
    this.#owed.shift();
    this.#options.onAnswer(answer);
  }

  #answerToRead(reply: RedisReply): Answer {
    if (reply.kind === 'null') return { problem: 'not found' };
    if (reply.kind !== 'text') return { problem: problemOf(reply) };
    if (reply.bytes !== this.#options.payload.valueBytes)
      return { problem: `a value of ${reply.bytes} bytes` };
    return this.#options.keepValues ? { value: reply.text } : {};
  }
}

function answerToWrite(reply: RedisReply): Answer {
  return reply.kind === 'status' && reply.text === 'OK' ? {} : { problem: problemOf(reply) };
}

/** A cursor and the list of keys: two elements, and as many in the second. */
function answerToScan(reply: RedisReply): Answer {
  return reply.kind === 'array' ? { entries: reply.texts - 1 } : { problem: problemOf(reply) };
}

function problemOf(reply: RedisReply): string {
  return reply.kind === 'error' ? `-${reply.text.split(' ')[0] ?? ''}` : `a reply of kind ${reply.kind}`;
}

function randomCursor(): bigint {
  const part = (): bigint => BigInt(Math.floor(Math.random() * cursorParts));
  return ((part() << (cursorBits / 2n)) | part()) & ((1n << cursorBits) - 1n);
}
