/** What longer values do, from 16 bytes to a mebibyte. */

import { fillAll, measureInTurns, usualLoad, type Bench, type PointPlan } from '../bench.ts';
import { gets, puts } from '../mix.ts';
import type { Point, Section } from '../results.ts';

/** Fewer than elsewhere: 64 requests of a mebibyte would measure how memory is copied, and little else. */
const connections = 16;
/** All values of one length together, so that long ones have fewer keys. */
const bytesMax = 64 * 1024 * 1024;

export async function measureSizes(bench: Bench): Promise<Pick<Section, 'settings' | 'points'>> {
  const { rounds, valueBytes: sizes } = bench.profile;
  const points: Point[] = [];
  for (const valueBytes of sizes) {
    const keys = Math.min(bench.profile.keys, Math.floor(bytesMax / valueBytes));
    await fillAll(bench, { to: keys, valueBytes });
    for (const [operation, mix] of [['PUT', puts] as const, ['GET', gets] as const]) {
      const plans = bench.contestants.map((contestant): PointPlan => {
        const spec = { ...usualLoad(bench), connections, keys, valueBytes, mix };
        return { contestant, operation, at: valueBytes, spec };
      });
      points.push(...(await measureInTurns(bench, plans, rounds)));
    }
  }
  return {
    points,
    settings: { connections: String(connections), keys: 'as many as make 64 MiB, at most as elsewhere' },
  };
}
