/**
 * A long piece of work that an operator started: one of its kind at a time, with its progress and how it ended.
 *
 * It runs on when the operator's connection is gone, and its outcome stays until the next one begins.
 */

import { errorMessageOf, StoreError } from '../core/errors.ts';

export class MaintenanceJob<Report> {
  readonly #name: string;
  #number = 0;
  #state: 'idle' | 'running' | 'done' | 'failed' = 'idle';
  #report: Report | undefined;
  #error = '';

  /** `name`: what it is, for a person. */
  constructor(name: string) {
    this.#name = name;
  }

  /** Which one since the start of the node: 0 before the first. */
  get number(): number {
    return this.#number;
  }

  get state(): 'idle' | 'running' | 'done' | 'failed' {
    return this.#state;
  }

  /** The latest progress, or the result. */
  get report(): Report | undefined {
    return this.#report;
  }

  /** Why it failed; empty otherwise. */
  get error(): string {
    return this.#error;
  }

  /** Begins; throws `OVERLOADED` while one is under way. */
  begin(work: (onProgress: (report: Report) => void) => Promise<Report>): void {
    if (this.#state === 'running') {
      throw new StoreError('OVERLOADED', `a ${this.#name} is under way already`, { retryable: true });
    }
    this.#number++;
    this.#state = 'running';
    this.#report = undefined;
    this.#error = '';
    work((report) => (this.#report = report)).then(
      (report) => {
        this.#report = report;
        this.#state = 'done';
      },
      (error: unknown) => {
        this.#error = errorMessageOf(error);
        this.#state = 'failed';
      },
    );
  }
}
