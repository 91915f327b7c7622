/** What a client gains that sends several requests before it reads an answer. Only the Redis protocol has that. */

import { fillAll, measureInTurns, shortValueBytes, usualLoad, type Bench, type PointPlan } from '../bench.ts';
import { gets, puts } from '../mix.ts';
import type { Point, Section } from '../results.ts';

export async function measurePipelining(bench: Bench): Promise<Pick<Section, 'settings' | 'points'>> {
  const { keys, rounds, pipelines } = bench.profile;
  const redis = bench.contestants.filter(({ dialog }) => dialog.kind === 'redis');
  await fillAll({ ...bench, contestants: redis }, { to: keys, valueBytes: shortValueBytes });
  const points: Point[] = [];
  for (const pipeline of pipelines) {
    for (const [operation, mix] of [['PUT', puts] as const, ['GET', gets] as const]) {
      const plans = redis.map((contestant): PointPlan => {
        const spec = { ...usualLoad(bench), pipeline, mix };
        return { contestant, operation, at: pipeline, spec };
      });
      points.push(...(await measureInTurns(bench, plans, rounds)));
    }
  }
  return {
    points,
    settings: {
      keys: String(keys),
      'value bytes': String(shortValueBytes),
      connections: String(bench.profile.usualConnections),
    },
  };
}
