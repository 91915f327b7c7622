/**
 * YCSB's workloads A to F: first in a closed loop, which tells how much a server can do, then in an open loop at a share of
 * that, which tells how long users wait.
 */

import { capacityOf, fillAll, measureInTurns, usualLoad, type Bench, type PointPlan } from '../bench.ts';
import { workloads, type WorkloadName } from '../mix.ts';
import type { Point, Section } from '../results.ts';

/** YCSB's records: ten fields of a hundred bytes. */
const recordBytes = 1_000;
/** Of its own capacity, at which a server is asked in the open loop: busy, and not overloaded. */
export const workloadShare = 0.7;

export async function measureWorkloads(bench: Bench): Promise<Pick<Section, 'settings' | 'points'>> {
  const { profile } = bench;
  await fillAll(bench, { to: profile.keys, valueBytes: recordBytes });
  const points: Point[] = [];
  for (const name of Object.keys(workloads) as WorkloadName[]) {
    const plans = bench.contestants
      .filter(({ scans }) => name !== 'E' || scans !== 'none')
      .map((contestant): PointPlan => {
        const spec = { ...usualLoad(bench), valueBytes: recordBytes, mix: workloads[name] };
        return { contestant, operation: name, at: 0, spec };
      });
    const closed = await measureInTurns(bench, plans, profile.rounds);
    const open = plans.map((plan, index): PointPlan => {
      const point = closed[index];
      const perSecond = Math.max(1, workloadShare * (point === undefined ? 0 : capacityOf(point)));
      const spec = {
        ...plan.spec,
        durationMs: profile.openRunMs,
        pace: { kind: 'open', perSecond },
      } as const;
      return { ...plan, at: workloadShare, spec };
    });
    points.push(...closed, ...(await measureInTurns(bench, open, profile.openRounds)));
  }
  return {
    points,
    settings: {
      keys: String(profile.keys),
      'value bytes': String(recordBytes),
      connections: String(bench.profile.usualConnections),
      'open loop': `${workloadShare * 100} % of each server's own throughput`,
    },
  };
}
