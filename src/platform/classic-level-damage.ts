/**
 * Damage that the `classic-level` engine met: the newest hundred rows or log ranges, each named once.
 *
 * Kept for the life of the process only. A damaged row is met again; bytes that LevelDB dropped from its
 * log are not, so an operator who sees one compares the owners before restarting.
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
