/**
 * N nodes of the real code under virtual time: the composition root of a simulation.
 */

import type { Member, NodeConfig, NodeId } from '../core/config.ts';
import { computePlacement, type PlacementTable } from '../core/placement.ts';
import { staticEpoch } from '../replica/node.ts';
import { SimNetwork, type LinkConditions } from './sim-network.ts';
import { SimNode, type CrashManner, type OpenStore } from './sim-node.ts';
import type { World } from './simulation.ts';

/** What all nodes of a cluster share; each gets its own id. */
export type SharedConfig = Omit<NodeConfig, 'id' | 'members'>;

export interface ClusterOptions {
  readonly members: readonly Member[];
  readonly config: SharedConfig;
  readonly openStore: OpenStore;
  readonly conditions?: LinkConditions;
  /** What each node's wall clock is ahead at the start, and gains per second in microseconds. */
  readonly clockOffsetMs?: (id: NodeId) => number;
  readonly clockDriftPerMillion?: (id: NodeId) => number;
}

/** How often a condition is looked at while waiting for it. */
const pollMicros = 10_000;

export class SimCluster {
  readonly network: SimNetwork;
  readonly nodes: readonly SimNode[];
  /** Nodes that did not start although nothing had crashed them: a broken promise. */
  readonly failedStarts: string[] = [];
  /** Who owns what. */
  readonly placement: PlacementTable;
  readonly #world: World;

  constructor(world: World, options: ClusterOptions) {
    this.#world = world;
    const { members, config, openStore, conditions } = options;
    this.network = new SimNetwork({
      scheduler: world.scheduler,
      random: world.random.fork('network'),
      members: members.map((member) => member.id),
      narrator: world.narrator,
      traceLog: world.traceLog,
      ...(conditions === undefined ? {} : { conditions }),
    });
    // The same on all nodes: it follows from the members.
    this.placement = placementOf(members, config);
    this.nodes = members.map(
      ({ id }) =>
        new SimNode({
          world,
          network: this.network,
          config: { ...config, id, members },
          openStore,
          clockOffsetMs: options.clockOffsetMs?.(id) ?? 0,
          clockDriftPerMillion: options.clockDriftPerMillion?.(id) ?? 0,
        }),
    );
    const byId = new Map(this.nodes.map((node) => [node.id, node]));
    this.network.beforeSend = (from) => byId.get(from)?.beforePortUse();
  }

  /** Starts a node that is down; a failure shows in `failedStarts`. */
  start(node: SimNode): void {
    if (node.isRunning) return;
    node.start().catch((error: unknown) => {
      this.failedStarts.push(error instanceof Error ? error.message : String(error));
    });
  }

  /** Starts every node that is down and waits until all serve; false when they do not within the bound. */
  async startAll(withinMicros: number): Promise<boolean> {
    const allServe = (): boolean => {
      // One that was stopping when asked has to be started again.
      for (const node of this.nodes) this.start(node);
      return this.nodes.every((node) => node.isServing);
    };
    return await this.waitUntil(allServe, withinMicros);
  }

  /** All nodes lose power in the same instant. */
  powerLoss(unsynced: CrashManner['unsynced']): void {
    for (const node of this.nodes) {
      if (node.isRunning) node.crash({ kind: 'powerLost', unsynced });
      else node.losePowerWhileDown(unsynced);
    }
  }

  /** Resolves to true once the condition holds, to false when it does not in time. */
  async waitUntil(condition: () => boolean, withinMicros: number): Promise<boolean> {
    const deadline = this.#world.scheduler.nowMicros + withinMicros;
    while (!condition()) {
      if (this.#world.scheduler.nowMicros >= deadline) return false;
      await this.#world.sleep(pollMicros);
    }
    return true;
  }
}

function placementOf(members: readonly Member[], config: SharedConfig): PlacementTable {
  const { partitions, quorum } = config;
  return computePlacement({ members, partitions, replicas: quorum.n, epoch: staticEpoch });
}
