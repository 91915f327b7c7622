/** Steps told in plain words, each with ✔ or ✘ once it is known: what `smoke` and `demo` print. */

import { errorMessageOf } from '../core/errors.ts';
import { say } from './terminal.ts';

/** A step that did not turn out as its sentence says; the message is the reason. */
export class StepFailure extends Error {
  constructor(reason: string) {
    super(reason);
    this.name = 'StepFailure';
  }
}

/** Ends a step with a reason unless the condition holds. */
export function expect(condition: boolean, reason: string): asserts condition {
  if (!condition) throw new StepFailure(reason);
}

export class Steps {
  readonly #write: (line: string) => void;
  #passed = 0;
  #failed = 0;

  constructor(write: (line: string) => void = say) {
    this.#write = write;
  }

  get passed(): number {
    return this.#passed;
  }

  get failed(): number {
    return this.#failed;
  }

  heading(text: string): void {
    this.#write(`\n${text}`);
  }

  /** Runs one step and prints how it went; resolves to whether it went well. Never rejects. */
  async step(sentence: string, action: () => Promise<void>): Promise<boolean> {
    try {
      await action();
      this.#passed += 1;
      this.#write(`  ✔ ${sentence}`);
      return true;
    } catch (error) {
      this.#failed += 1;
      this.#write(`  ✘ ${sentence}`);
      this.#write(`      ${errorMessageOf(error).replaceAll('\n', '\n      ')}`);
      return false;
    }
  }
}
