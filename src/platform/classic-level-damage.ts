/**
 * Damage that the `classic-level` engine met: the newest hundred rows or log ranges, each named once.
 *
 * The list is kept for the life of the process only; that something may be missing outlives it, as the store's lost
 * evidence does (`classic-level-evidence.ts`), until the owners have been compared.
 */

import { limits } from '../core/limits.ts';
import type { Observer } from '../ports/observer.ts';
import type { QuarantinedRange } from '../storage/store.ts';

export class DamageList {
  readonly #observer: Observer;
  readonly #location: string;
  #ranges: QuarantinedRange[] = [];
  #hasLost = false;

  constructor(options: { readonly observer: Observer; readonly location: string }) {
    this.#observer = options.observer;
    this.#location = options.location;
  }

  get ranges(): readonly QuarantinedRange[] {
    return this.#ranges;
  }

  /** Whether anything was found that may have held what was acknowledged, and the owners are not compared yet. */
  get hasLost(): boolean {
    return this.#hasLost;
  }

  /** The owners have been compared. */
  restoreEvidence(): void {
    this.#hasLost = false;
  }

  /** Notes a row that cannot be believed; a row met before is not noted again. */
  add(row: Uint8Array, reason: string): void {
    this.addRange({ file: `row ${Buffer.from(row).toString('hex')}`, offset: 0, bytes: 0, reason });
  }

  addRange(range: QuarantinedRange): void {
    const isKnown = this.#ranges.some((known) => known.file === range.file && known.reason === range.reason);
    if (isKnown && range.bytes === 0) return;
    this.#hasLost = true;
    this.#ranges = [...this.#ranges, range].slice(-limits.quarantinedMax);
    this.#observer.count('storage.quarantined');
    this.#observer.log(
      'error',
      'storage.quarantined',
      `${this.#location}, ${range.file}: ${range.reason}; the other owners hold the data`,
      { ...range },
    );
  }
}
