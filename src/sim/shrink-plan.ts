/**
 * From a plan that breaks a promise to a smaller one that still does.
 *
 * Greedy: each reduction (a kind of fault off, fewer nodes, clients, operations, keys, a healthy network) is tried
 * on the plan so far and kept when the run still fails, until none helps any more. A smaller plan draws
 * other histories from the same seed, so each is tried with some seeds. Delta debugging (Zeller and Hildebrandt
 * 2002) on a structure whose parts are known.
 */

import { defaultTiming } from '../core/config.ts';
import { ordinaryDisk } from './disk-latency.ts';
import { healthyLink } from './sim-network.ts';
import { frailNodesMax, type FaultKinds, type SwarmPlan, type Workload } from './swarm-plan.ts';

/** A plan that is smaller in one respect. */
export interface Reduction {
  /** What became less, for a progress line. */
  readonly what: string;
  readonly plan: SwarmPlan;
}

export interface ShrunkPlan {
  readonly plan: SwarmPlan;
  /** A seed with which the plan fails. */
  readonly seed: number;
  readonly tried: number;
  readonly kept: number;
}

/**
 * Shrinks until no reduction fails any more, or `isOver` says that it is enough. `failingSeed` runs a plan
 * with some seeds, that of the smallest failure so far first, and says which fails, if any.
 */
export async function shrinkPlan(options: {
  readonly plan: SwarmPlan;
  readonly seed: number;
  readonly failingSeed: (plan: SwarmPlan, firstSeed: number) => Promise<number | undefined>;
  readonly isOver: () => boolean;
  readonly onKept?: (what: string) => void;
}): Promise<ShrunkPlan> {
  let { plan, seed } = options;
  let tried = 0;
  let kept = 0;
  // The position goes round: what has just failed to help is tried again last.
  let position = 0;
  let failuresInARow = 0;
  for (;;) {
    const reductions = reductionsOf(plan);
    const reduction = reductions[position % Math.max(1, reductions.length)];
    if (reduction === undefined || failuresInARow >= reductions.length || options.isOver()) break;
    tried += 1;
    const found = await options.failingSeed(reduction.plan, seed);
    if (found === undefined) {
      position += 1;
      failuresInARow += 1;
    } else {
      kept += 1;
      failuresInARow = 0;
      ({ plan } = reduction);
      seed = found;
      options.onKept?.(reduction.what);
    }
  }
  return { plan, seed, tried, kept };
}

/** All that can be made smaller by one step, what saves most first; each is strictly smaller. */
export function reductionsOf(plan: SwarmPlan): Reduction[] {
  const reductions: Reduction[] = [];
  const add = (what: string, change: Partial<SwarmPlan>): void => {
    reductions.push({ what, plan: { ...plan, ...change } });
  };
  addFaults(plan, add);
  addSizes(plan, add);
  addConditions(plan, add);
  return reductions;
}

type Add = (what: string, change: Partial<SwarmPlan>) => void;

/** One kind alone, then all but one. */
function addFaults(plan: SwarmPlan, add: Add): void {
  const on = kindsOf(plan.faults).filter((kind) => plan.faults[kind]);
  const only = (kinds: readonly (keyof FaultKinds)[]): FaultKinds => {
    const faults = { ...plan.faults };
    for (const kind of on) faults[kind] = kinds.includes(kind);
    return faults;
  };
  if (on.length > 0) add('no faults', { faults: only([]) });
  if (on.length > 2) for (const kind of on) add(`${kind} alone`, { faults: only([kind]) });
  if (on.length > 1) {
    for (const kind of on) add(`no ${kind}`, { faults: only(on.filter((other) => other !== kind)) });
  }
}

function addSizes(plan: SwarmPlan, add: Add): void {
  const { nodes, quorum, workload } = plan;
  for (let fewer = 1; fewer < nodes; fewer++) {
    const bounded = (count: number): number => Math.min(count, fewer);
    const { n, r, w } = quorum;
    const less = { n: bounded(n), r: bounded(r), w: bounded(w) };
    // Fewer copies may leave no room for a disk that loses some.
    if (plan.frailNodes > frailNodesMax(less)) continue;
    add(`nodes ${fewer}`, { nodes: fewer, quorum: less });
  }
  if (plan.zones > 1) add('one zone', { zones: 1 });
  const less = (field: keyof Workload, to: number): void => {
    if (to < workload[field]) add(`${field} ${to}`, { workload: { ...workload, [field]: to } });
  };
  for (const field of ['clients', 'operationsPerClient', 'keys'] as const) {
    for (const divisor of [8, 4, 2, 1.25]) less(field, Math.max(1, Math.floor(workload[field] / divisor)));
  }
  less('deletePerMillion', 0);
  less('contextPerMillion', 0);
  less('expiryPerMillion', 0);
  less('pipelinePerMillion', 0);
  less('zipfExponent', 0);
  less('burstMax', 1);
  less('valueBytesMax', workload.valueBytesMin);
  for (const divisor of [Infinity, 4]) less('pauseMicrosMax', Math.floor(workload.pauseMicrosMax / divisor));
  if (plan.frailNodes > 0)
    add('no frail nodes', {
      frailNodes: 0,
      faults: { ...plan.faults, bitRot: false, oldDisks: false, emptyDisks: false, lyingSyncs: false },
    });
  if (plan.durability.mode !== 'always') add('durability always', { durability: { mode: 'always' } });
  if (plan.partitions > 1) add('one partition', { partitions: 1 });
}

function addConditions(plan: SwarmPlan, add: Add): void {
  const { conditions, disk, timing } = plan;
  if (!isSame(conditions, healthyLink)) add('a healthy network', { conditions: healthyLink });
  for (const field of [
    'lossPerMillion',
    'duplicatePerMillion',
    'reorderPerMillion',
    'refusePerMillion',
  ] as const) {
    if (conditions[field] > 0) add(`${field} 0`, { conditions: { ...conditions, [field]: 0 } });
  }
  if (!isSame(disk, ordinaryDisk)) add('ordinary disks', { disk: ordinaryDisk });
  if (!isSame(timing, defaultTiming)) add('ordinary timing', { timing: defaultTiming });
  if (plan.clockOffsetMsMax > 0) add('clocks that agree', { clockOffsetMsMax: 0 });
  if (plan.clockDriftPerMillionMax > 0) add('clocks without drift', { clockDriftPerMillionMax: 0 });
}

function kindsOf(faults: FaultKinds): (keyof FaultKinds)[] {
  return Object.keys(faults).filter((kind): kind is keyof FaultKinds => kind in faults);
}

function isSame(left: object, right: object): boolean {
  return JSON.stringify(left) === JSON.stringify(right);
}
