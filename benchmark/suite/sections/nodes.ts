/**
 * What more nodes do on one machine: each write still goes to three of them, so what is measured is what a larger
 * cluster costs. It cannot show what more machines would bring.
 */

import {
  fillKeys,
  measureInTurns,
  shortValueBytes,
  usualLoad,
  warmUp,
  type Bench,
  type PointPlan,
} from '../bench.ts';
import { storeHttp, type RunningContestant } from '../contestants.ts';
import { gets, puts } from '../mix.ts';
import type { Point, Section } from '../results.ts';
import { startStore } from '../store-cluster.ts';

export async function measureNodes(bench: Bench): Promise<Pick<Section, 'settings' | 'points'>> {
  const { keys, rounds, nodes: sizes } = bench.profile;
  const clusters = new Map<number, RunningContestant>();
  const points: Point[] = [];
  try {
    for (const nodes of bench.canRun(storeHttp) ? sizes : []) {
      const contestant = { ...storeHttp, server: await bench.start(() => startStore(nodes)) };
      clusters.set(nodes, contestant);
      await warmUp(bench, contestant);
      await fillKeys(bench, contestant, { to: keys, valueBytes: shortValueBytes });
    }
    for (const [operation, mix] of [['PUT', puts] as const, ['GET', gets] as const]) {
      const plans = Array.from(clusters, ([nodes, contestant]): PointPlan => {
        return { contestant, operation, at: nodes, spec: { ...usualLoad(bench), mix } };
      });
      points.push(...(await measureInTurns(bench, plans, rounds)));
    }
  } finally {
    await Promise.all(Array.from(clusters.values(), ({ server }) => server.stop()));
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
