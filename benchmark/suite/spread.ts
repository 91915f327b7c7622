/** The middle and the ends of a few figures: what a report may say of runs that differ. */

export interface Spread {
  readonly min: number;
  readonly median: number;
  readonly max: number;
  readonly count: number;
}

/** Undefined for no figures. */
export function spreadOf(figures: readonly (number | null | undefined)[]): Spread | undefined {
  const sorted = figures
    .filter((figure) => figure !== null && figure !== undefined)
    .toSorted((left, right) => left - right);
  const min = sorted[0];
  const max = sorted.at(-1);
  if (min === undefined || max === undefined) return undefined;
  const middle = (sorted[(sorted.length - 1) >>> 1] ?? 0) + (sorted[sorted.length >>> 1] ?? 0);
  return { min, median: middle / 2, max, count: sorted.length };
}
