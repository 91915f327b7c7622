import assert from 'node:assert/strict';
import { test } from 'node:test';
import { silentObserver } from '../ports/observer.ts';
import { ManualClock } from '../sim/manual-clock.ts';
import { BackgroundTask } from './background-task.ts';

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('a task does a round, waits as long as the round said, and goes on', async () => {
  const clock = new ManualClock();
  let rounds = 0;
  const task = new BackgroundTask({
    name: 'test',
    clock,
    observer: silentObserver,
    step: () => Promise.resolve(rounds++ === 0 ? 50 : 1_000),
    pauseAfterErrorMs: 10,
  });
  task.start();
  await settled();
  clock.advance(49);
  await settled();
  assert.equal(rounds, 1);
  clock.advance(1);
  await settled();
  assert.equal(rounds, 2);
  task.nudge();
  await settled();
  assert.equal(rounds, 3);
  await task.stop();
  assert.equal(clock.timers, 0);
});

test('a round that fails is shown, and tried again after its pause', async () => {
  const clock = new ManualClock();
  let rounds = 0;
  const task = new BackgroundTask({
    name: 'test',
    clock,
    observer: silentObserver,
    step: () => (rounds++ === 0 ? Promise.reject(new Error('no luck')) : Promise.resolve(1_000)),
    pauseAfterErrorMs: 10,
  });
  task.start();
  await settled();
  assert.equal(task.lastError, 'no luck');
  clock.advance(10);
  await settled();
  assert.equal(task.lastError, '');
  assert.equal(rounds, 2);
  await task.stop();
});

test('a nudge during a round is not lost', async () => {
  const clock = new ManualClock();
  let rounds = 0;
  const task: BackgroundTask = new BackgroundTask({
    name: 'test',
    clock,
    observer: silentObserver,
    step: () => {
      if (rounds++ === 0) task.nudge();
      return Promise.resolve(1_000);
    },
    pauseAfterErrorMs: 10,
  });
  task.start();
  await settled();
  assert.equal(rounds, 2);
  await task.stop();
});
