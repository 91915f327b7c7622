/**
 * The cluster that a plan asks for.
 */

import { isNodeId, type Member, type NodeId } from '../core/config.ts';
import { StoreError } from '../core/errors.ts';
import { SimCluster } from './sim-cluster.ts';
import type { OpenStore } from './sim-node.ts';
import type { World } from './simulation.ts';
import type { SwarmPlan } from './swarm-plan.ts';

/** Nodes `n1` to `n<nodes>`, none of them started yet. */
export function plannedCluster(world: World, plan: SwarmPlan, openStore: OpenStore): SimCluster {
  const members = Array.from({ length: plan.nodes }, (_, index) => ({
    ...memberNamed(`n${index + 1}`),
    zone: plan.zones === 1 ? '' : `machine ${(index % plan.zones) + 1}`,
  }));
  const clocks = world.random.fork('clocks');
  const around = (max: number): number => clocks.between(-max, max);
  return new SimCluster(world, {
    members,
    config: {
      clusterName: 'simulated',
      partitions: plan.partitions,
      quorum: plan.quorum,
      quorumMode: plan.quorumMode,
      valueBytesMax: 1 << 20,
      timing: plan.timing,
      hintedHandoff: plan.hintedHandoff,
    },
    openStore,
    conditions: plan.conditions,
    clockOffsetMs: () => around(plan.clockOffsetMsMax),
    clockDriftPerMillion: () => around(plan.clockDriftPerMillionMax),
  });
}

/** A member like any other, of that name. */
export function memberNamed(name: string): Member {
  const id: NodeId | undefined = isNodeId(name) ? name : undefined;
  if (id === undefined) throw new StoreError('INTERNAL', `${name} is no node id`);
  return { id, weight: 1, zone: '' };
}
