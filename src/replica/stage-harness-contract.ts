/**
 * A simulated cluster of real nodes that is up, for stories that need a whole cluster: N = 3, R = W = 2, durable writes.
 */

import assert from 'node:assert/strict';
import { defaultTiming, partitionsFor, type NodeId, type Timing } from '../core/config.ts';
import { crc32 } from '../core/crc32.ts';
import { inMacrotask } from '../sim/drain.ts';
import { SimCluster } from '../sim/sim-cluster.ts';
import { healthyLink } from '../sim/sim-network.ts';
import type { SimNode } from '../sim/sim-node.ts';
import { simulate, type World } from '../sim/simulation.ts';
import type { Clock } from '../ports/clock.ts';
import { openLogStore } from '../storage/log-store.ts';
import type { Store } from '../storage/store.ts';
import type { NodeApi } from './node-api.ts';

export const second = 1_000_000;

export interface Stage {
  readonly world: World;
  readonly cluster: SimCluster;
  /** The serving node with this number, from 1. */
  node(number: number): NodeApi;
  /** The machine with this number, from 1. */
  machine(number: number): SimNode;
  /** Every message to and from the node takes half of this; 0 makes it quick again. */
  slowDown(number: number, roundTripMs: number): void;
  /** Virtual milliseconds that something takes. */
  timeMs(action: () => Promise<unknown>): Promise<number>;
}

export interface StageOptions {
  readonly nodes?: number;
  readonly timing?: Partial<Timing>;
  readonly hintedHandoff?: boolean;
  readonly antiEntropy?: boolean;
  readonly hintBytesPerTargetMax?: number;
  /** Put around the store of every node. */
  readonly aroundStore?: (store: Store, clock: Clock) => Store;
}

/** Plays a story on a cluster whose nodes have known each other for two seconds. */
export function playOnStage(options: StageOptions, story: (stage: Stage) => Promise<void>): Promise<void> {
  const { nodes = 3, timing = {}, hintedHandoff = true, antiEntropy = true, hintBytesPerTargetMax } = options;
  const { aroundStore = (store) => store } = options;
  const members = Array.from({ length: nodes }, (_, index) => ({
    id: `n${index + 1}` as NodeId,
    weight: 1,
    zone: '',
  }));
  const body = async (world: World): Promise<void> => {
    const cluster = new SimCluster(world, {
      members,
      config: {
        clusterName: 'stage',
        partitions: partitionsFor(nodes, 4),
        quorum: { n: 3, r: 2, w: 2 },
        quorumMode: 'sloppy',
        valueBytesMax: 100_000,
        timing: { ...defaultTiming, ...timing },
        hintedHandoff,
        antiEntropy,
      },
      openStore: async ({ config, ...ports }) => {
        const store = await openLogStore({
          ...ports,
          checksum: crc32,
          partitions: config.partitions,
          durability: { mode: 'always' },
          ...(hintBytesPerTargetMax === undefined ? {} : { hintBytesPerTargetMax }),
        });
        return aroundStore(store, ports.clock);
      },
    });
    assert.equal(await cluster.startAll(10 * second), true);
    await world.sleep(2 * second);
    await story(stageOf(world, cluster));
  };
  return inMacrotask(() => {
    simulate({ seed: 5 }, body);
  });
}

export function keyOf(index: number): Uint8Array {
  return new TextEncoder().encode(`key-${index}`);
}

export const someValue = new TextEncoder().encode('a value');

function stageOf(world: World, cluster: SimCluster): Stage {
  const machine = (number: number): SimNode => {
    const found = cluster.nodes[number - 1];
    assert.ok(found !== undefined);
    return found;
  };
  return {
    world,
    cluster,
    machine,
    node(number) {
      const { api } = machine(number);
      assert.ok(api !== undefined, `n${number} serves`);
      return api;
    },
    slowDown(number, roundTripMs) {
      const delayMicrosMin = roundTripMs * 500;
      const slow = { ...healthyLink, delayMicrosMin, delayMicrosMax: delayMicrosMin + 1_000 };
      const { id } = machine(number);
      for (const other of cluster.nodes) {
        cluster.network.setLink(id, other.id, roundTripMs === 0 ? undefined : slow);
        cluster.network.setLink(other.id, id, roundTripMs === 0 ? undefined : slow);
      }
    },
    async timeMs(action) {
      const startMicros = world.scheduler.nowMicros;
      await action();
      return (world.scheduler.nowMicros - startMicros) / 1000;
    },
  };
}
