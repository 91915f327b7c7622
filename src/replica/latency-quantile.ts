/**
 * A high quantile of recent latencies in one number: no history is kept and a sample costs a comparison.
 *
 * Stochastic approximation (Robbins and Monro 1951; cf. "frugal streaming", Ma, Muthukrishnan, Sandler 2013): a sample
 * above the estimate raises it, one below lowers it, in proportion to how rare each should be. Steps are relative to
 * the estimate, so it follows a change of load by a factor of ten within about a hundred samples above it.
 */

/** Share of samples that may exceed the estimate. */
const shareAbove = 0.02;
/** Relative size of a step up; a step down is smaller by `shareAbove`. */
const step = 0.05;
const estimateMsMin = 0.1;

export class LatencyQuantile {
  #estimateMs: number;

  constructor(initialMs: number) {
    this.#estimateMs = initialMs;
  }

  /** Milliseconds that all but two of a hundred recent samples stayed below. */
  get valueMs(): number {
    return this.#estimateMs;
  }

  add(latencyMs: number): void {
    if (latencyMs > this.#estimateMs) this.#estimateMs *= 1 + step * (1 - shareAbove);
    else this.#estimateMs = Math.max(estimateMsMin, this.#estimateMs * (1 - step * shareAbove));
  }
}
