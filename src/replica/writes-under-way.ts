/**
 * The stamps of writes that this node coordinates and has not done with: as long as one may still reach an owner or
 * become a hint, the stability floor stays below it.
 */

export class WritesUnderWay {
  /** How many writes carry each stamp. */
  readonly #counts = new Map<number, number>();

  /** The earliest stamp; undefined when nothing is under way. */
  get oldestMs(): number | undefined {
    let oldest: number | undefined;
    for (const wallMs of this.#counts.keys()) {
      if (oldest === undefined || wallMs < oldest) oldest = wallMs;
    }
    return oldest;
  }

  begin(wallMs: number): void {
    this.#counts.set(wallMs, (this.#counts.get(wallMs) ?? 0) + 1);
  }

  end(wallMs: number): void {
    const count = this.#counts.get(wallMs) ?? 0;
    if (count <= 1) this.#counts.delete(wallMs);
    else this.#counts.set(wallMs, count - 1);
  }
}
