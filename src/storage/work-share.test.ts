import assert from 'node:assert/strict';
import { test } from 'node:test';
import { errorCodeOf } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import type { Clock } from '../ports/clock.ts';
import { WorkShare } from './work-share.ts';

/** A clock that moves while something works or sleeps, and tells the two apart. */
class WorkClock implements Clock {
  worked = 0;
  slept = 0;

  wallNow(): number {
    return this.monotonicNow();
  }

  monotonicNow(): number {
    return this.worked + this.slept;
  }

  startTimer(delayMs: number, callback: () => void): () => void {
    this.slept += delayMs;
    queueMicrotask(callback);
    return () => undefined;
  }

  nextTurn(callback: () => void): void {
    queueMicrotask(callback);
  }
}

const never = new AbortController().signal;

test('work takes its share of the time and no more', async () => {
  const clock = new WorkClock();
  const share = new WorkShare({ clock, signal: never });
  for (let slice = 0; slice < 1_000; slice++) await share.slice(() => (clock.worked += 1));
  const taken = clock.worked / clock.monotonicNow();
  assert.ok(Math.abs(taken - limits.maintenanceShare) < 0.01, `${taken} of the time`);
});

test('short work adds up before it rests', async () => {
  const clock = new WorkClock();
  const share = new WorkShare({ clock, signal: never });
  await share.slice(() => (clock.worked += 1));
  assert.equal(clock.slept, 0);
  for (let slice = 0; slice < 10; slice++) await share.slice(() => (clock.worked += 1));
  assert.ok(clock.slept > 0);
});

test('work that is to stop is not begun', async () => {
  const stop = new AbortController();
  stop.abort();
  const share = new WorkShare({ clock: new WorkClock(), signal: stop.signal });
  let begun = 0;
  await assert.rejects(
    share.slice(() => void begun++),
    (error) => errorCodeOf(error) === 'STORE_CLOSED',
  );
  assert.equal(begun, 0);
});
