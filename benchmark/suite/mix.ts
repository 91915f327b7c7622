/**
 * What kinds of operations a load has, and in which shares.
 *
 * A to F are the core workloads of YCSB (Cooper et al., "Benchmarking Cloud Serving Systems with YCSB", SoCC 2010).
 */

import type { KeyDistribution } from './key-chooser.ts';

export type OperationKind = 'read' | 'update' | 'insert' | 'scan' | 'modify';

export interface Mix {
  readonly distribution: KeyDistribution;
  /** Shares of 1 together. */
  readonly shares: Readonly<Partial<Record<OperationKind, number>>>;
}

/** Entries of a scan are drawn evenly from 1 to so many. */
export const scanLengthMax = 100;

export const workloads = {
  A: { distribution: 'zipf', shares: { read: 0.5, update: 0.5 } },
  B: { distribution: 'zipf', shares: { read: 0.95, update: 0.05 } },
  C: { distribution: 'zipf', shares: { read: 1 } },
  D: { distribution: 'latest', shares: { read: 0.95, insert: 0.05 } },
  E: { distribution: 'zipf', shares: { scan: 0.95, insert: 0.05 } },
  F: { distribution: 'zipf', shares: { read: 0.5, modify: 0.5 } },
} as const satisfies Readonly<Record<string, Mix>>;

export type WorkloadName = keyof typeof workloads;

export const workloadTitles: Readonly<Record<WorkloadName, string>> = {
  A: 'update heavy: half reads, half updates',
  B: 'read mostly: 95 % reads, 5 % updates',
  C: 'read only',
  D: 'read latest: 95 % reads, mostly of new keys, 5 % inserts',
  E: 'short ranges: 95 % scans of 1 to 100 entries, 5 % inserts',
  F: 'read-modify-write: half reads, half a read and a write on it',
};

export const puts: Mix = { distribution: 'uniform', shares: { update: 1 } };
export const gets: Mix = { distribution: 'uniform', shares: { read: 1 } };

/** The kind of an operation, by a number drawn evenly from 0 up to but not including 1. */
export function kindOf(mix: Mix, uniform: number): OperationKind {
  let sum = 0;
  let last: OperationKind = 'read';
  for (const [kind, share] of Object.entries(mix.shares) as readonly (readonly [OperationKind, number])[]) {
    sum += share;
    last = kind;
    if (uniform < sum) return kind;
  }
  return last;
}
