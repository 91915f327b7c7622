/** How long users wait the more they ask: half reads, half updates at rates that do not depend on answers. */

import {
  capacityOf,
  fillAll,
  measureInTurns,
  shortValueBytes,
  usualLoad,
  type Bench,
  type PointPlan,
} from '../bench.ts';
import type { Mix } from '../mix.ts';
import type { Point, Section } from '../results.ts';

const mix: Mix = { distribution: 'uniform', shares: { read: 0.5, update: 0.5 } };

export async function measureLatency(bench: Bench): Promise<Pick<Section, 'settings' | 'points'>> {
  const { keys, rounds, openRounds, openRunMs, capacityShares } = bench.profile;
  await fillAll(bench, { to: keys, valueBytes: shortValueBytes });
  const plans = bench.contestants.map((contestant): PointPlan => {
    const spec = { ...usualLoad(bench), mix };
    return { contestant, operation: 'mix', at: 0, spec };
  });
  const closed = await measureInTurns(bench, plans, rounds);
  const points: Point[] = [...closed];
  for (const share of capacityShares) {
    const open = plans.map((plan, index): PointPlan => {
      const point = closed[index];
      const perSecond = Math.max(1, share * (point === undefined ? 0 : capacityOf(point)));
      const spec = { ...plan.spec, durationMs: openRunMs, pace: { kind: 'open', perSecond } } as const;
      return { ...plan, at: share, spec };
    });
    points.push(...(await measureInTurns(bench, open, openRounds)));
  }
  return {
    points,
    settings: {
      keys: String(keys),
      'value bytes': String(shortValueBytes),
      connections: String(bench.profile.usualConnections),
      operations: 'half reads, half updates',
    },
  };
}
