/**
 * An ordinary restart is never taken for an old disk: where disks keep what was durable, and nothing is told before
 * it is, peers refuse no node, however it crashed. A node that is refused for nothing would answer for nothing.
 */

import { losesDurableBytes, type SwarmPlan } from '../swarm-plan.ts';
import type { BrokenPromise } from './broken-promise.ts';

/** `doubted`: how often a peer refused a life of a node for what it knew of its disk. */
export function restartsAreLetIn(evidence: {
  readonly plan: SwarmPlan;
  readonly doubted: number;
}): BrokenPromise[] {
  const { plan, doubted } = evidence;
  if (doubted === 0 || plan.durability.mode !== 'always' || losesDurableBytes(plan)) return [];
  const message = `peers refused ${doubted} starts of nodes whose disks had kept all that was durable`;
  return [{ promise: 'restarts-are-let-in', key: undefined, message }];
}
