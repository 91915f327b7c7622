/** What the stability floor promises, each in a small story on a simulated cluster of real nodes. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import type { NodeApi } from './node-api.ts';
import { keyOf, playOnStage, second, someValue, type Stage } from './stage-harness-contract.ts';

/** Floors that rise every second, three seconds behind the wall clock. */
const timing = { requestTimeoutMs: 500, floorMs: 1_000, floorLagMs: 3_000 };
const keys = 12;

async function writeAll(node: NodeApi): Promise<void> {
  for (let index = 0; index < keys; index++) {
    assert.equal((await node.put({ key: keyOf(index), value: someValue, w: 3 })).kind, 'stored');
  }
}

async function deleteAll(node: NodeApi, w = 3): Promise<void> {
  for (let index = 0; index < keys; index++) {
    assert.equal((await node.delete({ key: keyOf(index), w })).kind, 'stored');
  }
}

/** Keys, tombstones included, on the disks of all nodes together. */
function keysHeld({ cluster }: Stage): number {
  return cluster.nodes.reduce((sum, { store }) => sum + (store?.status().keys ?? 0), 0);
}

async function assertAllMissing(node: NodeApi): Promise<void> {
  for (let index = 0; index < keys; index++) {
    assert.equal((await node.get({ key: keyOf(index) })).kind, 'missing');
  }
}

/** A node that has just started may have no answer yet. */
async function assertNoneFound(node: NodeApi): Promise<void> {
  for (let index = 0; index < keys; index++) {
    assert.notEqual((await node.get({ key: keyOf(index) })).kind, 'found');
  }
}

function reasonsOf(node: NodeApi): Set<string> {
  return new Set(node.floor().partitions.map(({ reason }) => reason));
}

describe('a delete', () => {
  test('is forgotten by all owners once it lies below the floor, and stays one', () =>
    playOnStage({ timing }, async (stage) => {
      await writeAll(stage.node(1));
      await deleteAll(stage.node(2));
      assert.equal(keysHeld(stage), 3 * keys, 'tombstones, for now');
      await stage.world.sleep(8 * second);
      assert.equal(keysHeld(stage), 0);
      await assertAllMissing(stage.node(3));
      assert.ok(stage.node(1).floor().collectedKeys >= keys);
      assert.equal(stage.node(1).floor().straysRefused, 0);
      await writeAll(stage.node(1));
      assert.equal(keysHeld(stage), 3 * keys, 'the keys can be written again');
    }));

  test('of values that stay is all that goes', () =>
    playOnStage({ timing }, async (stage) => {
      await writeAll(stage.node(1));
      await stage.node(2).delete({ key: keyOf(0), w: 3 });
      await stage.world.sleep(10 * second);
      assert.equal(keysHeld(stage), 3 * (keys - 1));
      assert.equal((await stage.node(2).get({ key: keyOf(1) })).kind, 'found');
    }));

  test('is kept while a node is down, however long, and the operator is told why', () =>
    playOnStage({ timing }, async (stage) => {
      await writeAll(stage.node(1));
      stage.machine(3).crash({ kind: 'killed', unsynced: 'lose' });
      await deleteAll(stage.node(2), 2);
      await stage.world.sleep(100 * second);
      for (const number of [1, 2]) {
        assert.ok(stage.machine(number).store?.status().keys === keys, 'all tombstones are kept');
        const reasons = [...reasonsOf(stage.node(number))].filter((reason) => reason !== '');
        assert.match(reasons.join(), /^blocked by n3: down 1 min$/);
      }
      await stage.cluster.startAll(10 * second);
      await stage.world.sleep(second);
      // While the floor rises a tombstone may be forgotten between a read's digest and its record.
      await assertNoneFound(stage.node(3));
      await stage.world.sleep(20 * second);
      assert.equal(keysHeld(stage), 0);
      await assertAllMissing(stage.node(3));
      assert.deepEqual([...reasonsOf(stage.node(1))], ['']);
    }));

  test('stays one although a node comes back with a disk from before it', () =>
    playOnStage({ timing }, async (stage) => {
      await writeAll(stage.node(1));
      await stage.world.sleep(second);
      const old = stage.machine(3).snapshotDisk();
      stage.machine(3).crash({ kind: 'killed', unsynced: 'lose' });
      await stage.cluster.startAll(10 * second);
      await stage.world.sleep(second);
      await deleteAll(stage.node(2));
      const kept = keyOf(1_000);
      await stage.node(2).put({ key: kept, value: someValue, w: 3 });
      await stage.world.sleep(10 * second);
      assert.equal(keysHeld(stage), 3, 'one value, and no tombstone');
      stage.machine(3).rollBackDisk(old);
      await stage.cluster.startAll(10 * second);
      for (let attempt = 0; attempt < 20; attempt++) {
        for (const number of [1, 2, 3]) {
          if (stage.machine(number).isServing) await assertNoneFound(stage.node(number));
        }
        await stage.world.sleep(second / 2);
      }
      await assertAllMissing(stage.node(3));
      assert.equal(keysHeld(stage), 3, 'and the old values are dropped');
      assert.ok(
        (await stage.node(3).local.get(kept)) !== undefined,
        'what lies below the floor is fetched again',
      );
      assert.equal(stage.node(3).floor().straysDropped, keys);
    }));

  test('is kept while a hint for it is on its way', () =>
    playOnStage({ nodes: 4, timing }, async (stage) => {
      const [owner = 'n1'] = stage.node(1).placementOf(keyOf(0)).owners;
      const down = Number(owner.slice(1));
      const up = [1, 2, 3, 4].filter((number) => number !== down);
      await stage.node(1).put({ key: keyOf(0), value: someValue, w: 3 });
      stage.machine(down).crash({ kind: 'killed', unsynced: 'lose' });
      await stage.world.sleep(3 * second);
      await stage.node(up[0] ?? 1).delete({ key: keyOf(0) });
      await stage.world.sleep(5 * second);
      const hinted = up.find((number) => stage.node(number).hints().count > 0) ?? 1;
      const oldest = await stage.machine(hinted).store?.oldestHint();
      assert.equal(oldest?.target, owner);
      await stage.cluster.startAll(10 * second);
      await stage.world.sleep(20 * second);
      assert.equal(keysHeld(stage), 0);
      for (const number of [1, 2, 3, 4])
        assert.equal((await stage.node(number).get({ key: keyOf(0) })).kind, 'missing');
    }));
});

describe('an owner', () => {
  test('that missed a floor raises it when it compares with one that has it', () =>
    playOnStage({ timing: { ...timing, floorMs: 3_600_000 } }, async (stage) => {
      await writeAll(stage.node(1));
      await deleteAll(stage.node(2));
      const floorMs = stage.node(1).floor().promiseMs + Date.UTC(2100, 0);
      const floors = stage
        .node(1)
        .floor()
        .partitions.map(({ partition }) => ({ partition, floorMs }));
      for (const number of [1, 2]) await stage.machine(number).store?.raiseFloors(floors);
      assert.equal(stage.machine(3).store?.status().keys, keys);
      await stage.world.sleep(5 * second);
      assert.equal(stage.machine(3).store?.status().keys, 0);
      assert.equal(stage.machine(3).store?.status().floorMinMs, floorMs);
    }));

  test('that refuses a version as past makes a read take it for absent', () =>
    playOnStage({ timing: { ...timing, floorMs: 3_600_000 }, antiEntropy: false }, async (stage) => {
      const wallMs = Date.UTC(2020, 0);
      const fields = { key: keyOf(0), value: someValue, wallMs, counter: 0, writerId: 'n2', deleted: false };
      await stage.node(3).local.put(fields);
      const floors = stage
        .node(1)
        .floor()
        .partitions.map(({ partition }) => ({ partition, floorMs: wallMs }));
      for (const number of [1, 2]) await stage.machine(number).store?.raiseFloors(floors);
      for (let attempt = 0; attempt < 10; attempt++) {
        for (const number of [1, 2, 3]) {
          assert.equal((await stage.node(number).get({ key: keyOf(0) })).kind, 'missing');
        }
      }
      const refused = [1, 2].map((number) => stage.node(number).floor().straysRefused);
      assert.ok(Math.max(...refused) > 0, 'some read met the old version');
    }));

  test('refuses a new hint from the time that it has promised away', () =>
    playOnStage({ timing }, async (stage) => {
      await stage.world.sleep(6 * second);
      const { promiseMs } = stage.node(1).floor();
      assert.ok(promiseMs > 0);
      const fields = {
        key: keyOf(3),
        value: someValue,
        wallMs: promiseMs,
        counter: 0,
        writerId: 'n2',
        deleted: false,
      };
      await assert.rejects(stage.node(1).local.put(fields, 'n3'), /promised to take none/);
      assert.equal(stage.node(1).floor().lateWritesRefused, 1);
    }));
});
