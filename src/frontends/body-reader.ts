/**
 * Receives a request's body into one buffer, with every limit checked before memory is taken.
 *
 * A declared length over the limit is refused unread; a chunked body is counted as it comes. What
 * all bodies together hold is bounded by a budget, charged for the memory that is taken (at most eight times
 * what is here) and not for lengths that are merely announced: otherwise thirty idle uploads could lock everybody out. Pieces
 * are gathered in a buffer that grows, because a million one-byte chunks would cost a hundred
 * times their size as objects: to what was announced once an eighth of it is here, else by doubling.
 */

import type { IncomingMessage } from 'node:http';
import { giveBack } from '../core/byte-pool.ts';
import { StoreError } from '../core/errors.ts';
import type { FrontendLoad, PendingBody } from './client-connection.ts';
import type { ClientReply } from './client-reply.ts';

export interface BodyLimits {
  readonly bodyBytesMax: number;
  /** Over all connections. */
  readonly bodyBytesInFlightMax: number;
}

/** Each growth copies, and takes memory that has to be cleared first: for a long body by far the most of the work. */
const announcedGrowthFactor = 8;
const noBytes = new Uint8Array(0);

/**
 * Throws `VALUE_TOO_LARGE` for a body that announces a length over the limit; otherwise tells a client
 * that waits for `100 Continue` to send it.
 */
export function admitBody(request: IncomingMessage, reply: ClientReply, bodyBytesMax: number): void {
  if (Number(request.headers['content-length'] ?? 0) > bodyBytesMax) throw tooLarge(bodyBytesMax);
  if (reply.awaitsContinue) {
    reply.awaitsContinue = false;
    reply.writeContinue();
  }
}

/** One body. Its bytes count toward `load.bodyBytes` until `release` is called, whatever came of it. */
export class BodyReader implements PendingBody {
  readonly #request: IncomingMessage;
  readonly #reply: ClientReply;
  readonly #load: FrontendLoad;
  readonly #limits: BodyLimits;
  /** Bytes announced by the client; NaN for a chunked body. */
  readonly #announcedBytes: number;
  #buffer: Uint8Array = noBytes;
  /** The first piece is the parser's. */
  #isOwnBuffer = false;
  #length = 0;
  #settled = false;
  #resolve: (body: Uint8Array | undefined) => void = () => {};
  #reject: (error: StoreError) => void = () => {};

  constructor(request: IncomingMessage, reply: ClientReply, load: FrontendLoad, limits: BodyLimits) {
    this.#request = request;
    this.#reply = reply;
    this.#load = load;
    this.#limits = limits;
    this.#announcedBytes = Number(request.headers['content-length'] ?? Number.NaN);
  }

  get complete(): boolean {
    return this.#request.complete;
  }

  /**
   * The whole body, or undefined when the client went away. Rejects with `VALUE_TOO_LARGE`,
   * `OVERLOADED`, or with whatever its connection ends it (`REQUEST_TIMEOUT`, `BAD_REQUEST`).
   */
  read(): Promise<Uint8Array | undefined> {
    return new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
      this.#request.on('data', this.#onData).on('end', this.#onEnd).on('close', this.#onClose);
      this.#reply.clientConnection?.receiving(this);
    });
  }

  /** Gives back what the body counted toward the budget. */
  release(): void {
    this.#load.bodyBytes -= this.#buffer.length;
    this.#buffer = noBytes;
  }

  fail(error: StoreError): void {
    this.#settle();
    this.#reject(error);
  }

  readonly #onData = (chunk: Uint8Array): void => {
    if (this.#settled) return;
    const length = this.#length + chunk.length;
    if (length > this.#limits.bodyBytesMax) return this.fail(tooLarge(this.#limits.bodyBytesMax));
    if (this.#length === 0) {
      // The parser gives each piece away: the body of a small value is not copied.
      if (!this.#charge(chunk.length)) return this.fail(overloaded());
      this.#buffer = chunk;
    } else {
      if (length > this.#buffer.length && !this.#grow(length)) return this.fail(overloaded());
      this.#buffer.set(chunk, this.#length);
    }
    this.#length = length;
  };

  readonly #onEnd = (): void => {
    if (this.#settled) return;
    this.#settle();
    const whole = this.#length === this.#buffer.length;
    this.#resolve(whole ? this.#buffer : this.#buffer.subarray(0, this.#length));
  };

  readonly #onClose = (): void => {
    if (this.#settled) return;
    this.#settle();
    this.#resolve(undefined);
  };

  /** The listeners stay where they are: taking them off costs more than calling them once more. */
  #settle(): void {
    this.#settled = true;
    this.#reply.clientConnection?.receiving(undefined);
  }

  /** Makes room for `length` bytes, and for more that will come. */
  #grow(length: number): boolean {
    const isAnnounced = !Number.isNaN(this.#announcedBytes);
    const end = isAnnounced ? this.#announcedBytes : this.#limits.bodyBytesMax;
    const factor = isAnnounced ? announcedGrowthFactor : 2;
    const capacity = Math.max(length, Math.min(factor * this.#buffer.length, end));
    if (!this.#charge(capacity - this.#buffer.length)) return false;
    const buffer = Buffer.allocUnsafeSlow(capacity);
    buffer.set(this.#buffer.subarray(0, this.#length));
    if (this.#isOwnBuffer) giveBack(this.#buffer);
    this.#isOwnBuffer = true;
    this.#buffer = buffer;
    return true;
  }

  #charge(bytes: number): boolean {
    if (this.#load.bodyBytes + bytes > this.#limits.bodyBytesInFlightMax) return false;
    this.#load.bodyBytes += bytes;
    return true;
  }
}

function tooLarge(bodyBytesMax: number): StoreError {
  return new StoreError('VALUE_TOO_LARGE', `the body is longer than the ${bodyBytesMax} bytes allowed`);
}

function overloaded(): StoreError {
  return new StoreError('OVERLOADED', 'this node is receiving too many bytes at once', { retryable: true });
}
