/**
 * The newest version that was known by when, from operations that had ended.
 */

import { compareDots, type Dot } from '../../core/dot.ts';
import type { Operation } from '../history.ts';

export interface KnownVersion {
  readonly operation: Operation;
  readonly dot: Dot;
  /** From this instant on the version was known. */
  readonly micros: number;
}

export class VersionFloor {
  /** Rising in time and in version. */
  readonly #rising: KnownVersion[] = [];

  /** `dotOf` says which version an operation made known by its end, if any. */
  constructor(operations: readonly Operation[], dotOf: (operation: Operation) => Dot | undefined) {
    const known: KnownVersion[] = [];
    for (const operation of operations) {
      const dot = dotOf(operation);
      if (dot !== undefined && operation.end !== undefined) {
        known.push({ operation, dot, micros: operation.end.micros });
      }
    }
    known.sort((left, right) => left.micros - right.micros);
    for (const entry of known) {
      const last = this.#rising.at(-1);
      if (last === undefined || compareDots(entry.dot, last.dot) > 0) this.#rising.push(entry);
    }
  }

  /** The newest version known before an instant. */
  before(micros: number): KnownVersion | undefined {
    let low = 0;
    let high = this.#rising.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#rising[middle]?.micros ?? micros) < micros) low = middle + 1;
      else high = middle;
    }
    return this.#rising[low - 1];
  }
}
