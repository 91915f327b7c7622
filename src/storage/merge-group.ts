/** Who waits for merges: somebody for one, or for many that were asked for together, with one promise for all of them. */

import { StoreError } from '../core/errors.ts';
import type { MergeWaiter } from './staging.ts';
import type { MergeResult } from './store.ts';

type Outcome = MergeResult | StoreError;

export class MergeGroup implements MergeWaiter {
  /** What became of each, in their order, once all are decided. */
  readonly outcomes: Promise<readonly Outcome[]>;
  readonly #outcomes: Outcome[] = [];
  #undecided: number;
  #resolve: (outcomes: readonly Outcome[]) => void = () => undefined;

  constructor(count: number) {
    this.#undecided = count;
    this.outcomes = new Promise((resolve) => {
      this.#resolve = resolve;
    });
    if (count === 0) this.#resolve(this.#outcomes);
  }

  decide(index: number, outcome: Outcome): void {
    this.#outcomes[index] = outcome;
    if (--this.#undecided === 0) this.#resolve(this.#outcomes);
  }
}

/** One merge, of which a refusal rejects. */
export class LoneMerge implements MergeWaiter {
  readonly #resolve: (result: MergeResult) => void;
  readonly #reject: (error: StoreError) => void;

  constructor(resolve: (result: MergeResult) => void, reject: (error: StoreError) => void) {
    this.#resolve = resolve;
    this.#reject = reject;
  }

  decide(_index: number, outcome: Outcome): void {
    if (outcome instanceof StoreError) this.#reject(outcome);
    else this.#resolve(outcome);
  }
}
