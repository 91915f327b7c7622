/**
 * Actors by ordinal: an index slot has 16 bits for the one who minted its dot, not 255 bytes.
 *
 * An actor is a node and the life of its disk, so there are few; the table only grows while the
 * store is open.
 */

import { StoreError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';

export class ActorTable {
  readonly #names: string[] = [];
  readonly #ordinals = new Map<string, number>();

  /** All names, by ordinal. */
  get names(): readonly string[] {
    return this.#names;
  }

  /** The ordinal of an actor, a new one if need be. Throws `LIMIT_EXCEEDED` when there is none left. */
  intern(name: string): number {
    const known = this.#ordinals.get(name);
    if (known !== undefined) return known;
    if (this.#names.length >= limits.actorsMax) {
      throw new StoreError(
        'LIMIT_EXCEEDED',
        `this store holds versions of ${this.#names.length} coordinators, the most there can be: ${name} is one too many`,
      );
    }
    const ordinal = this.#names.length;
    this.#names.push(name);
    this.#ordinals.set(name, ordinal);
    return ordinal;
  }

  at(ordinal: number): string {
    return this.#names[ordinal] ?? '';
  }
}
