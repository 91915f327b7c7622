/**
 * A log that an operator can read while something fails ten thousand times a second.
 *
 * A line of the same event and code is written at most once per `limits.logRepeatMs`; the next one says how many were
 * left out. Counters are not paced, so nothing is lost to monitoring. Events and codes are names in the source, so the
 * table of what was said last is small.
 */

import { limits } from '../core/limits.ts';
import type { Clock } from '../ports/clock.ts';
import type { LogFields, LogLevel, Observer } from '../ports/observer.ts';

interface Said {
  atMs: number;
  suppressed: number;
}

export class PacedLog implements Observer {
  readonly #next: Observer;
  readonly #clock: Clock;
  readonly #said = new Map<string, Said>();

  constructor(next: Observer, clock: Clock) {
    this.#next = next;
    this.#clock = clock;
  }

  log(level: LogLevel, event: string, message: string, fields: LogFields = {}): void {
    const nowMs = this.#clock.monotonicNow();
    const subject = `${event} ${String(fields['code'] ?? '')}`;
    const said = this.#said.get(subject);
    if (said === undefined) {
      this.#said.set(subject, { atMs: nowMs, suppressed: 0 });
      this.#next.log(level, event, message, fields);
      return;
    }
    if (nowMs - said.atMs < limits.logRepeatMs) {
      said.suppressed++;
      return;
    }
    const { suppressed } = said;
    said.atMs = nowMs;
    said.suppressed = 0;
    this.#next.log(level, event, message, suppressed === 0 ? fields : { ...fields, suppressed });
  }

  count(counter: string, by?: number): void {
    this.#next.count(counter, by);
  }
}
