/** Where on an axis a value lies, from 0 to 1, and which values are written beside it. */

export interface Tick {
  readonly value: number;
  /** A tick without a text is only a line. */
  readonly isNamed: boolean;
}

export interface Scale {
  readonly ticks: readonly Tick[];
  position(value: number): number;
}

const ticksWanted = 5;

/** From 0 up, ending at a round number. */
export function linearScale(values: readonly number[]): Scale {
  const greatest = Math.max(...values, 0);
  const step = roundStep((greatest === 0 ? 1 : greatest) / ticksWanted);
  const steps = Math.max(1, Math.ceil(greatest / step - 1e-9));
  const end = steps * step;
  return {
    ticks: Array.from({ length: steps + 1 }, (_, index) => ({ value: index * step, isNamed: true })),
    position: (value) => value / end,
  };
}

/** Whole powers of ten around all values above 0; others have no place and lie at the lower end. */
export function logScale(values: readonly number[]): Scale {
  const positive = values.filter((value) => value > 0);
  const low = Math.floor(Math.log10(Math.min(...positive, ...(positive.length === 0 ? [1] : []))) + 1e-9);
  const high = Math.max(low + 1, Math.ceil(Math.log10(Math.max(...positive, 0)) - 1e-9));
  const ticks: Tick[] = [];
  for (let exponent = low; exponent <= high; exponent++) {
    for (const factor of exponent === high ? [1] : [1, 2, 5]) {
      ticks.push({ value: factor * 10 ** exponent, isNamed: factor === 1 || high - low <= 2 });
    }
  }
  return {
    ticks,
    position: (value) => (value <= 0 ? 0 : Math.max(0, (Math.log10(value) - low) / (high - low))),
  };
}

/** The values themselves, evenly: for few of them that are told by name, or that grow by factors. */
export function stepScale(values: readonly number[]): Scale {
  const steps = [...new Set(values)].toSorted((left, right) => left - right);
  return {
    ticks: steps.map((value) => ({ value, isNamed: true })),
    position: (value) => (steps.indexOf(value) + 0.5) / Math.max(1, steps.length),
  };
}

/** The next of 1, 2, 5, 10, 20, … */
function roundStep(step: number): number {
  const power = 10 ** Math.floor(Math.log10(step));
  const factor = [1, 2, 5].find((candidate) => candidate * power >= step - 1e-9) ?? 10;
  return factor * power;
}
