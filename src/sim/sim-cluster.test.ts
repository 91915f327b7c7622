import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { defaultTiming, type NodeConfig, type NodeId } from '../core/config.ts';
import { crc32 } from '../core/crc32.ts';
import { openLogStore } from '../storage/log-store.ts';
import { inMacrotask } from './drain.ts';
import { History } from './history.ts';
import { SimClient } from './sim-client.ts';
import { SimCluster } from './sim-cluster.ts';
import type { SimNode } from './sim-node.ts';
import { simulate, type World } from './simulation.ts';
import { writerOf } from './unique-value.ts';

const second = 1_000_000;
const key = 'a key';

interface Stage {
  readonly world: World;
  readonly cluster: SimCluster;
  readonly client: SimClient;
  /** The owners of `key`, then the others. */
  readonly nodes: readonly SimNode[];
}

/** Plays a story on a cluster of N = 3, R = W = 2 that is up. */
function onCluster(
  options: { readonly nodes: number; readonly quorumMode: NodeConfig['quorumMode'] },
  story: (stage: Stage) => Promise<void>,
): Promise<void> {
  const members = Array.from({ length: options.nodes }, (_, index) => ({
    id: `n${index + 1}` as NodeId,
    weight: 1,
    zone: '',
  }));
  const body = async (world: World): Promise<void> => {
    const cluster = new SimCluster(world, {
      members,
      config: {
        clusterName: 'story',
        partitions: 4,
        quorum: { n: 3, r: 2, w: 2 },
        quorumMode: options.quorumMode,
        valueBytesMax: 10_000,
        timing: defaultTiming,
      },
      openStore: ({ config, ...ports }) =>
        openLogStore({
          ...ports,
          checksum: crc32,
          partitions: config.partitions,
          durability: { mode: 'always' },
        }),
    });
    const client = new SimClient({ world, history: new History(), random: world.random.fork('client') });
    assert.equal(await cluster.startAll(10 * second), true);
    await world.sleep(2 * second);
    const owners = cluster.nodes[0]?.api?.placementOf(new TextEncoder().encode(key)).owners ?? [];
    const rank = (node: SimNode): number => (owners.includes(node.id) ? 0 : 1);
    await story({
      world,
      cluster,
      client,
      nodes: cluster.nodes.toSorted((one, other) => rank(one) - rank(other)),
    });
  };
  return inMacrotask(() => {
    simulate({ seed: 11 }, body);
  });
}

function at<Item>(items: readonly Item[], index: number): Item {
  const item = items[index];
  assert.ok(item !== undefined);
  return item;
}

describe('SimCluster', () => {
  test('what is put through one node is read through every other', () =>
    onCluster({ nodes: 5, quorumMode: 'sloppy' }, async ({ client, nodes }) => {
      const put = await client.put(at(nodes, 4), key, 500);
      assert.equal(put.end?.outcome.kind, 'stored');
      for (const node of nodes) {
        const { end } = await client.get(node, key);
        assert.ok(end?.outcome.kind === 'found');
        assert.equal(writerOf(end.outcome.version.value), put.id);
      }
    }));

  test('an acknowledged write is there after all nodes lost power in the same instant', () =>
    onCluster({ nodes: 3, quorumMode: 'sloppy' }, async ({ world, cluster, client, nodes }) => {
      const put = await client.put(at(nodes, 0), key, 500);
      assert.equal(put.end?.outcome.kind, 'stored');
      cluster.powerLoss('lose');
      assert.deepEqual(
        nodes.map((node) => node.isRunning),
        [false, false, false],
      );
      assert.equal(await cluster.startAll(10 * second), true);
      await world.sleep(2 * second);
      const { end } = await client.get(at(nodes, 1), key);
      assert.ok(end?.outcome.kind === 'found');
      assert.equal(writerOf(end.outcome.version.value), put.id);
    }));

  test('a client of a node that dies, or is down, learns that it knows nothing', () =>
    onCluster({ nodes: 3, quorumMode: 'sloppy' }, async ({ client, nodes }) => {
      const node = at(nodes, 0);
      node.armCrash(1, { kind: 'killed', unsynced: 'lose' });
      assert.equal((await client.put(node, key, 100)).end?.outcome.kind, 'lost');
      assert.equal((await client.put(node, key, 100)).end?.outcome.kind, 'not-sent');
    }));

  test('under strict quorums a hint proves nothing to a read', () =>
    onCluster({ nodes: 4, quorumMode: 'strict' }, async ({ world, cluster, client, nodes }) => {
      const [first, other, third, spare] = [at(nodes, 0), at(nodes, 1), at(nodes, 2), at(nodes, 3)];
      cluster.network.partition([first.id, other.id], [third.id, spare.id]);
      await world.sleep(8 * second);
      const minority = await client.put(third, key, 100);
      assert.equal(minority.end?.outcome.kind, 'unknown');
      const majority = await client.put(first, key, 100);
      assert.equal(majority.end?.outcome.kind, 'stored');
      // One owner and a hint for another are two answers, and both know nothing of the acknowledged write.
      assert.equal((await client.get(third, key)).end?.outcome.kind, 'unavailable');
    }));
});
