/** What an owner that is slow, silent or overloaded costs the others, on a simulated cluster of real nodes. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { limits } from '../core/limits.ts';
import type { NodeApi } from './node-api.ts';
import { keyOf, playOnStage, second, someValue, type Stage } from './stage-harness-contract.ts';

const value = someValue;

/** Reads, four at a time, through a node that owns every key; returns what each took. */
async function readFor({ world, timeMs }: Stage, node: NodeApi, durationMs: number): Promise<number[]> {
  const untilMicros = world.scheduler.nowMicros + durationMs * 1000;
  const tookMs: number[] = [];
  const client = async (first: number): Promise<void> => {
    for (let index = first; world.scheduler.nowMicros < untilMicros; index += 4) {
      tookMs.push(
        await timeMs(async () => {
          const { kind } = await node.get({ key: keyOf(index % 20) });
          assert.equal(kind, 'found');
        }),
      );
      await world.sleep(5_000);
    }
  };
  await Promise.all([0, 1, 2, 3].map(client));
  return tookMs;
}

async function putAll(node: NodeApi, count = 20): Promise<void> {
  for (let index = 0; index < count; index++) {
    assert.equal((await node.put({ key: keyOf(index), value })).kind, 'stored');
  }
}

test('a slow owner costs a few slow reads, makes no write wait, and gets no hint', () =>
  playOnStage({}, async (stage) => {
    const node = stage.node(1);
    await putAll(node);
    await readFor(stage, node, 500);
    stage.slowDown(3, 500);
    const atFirst = await readFor(stage, node, 1_000);
    assert.ok(atFirst.filter((ms) => ms > 60).length <= 8, atFirst.filter((ms) => ms > 60).join());
    assert.equal(node.peers().find(({ id }) => id === 'n3')?.suspect, true);
    const later = await readFor(stage, node, 2_000);
    assert.ok(later.length > 500 && later.every((ms) => ms < 20), `${Math.max(...later)} ms`);
    assert.ok((await stage.timeMs(() => putAll(node))) / 20 < 20);
    await stage.world.sleep(5 * second);
    assert.equal(node.hints().written, 0);
  }));

test('an owner from which nothing comes any more costs a few slow reads before it counts as down', () =>
  playOnStage({}, async (stage) => {
    const node = stage.node(1);
    await putAll(node);
    await readFor(stage, node, 500);
    const others = [stage.machine(1).id, stage.machine(2).id];
    stage.cluster.network.partition(others, [stage.machine(3).id]);
    const tookMs = await readFor(stage, node, 1_000);
    assert.equal(node.peers().find(({ id }) => id === 'n3')?.up, true);
    assert.ok(tookMs.filter((ms) => ms > 10).length <= 12, tookMs.filter((ms) => ms > 10).join());
    assert.ok(
      tookMs.every((ms) => ms < 100),
      `${Math.max(...tookMs)} ms`,
    );
  }));

test('an owner that is quick again is no suspect after two seconds, without a single read', () =>
  playOnStage({}, async (stage) => {
    const node = stage.node(1);
    await putAll(node);
    stage.slowDown(3, 500);
    await readFor(stage, node, 1_000);
    const suspects = (): boolean[] => node.peers().map(({ suspect }) => suspect);
    assert.deepEqual(suspects(), [false, true]);
    stage.slowDown(3, 0);
    await stage.world.sleep(2 * second);
    assert.deepEqual(suspects(), [false, false]);
  }));

test('a node that stood still itself suspects nobody', () =>
  playOnStage({}, async (stage) => {
    const node = stage.node(1);
    await putAll(node);
    await readFor(stage, node, 500);
    const reading = readFor(stage, node, 4_000);
    await stage.world.sleep(second);
    stage.machine(1).scope?.pause();
    await stage.world.sleep(second);
    stage.machine(1).scope?.resume();
    await reading;
    assert.equal(node.counters()['peers.suspected'], undefined);
  }));

test('an acknowledgement that comes after the deadline cancels the hint', () =>
  playOnStage({ timing: { requestTimeoutMs: 400 } }, async (stage) => {
    const node = stage.node(1);
    stage.slowDown(3, 600);
    await putAll(node, 5);
    await stage.world.sleep(second);
    const { count, written, cancelled, delivered } = node.hints();
    assert.deepEqual(
      { count, written, cancelled, delivered },
      { count: 0, written: 5, cancelled: 5, delivered: 0 },
    );
  }));

test('a refusal that comes after the deadline leaves the hint where it is', () =>
  playOnStage({ timing: { requestTimeoutMs: 400 } }, async (stage) => {
    const node = stage.node(1);
    // To a clock that is ten seconds behind every write comes from the future.
    stage.machine(3).hardware.setOffset(-10_000);
    stage.slowDown(3, 600);
    await node.put({ key: keyOf(1), value });
    await stage.world.sleep(5 * second);
    assert.deepEqual([node.hints().count, node.hints().cancelled], [1, 0]);
  }));

test('an impatient client does not make a hint for an owner that answers in its time', () =>
  playOnStage({}, async (stage) => {
    const node = stage.node(1);
    stage.slowDown(3, 500);
    const { kind } = await node.put({ key: keyOf(1), value, w: 3, timeoutMs: 50 });
    assert.equal(kind, 'unknown');
    await stage.world.sleep(3 * second);
    assert.equal(node.hints().written, 0);
  }));

test('an owner that is up but takes nothing in time gets hints at a limited rate', () =>
  playOnStage({ timing: { requestTimeoutMs: 200 } }, async (stage) => {
    const node = stage.node(1);
    stage.slowDown(3, 5_000);
    const writes = limits.hintsPerSecondWhileUp + 200;
    const outcomes = await Promise.all(
      Array.from({ length: writes }, (_, index) => node.put({ key: keyOf(index), value })),
    );
    assert.ok(outcomes.every(({ kind }) => kind === 'stored'));
    await stage.world.sleep(second / 2);
    const { count, leftOut } = node.hints();
    assert.equal(count + leftOut, writes);
    assert.ok(leftOut > 100, String(leftOut));
  }));

test('an owner that went down gets a hint for every write that it missed, at any rate', () =>
  playOnStage({}, async (stage) => {
    const others = [stage.machine(1).id, stage.machine(2).id];
    // It still counts as up when the writes are sent, and not any more when they time out.
    stage.cluster.network.partition(others, [stage.machine(3).id]);
    const node = stage.node(1);
    const writes = limits.hintsPerSecondWhileUp + 200;
    await Promise.all(Array.from({ length: writes }, (_, index) => node.put({ key: keyOf(index), value })));
    assert.equal(node.hints().written, 0);
    await stage.world.sleep(3 * second);
    assert.equal(node.hints().count, writes);
  }));

test('with hinted handoff switched off no hint is kept, and writes are acknowledged all the same', () =>
  playOnStage({ hintedHandoff: false }, async (stage) => {
    stage.machine(3).crash({ kind: 'killed', unsynced: 'lose' });
    await stage.world.sleep(second);
    await putAll(stage.node(1));
    await stage.world.sleep(3 * second);
    assert.equal(stage.node(1).hints().written, 0);
  }));
