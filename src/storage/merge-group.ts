/** Merges that were asked for together, and that somebody waits for together: one promise for all of them. */

import type { StoreError } from '../core/errors.ts';
import type { MergeWaiter } from './staging.ts';
import type { MergeResult } from './store.ts';

type Outcome = MergeResult | StoreError;

export class MergeGroup {
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

  /** Who waits for one of them. */
  waiterAt(index: number): MergeWaiter {
    return new GroupedMerge(this, index);
  }

  /** Called once for each. */
  decide(index: number, outcome: Outcome): void {
    this.#outcomes[index] = outcome;
    if (--this.#undecided === 0) this.#resolve(this.#outcomes);
  }
}

class GroupedMerge implements MergeWaiter {
  readonly #group: MergeGroup;
  readonly #index: number;

  constructor(group: MergeGroup, index: number) {
    this.#group = group;
    this.#index = index;
  }

  resolve(result: MergeResult): void {
    this.#group.decide(this.#index, result);
  }

  reject(error: StoreError): void {
    this.#group.decide(this.#index, error);
  }
}
