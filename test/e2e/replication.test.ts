/** Defects 1 to 4 of the Go demo, on real processes: hints, fallbacks, complete replication, and ownership. */

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { hasStatus, statusText } from '../../src/cli/key-client.ts';
import { ThrowawayCluster } from '../../src/cli/throwaway-cluster.ts';
import { waitUntil } from '../../src/cli/wait-until.ts';
import { eachInParallel, numbered } from './load.ts';

const boundMs = 30_000;
const concurrency = 64;

describe('three nodes, N=3', () => {
  let cluster: ThrowawayCluster;
  before(async () => {
    cluster = await ThrowawayCluster.create({ nodes: 3 });
    await cluster.start();
    await cluster.connected();
  });
  after(() => cluster.remove());

  test('on a healthy cluster every replica gets every write', async () => {
    const keys = numbered('healthy', 300);
    const client = cluster.client('n1');
    await eachInParallel(keys, concurrency, async (key) => {
      const reply = await client.put(key, `value of ${key}`);
      assert.ok(hasStatus(reply, 204), statusText(reply));
    });
    for (const id of cluster.ids) {
      const missing = new Set(keys);
      const complete = await waitUntil(
        async () => {
          for (const key of missing) {
            const record = await cluster.client(id).localRecord(key);
            if (record.kind === 'value' && record.value.toString() === `value of ${key}`) missing.delete(key);
          }
          return missing.size === 0;
        },
        { boundMs },
      );
      assert.ok(complete, `${id} lacks ${missing.size} of ${keys.length} records, nobody was down`);
    }
  });

  test('an owner that is down gets a hint although W replicas answered', async () => {
    await cluster.kill('n2');
    const keys = numbered('hinted', 51);
    await eachInParallel(keys, concurrency, async (key) => {
      const reply = await cluster.client('n1').put(key, key);
      assert.ok(hasStatus(reply, 204), statusText(reply));
      assert.ok(Number(reply.headers['x-replicas-answered']) >= 2);
    });
    const kept = await waitUntil(async () => (await hintCount(cluster, ['n1', 'n3'])) >= keys.length, {
      boundMs,
    });
    assert.ok(kept, `only ${await hintCount(cluster, ['n1', 'n3'])} hints for ${keys.length} missed writes`);

    await cluster.start('n2');
    const handedOver = await waitUntil(async () => (await hintCount(cluster, ['n1', 'n3'])) === 0, {
      boundMs,
    });
    assert.ok(handedOver, `${await hintCount(cluster, ['n1', 'n3'])} hints are left`);
    for (const key of keys) {
      const record = await cluster.client('n2').localRecord(key);
      assert.ok(
        record.kind === 'value' && record.value.toString() === key,
        `n2 has a ${record.kind} for ${key}`,
      );
    }
  });
});

describe('five nodes, N=3, with a port of their own for peers', () => {
  let cluster: ThrowawayCluster;
  before(async () => {
    cluster = await ThrowawayCluster.create({ nodes: 5, separatePeerPorts: true });
    await cluster.start();
    await cluster.connected();
  });
  after(() => cluster.remove());

  test('only the owners of a key hold it', async () => {
    const keys = numbered('owned', 100);
    await eachInParallel(keys, concurrency, async (key) => {
      assert.ok(hasStatus(await cluster.client('n1').put(key, key), 204));
    });
    for (const key of keys) {
      const { owners } = await cluster.client('n1').placementOf(key);
      assert.equal(owners.length, 3);
      const holders = await holdersOf(cluster, key, owners.length);
      assert.deepEqual(holders, [...owners].sort());
    }
  });

  test('long values, among short ones, are held by their owners and read at every node', async () => {
    const short = numbered('short', 100);
    const long = numbered('long', 5);
    const valueOf = (key: string): Buffer =>
      key.startsWith('long') ? Buffer.alloc(1_200_000, key) : Buffer.from(key);
    await Promise.all([
      eachInParallel(long, 2, async (key) => {
        const reply = await cluster.client('n1').put(key, valueOf(key));
        assert.ok(hasStatus(reply, 204), statusText(reply));
      }),
      eachInParallel(short, 4, async (key) => {
        assert.ok(hasStatus(await cluster.client('n1').put(key, key), 204));
      }),
    ]);
    for (const key of [...long, ...short]) {
      const { owners } = await cluster.client('n1').placementOf(key);
      assert.deepEqual(await holdersOf(cluster, key, owners.length), [...owners].sort(), key);
    }
    for (const id of cluster.ids) {
      for (const key of [...long, ...short]) {
        const reply = await cluster.client(id).get(key);
        assert.ok(hasStatus(reply, 200), `${key} at ${id}: ${statusText(reply)}`);
        assert.ok(reply.body.equals(valueOf(key)), `${key} at ${id} is not what was put`);
      }
    }
  });

  test('writes that fallbacks took are read at every living node', async () => {
    await cluster.kill('n4', 'n5');
    const living = ['n1', 'n2', 'n3'];
    const noticed = await waitUntil(
      async () =>
        (await Promise.all(living.map((id) => cluster.client(id).peersUp()))).every((up) => up.length === 2),
      { boundMs },
    );
    assert.ok(noticed, 'the living still count the dead as up');
    const keys = numbered('fallback', 300);
    await eachInParallel(keys, concurrency, async (key) => {
      const reply = await cluster.client('n1').put(key, key);
      assert.ok(hasStatus(reply, 204), statusText(reply));
    });
    await eachInParallel(keys, concurrency, async (key) => {
      for (const id of living) {
        const reply = await cluster.client(id).get(key);
        assert.ok(hasStatus(reply, 200), `${key} at ${id}: ${statusText(reply)}`);
        assert.equal(reply.body.toString(), key);
      }
    });

    await cluster.start('n4', 'n5');
    const handedOver = await waitUntil(async () => (await hintCount(cluster, cluster.ids)) === 0, {
      boundMs,
    });
    assert.ok(handedOver, `${await hintCount(cluster, cluster.ids)} hints are left`);
    for (const key of keys) {
      const { owners } = await cluster.client('n1').placementOf(key);
      assert.deepEqual(await holdersOf(cluster, key, owners.length), [...owners].sort(), key);
    }
  });
});

async function hintCount(cluster: ThrowawayCluster, ids: readonly string[]): Promise<number> {
  const counts = await Promise.all(ids.map((id) => cluster.client(id).hintCount()));
  return counts.reduce((sum, count) => sum + count, 0);
}

/** The nodes that hold a key on their own disk, once there are as many as expected. */
async function holdersOf(
  cluster: ThrowawayCluster,
  key: string,
  expected: number,
): Promise<readonly string[]> {
  let holders: string[] = [];
  await waitUntil(
    async () => {
      const records = await Promise.all(
        cluster.ids.map(async (id) => ({ id, record: await cluster.client(id).localRecord(key) })),
      );
      holders = records.filter(({ record }) => record.kind !== 'nothing').map(({ id }) => id);
      return holders.length >= expected;
    },
    { boundMs },
  );
  return holders;
}
