/** The progress line of `simulate`: on a terminal always the same line, elsewhere a line now and then. */

import { performance } from 'node:perf_hooks';

import type { SweepTotals } from './seed-sweep.ts';

const terminalEveryMs = 500;
const otherwiseEveryMs = 10_000;

/** Begins now; `seeds` is Infinity when nobody knows how many there will be. */
export function showProgress(seeds: number): {
  readonly show: (totals: SweepTotals) => void;
  readonly end: (totals: SweepTotals) => void;
} {
  const { isTTY } = process.stderr;
  const everyMs = isTTY ? terminalEveryMs : otherwiseEveryMs;
  const startMs = performance.now();
  let shownMs = startMs;
  const write = (totals: SweepTotals, lineEnd: string): void => {
    shownMs = performance.now();
    const line = progressLine(totals, seeds, (shownMs - startMs) / 1000);
    process.stderr.write(isTTY ? `\r${line}${lineEnd}` : `${line}\n`);
  };
  return {
    show: (totals) => {
      if (performance.now() - shownMs >= everyMs) write(totals, '');
    },
    end: (totals) => write(totals, '\n'),
  };
}

/** What was done so far and how fast, over all threads. */
export function progressLine(totals: SweepTotals, seeds: number, seconds: number): string {
  const whole = (count: number): string => Math.round(count).toLocaleString('en');
  const rate = (count: number): string => whole(count / seconds);
  const simulated = totals.virtualMicros / 1e6;
  const done = seeds === Infinity ? whole(totals.seeds) : `${whole(totals.seeds)} of ${whole(seeds)}`;
  return (
    `${done} seeds (${(totals.seeds / seconds).toFixed(1)}/s), ${whole(simulated)} s simulated (${rate(simulated)}/s), ` +
    `${whole(totals.faults)} faults, ${whole(totals.operations)} operations (${rate(totals.operations)}/s), ` +
    `${whole(totals.acknowledged)} writes acknowledged`
  );
}
