/** What more callers at once do: writes alone and reads alone, with one connection and with many. */

import { fillAll, measureInTurns, shortValueBytes, usualLoad, type Bench, type PointPlan } from '../bench.ts';
import { gets, puts } from '../mix.ts';
import type { Point, Section } from '../results.ts';

export async function measureConcurrency(bench: Bench): Promise<Pick<Section, 'settings' | 'points'>> {
  const { keys, rounds, connections: counts } = bench.profile;
  await fillAll(bench, { to: keys, valueBytes: shortValueBytes });
  const points: Point[] = [];
  for (const connections of counts) {
    for (const [operation, mix] of [['PUT', puts] as const, ['GET', gets] as const]) {
      const plans = bench.contestants.map((contestant): PointPlan => {
        const spec = { ...usualLoad(bench), connections, mix };
        return { contestant, operation, at: connections, spec };
      });
      points.push(...(await measureInTurns(bench, plans, rounds)));
    }
  }
  return { points, settings: { keys: String(keys), 'value bytes': String(shortValueBytes) } };
}
