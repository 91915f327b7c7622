/** Counters that can be read back, in front of the observer that a node was given. */

import type { LogFields, LogLevel, Observer } from '../ports/observer.ts';

export class Counters implements Observer {
  readonly #next: Observer;
  readonly #values = new Map<string, number>();

  constructor(next: Observer) {
    this.#next = next;
  }

  log(level: LogLevel, event: string, message: string, fields?: LogFields): void {
    this.#next.log(level, event, message, fields);
  }

  count(counter: string, by = 1): void {
    this.#values.set(counter, (this.#values.get(counter) ?? 0) + by);
    this.#next.count(counter, by);
  }

  /** The value of one counter; 0 when it never counted. */
  read(counter: string): number {
    return this.#values.get(counter) ?? 0;
  }

  readAll(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#values);
  }
}
