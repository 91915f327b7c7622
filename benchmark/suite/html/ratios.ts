/**
 * This store beside others, as ratios: of two runs of the same round, which lie seconds apart, so that what else the
 * machine did hits both.
 */

import type { Point } from '../results.ts';
import { spreadOf, type Spread } from '../spread.ts';

/** Whom each way into the store is held against: who promises the most alike, and who does the least. */
export const comparisons: readonly { readonly ours: string; readonly theirs: string }[] = [
  { ours: 'store-redis', theirs: 'redis-durable' },
  { ours: 'store-redis', theirs: 'redis-plain' },
  { ours: 'store-http', theirs: 'etcd' },
  { ours: 'store-http', theirs: 'url' },
];

/** Operations a second of ours by theirs, round by round; undefined where one of them was not measured. */
export function ratioOf(ours: Point | undefined, theirs: Point | undefined): Spread | undefined {
  if (ours === undefined || theirs === undefined) return undefined;
  return spreadOf(
    ours.runs.map((run) => {
      const other = theirs.runs.find(({ round }) => round === run.round);
      return other === undefined || other.operationsPerSecond === 0
        ? undefined
        : run.operationsPerSecond / other.operationsPerSecond;
    }),
  );
}
