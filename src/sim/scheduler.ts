/**
 * The heart of a simulation: one queue of events ordered by virtual time.
 *
 * A run is one synchronous call: take the earliest event, run it, drain all microtasks, next. Nothing
 * else can happen in between, so one seed is one history. Events of the same microsecond run in an order
 * drawn from the seed. An empty queue with work left is a deadlock, and the caller sees it as such.
 * Technique: FoundationDB (Zhou et al. 2021), TigerBeetle's VOPR.
 */

import { StoreError } from '../core/errors.ts';
import type { Drain } from './drain.ts';
import type { SimRandom } from './sim-random.ts';
import type { TraceHash } from './trace-hash.ts';

/** Cancels an event; harmless once it ran. */
export type CancelEvent = () => void;

interface SimEvent {
  readonly atMicros: number;
  readonly tie: number;
  readonly sequence: number;
  /** Cleared by cancelling: the event then passes silently. */
  callback: (() => void) | undefined;
}

/** More events than this without virtual time moving on is a livelock. */
const eventsPerMicrosecondMax = 100_000;
/** Below this, cancelled events are not worth a sweep. */
const sweepFrom = 1_024;

export class Scheduler {
  readonly trace: TraceHash;
  readonly #ties: SimRandom;
  readonly #drain: Drain;
  #heap: SimEvent[] = [];
  #cancelled = 0;
  #sequence = 0;
  #nowMicros = 0;
  #events = 0;
  #stopped = false;

  constructor(options: { readonly ties: SimRandom; readonly drain: Drain; readonly trace: TraceHash }) {
    this.#ties = options.ties;
    this.#drain = options.drain;
    this.trace = options.trace;
  }

  /** Virtual time since the start of the run, in whole microseconds. */
  get nowMicros(): number {
    return this.#nowMicros;
  }

  /** Events run so far. */
  get events(): number {
    return this.#events;
  }

  /** Events that wait; cancelled ones are not counted. */
  get pending(): number {
    return this.#heap.length - this.#cancelled;
  }

  /** Runs `callback` after a delay; fractions of a microsecond are rounded up. */
  after(delayMicros: number, callback: () => void): CancelEvent {
    return this.at(this.#nowMicros + Math.max(0, Math.ceil(delayMicros)), callback);
  }

  /** Runs `callback` at that time, or now when it has passed. */
  at(timeMicros: number, callback: () => void): CancelEvent {
    const event: SimEvent = {
      atMicros: Math.max(timeMicros, this.#nowMicros),
      tie: this.#ties.next(),
      sequence: this.#sequence++,
      callback,
    };
    this.#push(event);
    return () => {
      if (event.callback === undefined) return;
      event.callback = undefined;
      this.#cancelled += 1;
      if (this.#cancelled > sweepFrom && this.#cancelled * 2 > this.#heap.length) this.#sweep();
    };
  }

  /** Makes `run` return after the event that is running. */
  stop(): void {
    this.#stopped = true;
  }

  /**
   * Runs events until `until` says so, `stop` is called, the queue is empty or `deadlineMicros` is
   * reached; says which.
   */
  run(
    options: { readonly until?: () => boolean; readonly deadlineMicros?: number } = {},
  ): 'done' | 'stopped' | 'empty' | 'deadline' {
    const deadline = options.deadlineMicros ?? Number.POSITIVE_INFINITY;
    this.#stopped = false;
    this.#drain();
    let sameTime = 0;
    for (;;) {
      if (options.until?.() === true) return 'done';
      const event = this.#heap[0];
      if (event === undefined) return 'empty';
      if (event.atMicros > deadline) {
        this.#nowMicros = Math.max(this.#nowMicros, deadline);
        return 'deadline';
      }
      this.#popFirst();
      const { callback } = event;
      if (callback === undefined) {
        this.#cancelled -= 1;
        continue;
      }
      sameTime = event.atMicros === this.#nowMicros ? sameTime + 1 : 0;
      if (sameTime > eventsPerMicrosecondMax) {
        throw new StoreError(
          'INTERNAL',
          `livelock at ${this.#nowMicros} µs: events follow each other without delay`,
        );
      }
      this.#nowMicros = event.atMicros;
      this.#events += 1;
      this.trace.add(event.atMicros);
      event.callback = undefined;
      callback();
      this.#drain();
      if (this.#stopped) return 'stopped';
    }
  }

  #sweep(): void {
    const kept = this.#heap.filter((event) => event.callback !== undefined);
    // A sorted array is a heap, and sorting is simpler than sifting each.
    this.#heap = kept.sort((left, right) => (isBefore(left, right) ? -1 : 1));
    this.#cancelled = 0;
  }

  #push(event: SimEvent): void {
    const heap = this.#heap;
    let index = heap.length;
    heap.push(event);
    while (index > 0) {
      const parentIndex = (index - 1) >>> 1;
      const parent = heap[parentIndex];
      if (parent === undefined || !isBefore(event, parent)) break;
      heap[index] = parent;
      index = parentIndex;
    }
    heap[index] = event;
  }

  #popFirst(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let index = 0;
    for (;;) {
      let childIndex = 2 * index + 1;
      let child = heap[childIndex];
      if (child === undefined) break;
      const right = heap[childIndex + 1];
      if (right !== undefined && isBefore(right, child)) {
        child = right;
        childIndex += 1;
      }
      if (!isBefore(child, last)) break;
      heap[index] = child;
      index = childIndex;
    }
    heap[index] = last;
  }
}

function isBefore(left: SimEvent, right: SimEvent): boolean {
  if (left.atMicros !== right.atMicros) return left.atMicros < right.atMicros;
  if (left.tie !== right.tie) return left.tie < right.tie;
  return left.sequence < right.sequence;
}
