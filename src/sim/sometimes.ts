/**
 * Counts of rare paths: what was never seen was never tested.
 *
 * A fault mix that is too tame shows here, as a name that stays at zero over a whole run of seeds.
 */

export class Sometimes {
  readonly #counts = new Map<string, number>();

  count(name: string, by = 1): void {
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + by);
  }

  read(name: string): number {
    return this.#counts.get(name) ?? 0;
  }

  /** Adds all counts of another run. */
  addAll(other: Sometimes): void {
    for (const [name, count] of other.#counts) this.count(name, count);
  }

  /** Sorted by name. */
  entries(): [name: string, count: number][] {
    return [...this.#counts].sort(([left], [right]) => (left < right ? -1 : 1));
  }
}
