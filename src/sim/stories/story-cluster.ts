/**
 * The cluster that a golden story is about: its first command makes it, the others find its nodes by name.
 */

import { defaultTiming, partitionsFor, type Member, type NodeId } from '../../core/config.ts';
import { crc32 } from '../../core/crc32.ts';
import { StoreError } from '../../core/errors.ts';
import type { NodeApi } from '../../replica/node-api.ts';
import { openLogStore } from '../../storage/log-store.ts';
import { SimCluster } from '../sim-cluster.ts';
import type { DiskSnapshot } from '../sim-disk.ts';
import type { SimNode } from '../sim-node.ts';
import type { World } from '../simulation.ts';

const second = 1_000_000;
/** In which nodes that start must serve, and how long they then get to hear of each other. */
const startMicrosMax = 10 * second;
const acquaintanceMicros = 2 * second;
const partitionsPerNodeMin = 4;

export interface StoryClusterShape {
  readonly nodes: number;
  readonly n: number;
  readonly r: number;
  readonly w: number;
  readonly quorumMode: 'sloppy' | 'strict';
}

export class StoryCluster {
  readonly world: World;
  /** What `snapshot-disk` remembered. */
  readonly diskSnapshots = new Map<NodeId, DiskSnapshot>();
  #cluster: SimCluster | undefined;

  constructor(world: World) {
    this.world = world;
  }

  /** Makes the nodes n1, n2, … and starts them. */
  async create(shape: StoryClusterShape): Promise<void> {
    const members: Member[] = Array.from({ length: shape.nodes }, (_, index) => ({
      id: `n${index + 1}` as NodeId,
      weight: 1,
      zone: `z${index + 1}`,
    }));
    const partitions = partitionsFor(shape.nodes, partitionsPerNodeMin);
    this.#cluster = new SimCluster(this.world, {
      members,
      config: {
        clusterName: 'story',
        partitions,
        quorum: { n: shape.n, r: shape.r, w: shape.w },
        quorumMode: shape.quorumMode,
        valueBytesMax: 1024 * 1024,
        timing: defaultTiming,
      },
      openStore: ({ disk, clock, random, observer, onFailed }) =>
        openLogStore({
          disk,
          clock,
          random,
          observer,
          onFailed,
          checksum: crc32,
          partitions,
          durability: { mode: 'always' },
        }),
    });
    await this.startAll();
  }

  get simulated(): SimCluster {
    if (this.#cluster === undefined) throw new StoreError('BAD_REQUEST', 'a story starts with "cluster"');
    return this.#cluster;
  }

  get nodes(): readonly SimNode[] {
    return this.simulated.nodes;
  }

  node(id: string | undefined): SimNode {
    const node = this.nodes.find((one) => one.id === id);
    if (node === undefined) throw new StoreError('BAD_REQUEST', `there is no node ${id ?? ''}`);
    return node;
  }

  /** Every node that is named, or all of them. */
  nodesNamed(ids: readonly string[]): readonly SimNode[] {
    return ids.length === 1 && ids[0] === 'all' ? this.nodes : ids.map((id) => this.node(id));
  }

  api(id: string | undefined): NodeApi {
    const { api } = this.node(id);
    if (api === undefined) throw new StoreError('BAD_REQUEST', `${id ?? ''} is down`);
    return api;
  }

  /** Starts those that are down, and gives all of them time to hear of each other. */
  async start(nodes: readonly SimNode[]): Promise<void> {
    for (const node of nodes) this.simulated.start(node);
    const serve = (): boolean => nodes.every((node) => node.isServing);
    if (!(await this.simulated.waitUntil(serve, startMicrosMax))) {
      throw new StoreError('INTERNAL', `they do not start: ${this.simulated.failedStarts.join('; ')}`);
    }
    await this.world.sleep(acquaintanceMicros);
  }

  startAll(): Promise<void> {
    return this.start(this.nodes);
  }
}
