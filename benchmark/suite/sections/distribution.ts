/** What favourite keys do: the same load with keys drawn evenly and by Zipf's law. */

import { fillAll, measureInTurns, shortValueBytes, usualLoad, type Bench, type PointPlan } from '../bench.ts';
import type { KeyDistribution } from '../key-chooser.ts';
import type { Mix } from '../mix.ts';
import type { Point, Section } from '../results.ts';
import { zipfTheta } from '../zipf.ts';

export async function measureDistribution(bench: Bench): Promise<Pick<Section, 'settings' | 'points'>> {
  const { keys, rounds } = bench.profile;
  await fillAll(bench, { to: keys, valueBytes: shortValueBytes });
  const distributions: readonly (readonly [KeyDistribution, number])[] = [
    ['uniform', 0],
    ['zipf', zipfTheta],
  ];
  const points: Point[] = [];
  for (const operation of ['PUT', 'GET']) {
    const plans = distributions.flatMap(([distribution, at]) =>
      bench.contestants.map((contestant): PointPlan => {
        const mix: Mix = { distribution, shares: operation === 'PUT' ? { update: 1 } : { read: 1 } };
        return { contestant, operation, at, spec: { ...usualLoad(bench), mix } };
      }),
    );
    points.push(...(await measureInTurns(bench, plans, rounds)));
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
