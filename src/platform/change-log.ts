/**
 * Says a thing once per change instead of once per attempt: a peer that is down or refuses us is dialled again
 * for hours, and a stranger may knock as often as it likes.
 *
 * What was said last is kept per source, for a limited number of sources; and no source gets more than
 * one line per interval, however often it changes its story.
 */

import { limits } from '../core/limits.ts';

interface LastSaid {
  readonly what: string;
  readonly atMs: number;
}

export class ChangeLog {
  readonly #lastSaid = new Map<string, LastSaid>();

  /** Whether `what` is news about `source`; if so, it counts as said. */
  isNews(source: string, what: string, nowMs: number): boolean {
    const last = this.#lastSaid.get(source);
    if (last !== undefined) {
      if (last.what === what || nowMs - last.atMs < limits.connectionLogIntervalMs) return false;
      this.#lastSaid.delete(source);
    }
    if (this.#lastSaid.size >= limits.connectionLogSourcesMax) {
      for (const oldest of this.#lastSaid.keys()) {
        this.#lastSaid.delete(oldest);
        break;
      }
    }
    this.#lastSaid.set(source, { what, atMs: nowMs });
    return true;
  }

  /** All is well with the source: its next failure is news. */
  forget(source: string): void {
    this.#lastSaid.delete(source);
  }
}
