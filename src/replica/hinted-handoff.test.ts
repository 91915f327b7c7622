/** What becomes of hints when their target is back, on a simulated cluster of real nodes. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { limits } from '../core/limits.ts';
import { keyOf, playOnStage, second, someValue, type Stage } from './stage-harness-contract.ts';

const value = someValue;

/** The third node is away while these keys are written through the first. */
async function writeWithoutThird({ node, machine, world }: Stage, keys: number): Promise<void> {
  machine(3).crash({ kind: 'killed', unsynced: 'lose' });
  await world.sleep(second);
  const writes = Array.from({ length: keys }, (_, index) => node(1).put({ key: keyOf(index), value }));
  for (const { kind } of await Promise.all(writes)) assert.equal(kind, 'stored');
  await world.sleep(second / 10);
  assert.equal(node(1).hints().count, keys);
}

async function heldByThird({ node }: Stage, keys: number): Promise<number> {
  const records = await Promise.all(
    Array.from({ length: keys }, (_, index) => node(3).local.get(keyOf(index))),
  );
  return records.filter((record) => record !== undefined).length;
}

async function startThird({ cluster, machine }: Stage): Promise<void> {
  cluster.start(machine(3));
  assert.equal(await cluster.waitUntil(() => machine(3).isServing, 5 * second), true);
}

test('51 writes that an owner missed are on it two seconds after its return', () =>
  playOnStage({}, async (stage) => {
    await writeWithoutThird(stage, 51);
    await startThird(stage);
    await stage.world.sleep(2 * second);
    assert.equal(await heldByThird(stage, 51), 51);
    const { count, delivered } = stage.node(1).hints();
    assert.deepEqual({ count, delivered }, { count: 0, delivered: 51 });
  }));

test('hints go out in messages of many records', () =>
  playOnStage({}, async (stage) => {
    await writeWithoutThird(stage, 600);
    await startThird(stage);
    const { network } = stage.cluster;
    const framesBefore = network.framesSent;
    assert.equal(await stage.cluster.waitUntil(() => stage.node(1).hints().count === 0, 5 * second), true);
    assert.equal(await heldByThird(stage, 600), 600);
    const frames = network.framesSent - framesBefore;
    assert.ok(frames < 150, `${frames} frames, heartbeats included`);
  }));

test('a holder that dies in the midst of a handover goes on with what is left', () =>
  playOnStage({}, async (stage) => {
    await writeWithoutThird(stage, 1_000);
    await startThird(stage);
    const isUnderWay = (): boolean => stage.node(1).hints().delivered > 0;
    assert.equal(await stage.cluster.waitUntil(isUnderWay, 5 * second), true);
    stage.machine(1).crash({ kind: 'powerLost', unsynced: 'lose' });
    assert.ok((await heldByThird(stage, 1_000)) < 1_000);
    assert.equal(await stage.cluster.startAll(5 * second), true);
    assert.equal(await stage.cluster.waitUntil(() => stage.node(1).hints().count === 0, 15 * second), true);
    assert.equal(await heldByThird(stage, 1_000), 1_000);
  }));

test('a slow target is not given more at once than it takes in a while', () =>
  playOnStage({}, async (stage) => {
    await writeWithoutThird(stage, 300);
    stage.slowDown(3, 400);
    await startThird(stage);
    assert.equal(await stage.cluster.waitUntil(() => stage.node(1).hints().count < 300, 5 * second), true);
    const { cluster, node } = stage;
    let before = node(1).hints().count;
    let largestAtOnce = 0;
    while (before > 0) {
      const leftBefore = before;
      assert.equal(await cluster.waitUntil(() => node(1).hints().count < leftBefore, 5 * second), true);
      before = node(1).hints().count;
      largestAtOnce = Math.max(largestAtOnce, leftBefore - before);
    }
    assert.ok(largestAtOnce <= limits.hintReplayBatchStart, String(largestAtOnce));
    assert.equal(await heldByThird(stage, 300), 300);
  }));

test('a hint that its owner refuses stays, although others of the same message are taken', () =>
  playOnStage({}, async (stage) => {
    const { node, machine, world } = stage;
    machine(3).crash({ kind: 'killed', unsynced: 'lose' });
    await world.sleep(second);
    await node(1).put({ key: keyOf(0), value });
    await world.sleep(20 * second);
    await node(1).put({ key: keyOf(1), value });
    // To a clock that is ten seconds behind the second write comes from the future.
    machine(3).hardware.setOffset(-10_000);
    await startThird(stage);
    await world.sleep(3 * second);
    assert.equal(await heldByThird(stage, 2), 1);
    assert.equal(node(1).hints().count, 1);
    machine(3).hardware.setOffset(0);
    assert.equal(await stage.cluster.waitUntil(() => node(1).hints().count === 0, 15 * second), true);
    assert.equal(await heldByThird(stage, 2), 2);
  }));

test('only the newest version of a key waits for its owner', () =>
  playOnStage({}, async (stage) => {
    await writeWithoutThird(stage, 1);
    for (let write = 0; write < 10; write++) await stage.node(1).put({ key: keyOf(0), value });
    await stage.world.sleep(second / 10);
    const { count, written } = stage.node(1).hints();
    assert.deepEqual({ count, written }, { count: 1, written: 11 });
  }));

test('a limit of bytes that is hit is counted, and the writes are acknowledged all the same', () =>
  playOnStage({ hintBytesPerTargetMax: 2_000 }, async ({ machine, node, world }) => {
    machine(3).crash({ kind: 'killed', unsynced: 'lose' });
    await world.sleep(second);
    for (let index = 0; index < 50; index++) {
      assert.equal((await node(1).put({ key: keyOf(index), value })).kind, 'stored');
    }
    await world.sleep(second / 10);
    const { count, bytes, full, refused } = node(1).hints();
    assert.ok(count > 10 && bytes <= 2_000, `${count} hints of ${bytes} bytes`);
    assert.deepEqual([full, refused], [50 - count, 50 - count]);
  }));
