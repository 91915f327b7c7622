import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compareTimes } from '../core/hybrid-logical-clock.ts';
import { ManualClock } from '../sim/manual-clock.ts';
import { NodeClock } from './node-clock.ts';

/** A node clock whose bound lands "on disk" in `saved`. */
function nodeClock(clock: ManualClock, boundAtStartMs = 0): { node: NodeClock; saved: number[] } {
  const saved: number[] = [];
  const node = new NodeClock({
    clock,
    clockSkewMsMax: 500,
    boundAtStartMs,
    saveBound: (wallMs) => {
      saved.push(wallMs);
      return Promise.resolve();
    },
  });
  return { node, saved };
}

test('no reading is minted that does not lie below the bound on disk', async () => {
  const clock = new ManualClock();
  const { node, saved } = nodeClock(clock);
  await node.start();
  for (let step = 0; step < 100; step++) {
    clock.advance(137);
    await node.reserve();
    const reading = node.mint();
    assert.ok(reading !== undefined && reading.wallMs < (saved.at(-1) ?? 0));
  }
  assert.ok(saved.length < 40, 'the bound is moved a good part of a second at a time');
});

test('a restart with the wall clock set back goes on after the readings of the life before', async () => {
  const clock = new ManualClock();
  const { node, saved } = nodeClock(clock);
  await node.start();
  await node.reserve();
  const before = node.mint();
  clock.setWall(clock.wallNow() - 400);
  const { node: next } = nodeClock(clock, saved.at(-1));
  const starting = next.start();
  clock.advance(1_400);
  await starting;
  const after = next.mint();
  assert.ok(before !== undefined && after !== undefined && compareTimes(after, before) > 0);
});

test('a wall clock set back by an hour is refused, not waited for', async () => {
  const clock = new ManualClock(10_000_000);
  const { node } = nodeClock(clock, 10_000_000 + 3_600_000);
  await node.start();
  assert.equal(node.isAheadOfWall, true);
  assert.equal(node.mint(), undefined);
});

test('a bound that cannot be saved refuses the mint once the room below the old one is used up', async () => {
  const clock = new ManualClock();
  let isFull = false;
  const node = new NodeClock({
    clock,
    clockSkewMsMax: 500,
    boundAtStartMs: 0,
    saveBound: () => (isFull ? Promise.reject(new Error('disk full')) : Promise.resolve()),
  });
  await node.start();
  isFull = true;
  clock.advance(700);
  assert.equal(node.reserve(), undefined);
  clock.advance(700);
  await assert.rejects(async () => node.reserve(), /disk full/);
  isFull = false;
  await node.reserve();
  assert.ok(node.mint() !== undefined);
});

test('a clean stop leaves a bound that the next start need not wait for', async () => {
  const clock = new ManualClock();
  const { node, saved } = nodeClock(clock);
  await node.start();
  await node.reserve();
  const last = node.mint();
  await node.stop();
  assert.equal(saved.at(-1), (last?.wallMs ?? 0) + 1);
});
