/**
 * An open-loop load: requests arrive at a rate, whether or not those before them were answered.
 *
 * This is what many users behind programs with connection pools look like. A request takes a free connection of the pool,
 * or waits for one a little; a program whose deadline has passed closes its connection and opens another; a request
 * that failed is tried again after a short pause, as programs do, which makes overload worse. Latency counts from
 * the arrival (no coordinated omission), and only answers within the deadline count as good.
 */

import { LogHistogram } from './log-histogram.ts';
import { PooledConnection } from './pooled-connection.ts';

export interface OpenLoopOptions {
  /** Base addresses; connections are dealt out to them in turn. */
  readonly urls: readonly URL[];
  /** Connections over all addresses. */
  readonly connections: number;
  readonly keys: number;
  readonly valueBytes: number;
  /** Each attempt has so long from its arrival. */
  readonly deadlineMs: number;
  /** So long of that it may wait for a free connection. */
  readonly poolWaitMs: number;
  /** Attempts for each request, the first included. */
  readonly attemptsMax: number;
}

export interface OpenLoopPhase {
  readonly ratePerSecond: number;
  readonly durationMs: number;
}

/** What happened in a slice of time. */
export interface LoadSlice {
  readonly startMs: number;
  arrived: number;
  /** Attempts that followed a failed one. */
  retried: number;
  /** Answers within their deadline, and their latency from the arrival in microseconds. */
  inTime: number;
  readonly latency: LogHistogram;
  /** 503; no answer by the deadline; no free connection; any other answer or error of a connection. */
  refused: number;
  timedOut: number;
  unsent: number;
  otherErrors: number;
}

export const sliceMs = 500;
const tickMs = 1;
const deadlineCheckMs = 20;
const retryPauseMsMin = 50;
const retryPauseMsMax = 150;
const valueOffsets = 1_024;
const serviceUnavailable = 503;

interface Attempt {
  readonly number: number;
  readonly arrivedMs: number;
}

export class OpenLoop {
  readonly #options: OpenLoopOptions;
  readonly #value: string;
  readonly #connections: readonly PooledConnection<Attempt>[];
  readonly #free: PooledConnection<Attempt>[] = [];
  /** In the order of arrival, from `#firstWaiting` on: a queue that is shifted costs its length each time. */
  #waiting: Attempt[] = [];
  #firstWaiting = 0;
  /** Attempts by the millisecond, modulo the length, in which they are made again. */
  readonly #retries: Attempt[][] = Array.from({ length: retryPauseMsMax + 2 }, () => []);
  #retriedUntilMs = 0;
  #slice: LoadSlice = newSlice(0);

  constructor(options: OpenLoopOptions) {
    this.#options = options;
    this.#value = randomText(options.valueBytes + valueOffsets);
    const events = {
      onFree: (connection: PooledConnection<Attempt>) => this.#release(connection),
      onAnswer: (attempt: Attempt, status: number) => this.#answered(attempt, status),
      onBroken: (attempt: Attempt) => {
        this.#slice.otherErrors++;
        this.#failed(attempt);
      },
    };
    this.#connections = Array.from({ length: options.connections }, (_, index) => {
      const url = options.urls[index % options.urls.length];
      if (url === undefined) throw new Error('no server to drive');
      return new PooledConnection(url, events);
    });
  }

  /** Drives the servers for a while; the slices in order. What is under way then goes on. */
  async run(phase: OpenLoopPhase): Promise<LoadSlice[]> {
    const startMs = performance.now();
    const slices: LoadSlice[] = [(this.#slice = newSlice(startMs))];
    let issued = 0;
    let checkedMs = startMs;
    this.#retriedUntilMs = startMs;
    for (let nowMs = startMs; nowMs < startMs + phase.durationMs; nowMs = performance.now()) {
      if (nowMs >= this.#slice.startMs + sliceMs) {
        slices.push((this.#slice = newSlice(this.#slice.startMs + sliceMs)));
      }
      const due = Math.floor(((nowMs - startMs) * phase.ratePerSecond) / 1_000);
      for (; issued < due; issued++) {
        // It was due then, however late this process is.
        const arrivedMs = startMs + (issued * 1_000) / phase.ratePerSecond;
        this.#slice.arrived++;
        this.#begin({ number: 1, arrivedMs });
      }
      this.#retryUntil(nowMs);
      if (nowMs - checkedMs >= deadlineCheckMs) {
        checkedMs = nowMs;
        this.#checkDeadlines(nowMs);
      }
      await new Promise((resolve) => setTimeout(resolve, tickMs));
    }
    return slices;
  }

  close(): void {
    for (const connection of this.#connections) connection.close();
  }

  #begin(attempt: Attempt): void {
    const connection = this.#free.pop();
    if (connection === undefined) this.#waiting.push(attempt);
    else this.#send(connection, attempt);
  }

  #send(connection: PooledConnection<Attempt>, attempt: Attempt): void {
    connection.send(attempt, this.#requestText(connection.url));
  }

  #retryUntil(nowMs: number): void {
    for (let atMs = Math.ceil(this.#retriedUntilMs); atMs <= nowMs; atMs++) {
      const due = this.#retries[atMs % this.#retries.length] ?? [];
      if (due.length === 0) continue;
      this.#retries[atMs % this.#retries.length] = [];
      for (const { number } of due) {
        this.#slice.retried++;
        this.#begin({ number, arrivedMs: nowMs });
      }
    }
    this.#retriedUntilMs = Math.floor(nowMs) + 1;
  }

  #checkDeadlines(nowMs: number): void {
    const { deadlineMs } = this.#options;
    this.#dropUnsent(nowMs);
    for (const connection of this.#connections) {
      const attempt = connection.request;
      if (attempt === undefined || nowMs - attempt.arrivedMs < deadlineMs) continue;
      this.#slice.timedOut++;
      connection.giveUp();
      this.#failed(attempt);
    }
  }

  #failed(attempt: Attempt): void {
    if (attempt.number >= this.#options.attemptsMax) return;
    const pauseMs = retryPauseMsMin + Math.random() * (retryPauseMsMax - retryPauseMsMin);
    const atMs = Math.ceil(performance.now() + pauseMs);
    this.#retries[atMs % this.#retries.length]?.push({ ...attempt, number: attempt.number + 1 });
  }

  #answered(attempt: Attempt, status: number): void {
    const tookMs = performance.now() - attempt.arrivedMs;
    const isGood = status >= 200 && status <= 204;
    if (status === serviceUnavailable) this.#slice.refused++;
    else if (!isGood) this.#slice.otherErrors++;
    else if (tookMs <= this.#options.deadlineMs) {
      this.#slice.inTime++;
      this.#slice.latency.record(tookMs * 1_000);
    } else this.#slice.timedOut++;
    if (!isGood) this.#failed(attempt);
  }

  /** The pool's next request goes out on a connection that is free again. */
  #release(connection: PooledConnection<Attempt>): void {
    this.#dropUnsent(performance.now());
    const next = this.#waiting[this.#firstWaiting];
    if (next === undefined) {
      this.#free.push(connection);
      return;
    }
    this.#firstWaiting++;
    this.#send(connection, next);
  }

  /** Lets go of those that have waited for a connection for too long. */
  #dropUnsent(nowMs: number): void {
    const { poolWaitMs } = this.#options;
    for (;;) {
      const attempt = this.#waiting[this.#firstWaiting];
      if (attempt === undefined || nowMs - attempt.arrivedMs < poolWaitMs) break;
      this.#firstWaiting++;
      this.#slice.unsent++;
      this.#failed(attempt);
    }
    if (this.#firstWaiting * 2 > this.#waiting.length) {
      this.#waiting = this.#waiting.slice(this.#firstWaiting);
      this.#firstWaiting = 0;
    }
  }

  #requestText(url: URL): string {
    const { keys, valueBytes } = this.#options;
    const key = Math.floor(Math.random() * keys);
    const isPut = Math.random() < 0.5;
    const head = `${isPut ? 'PUT' : 'GET'} /kv/key-${key} HTTP/1.1\r\nHost: ${url.host}\r\n`;
    if (!isPut) return `${head}\r\n`;
    const offset = Math.floor(Math.random() * valueOffsets);
    return `${head}Content-Length: ${valueBytes}\r\n\r\n${this.#value.slice(offset, offset + valueBytes)}`;
  }
}

function newSlice(startMs: number): LoadSlice {
  return {
    startMs,
    ...{ arrived: 0, retried: 0, inTime: 0, refused: 0, timedOut: 0, unsent: 0, otherErrors: 0 },
    latency: new LogHistogram(),
  };
}

function randomText(length: number): string {
  let text = '';
  while (text.length < length) text += Math.random().toString(36).slice(2);
  return text.slice(0, length);
}
