import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { errorCodeOf } from '../core/errors.ts';
import { ManualClock } from '../sim/manual-clock.ts';
import { NodeClock } from './node-clock.ts';
import { WritePromise } from './write-promise.ts';
import { WritesUnderWay } from './writes-under-way.ts';

const wallMs = 1_000_000;

interface Made {
  readonly clock: ManualClock;
  readonly nodeClock: NodeClock;
  readonly writesUnderWay: WritesUnderWay;
  readonly promise: WritePromise;
  /** The greatest bound that was made durable. */
  readonly boundMs: () => number;
}

async function make(
  options: { readonly boundMs?: number; readonly floorMaxMs?: number; readonly clock?: ManualClock } = {},
): Promise<Made> {
  const { boundMs = 0, floorMaxMs = 0, clock = new ManualClock(wallMs) } = options;
  let saved = boundMs;
  const nodeClock = new NodeClock({
    clock,
    clockSkewMsMax: 500,
    boundAtStartMs: boundMs,
    saveBound: (bound) => {
      saved = bound;
      return Promise.resolve();
    },
  });
  await nodeClock.start();
  const writesUnderWay = new WritesUnderWay();
  const promise = new WritePromise({
    ...{ clock, nodeClock, writesUnderWay },
    config: { timing: { floorLagMs: 3_000 } },
    identity: { clockBoundAtStartMs: boundMs },
    store: { status: () => ({ floorMaxMs }) },
  });
  return { clock, nodeClock, writesUnderWay, promise, boundMs: () => saved };
}

function isRefused(promise: WritePromise, stamp: number): boolean {
  try {
    promise.check(stamp);
    return false;
  } catch (error) {
    assert.equal(errorCodeOf(error), 'STALE_VERSION');
    return true;
  }
}

describe('a promise', () => {
  test('follows the wall clock at its distance, and is kept', async () => {
    const { clock, promise } = await make();
    assert.equal(isRefused(promise, 1), false);
    assert.equal(await promise.extend(), wallMs - 3_000);
    assert.equal(isRefused(promise, wallMs - 3_000), true);
    assert.equal(isRefused(promise, wallMs - 2_999), false);
    clock.advance(1_000);
    assert.equal(await promise.extend(), wallMs - 2_000);
  });

  test('stays below every write that is under way', async () => {
    const { clock, promise, writesUnderWay } = await make();
    writesUnderWay.begin(wallMs);
    writesUnderWay.begin(wallMs + 5);
    writesUnderWay.begin(wallMs);
    clock.advance(10_000);
    assert.equal(await promise.extend(), wallMs - 1);
    writesUnderWay.end(wallMs);
    assert.equal(await promise.extend(), wallMs - 1, 'one of two is over');
    writesUnderWay.end(wallMs);
    assert.equal(await promise.extend(), wallMs + 4);
    writesUnderWay.end(wallMs + 5);
    assert.equal(await promise.extend(), wallMs + 7_000);
  });

  test('never sinks, whatever the wall clock does', async () => {
    const { clock, promise } = await make();
    clock.advance(5_000);
    const promised = await promise.extend();
    clock.setWall(wallMs - 60_000);
    assert.equal(await promise.extend(), promised);
  });

  test('is kept by the next life, which knows no more than its clock bound', async () => {
    const first = await make();
    first.clock.advance(7_777);
    const promised = await first.promise.extend();
    first.clock.advance(2_000);
    const next = await make({ boundMs: first.boundMs(), clock: first.clock });
    assert.equal(isRefused(next.promise, promised), true);
  });

  test('is no less than the floor that came of one', async () => {
    const { promise } = await make({ floorMaxMs: 12_345 });
    assert.equal(promise.promisedMs, 12_345);
  });

  test('lies before every write that is stamped after it', async () => {
    const { nodeClock, promise, clock } = await make();
    clock.advance(100);
    const promised = await promise.extend();
    clock.setWall(wallMs - 400);
    const stamp = nodeClock.mint();
    assert.ok(stamp !== undefined && stamp.wallMs > promised);
  });
});
