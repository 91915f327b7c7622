import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DelayQueue } from './delay-queue.ts';

function untilFired(queue: DelayQueue): Promise<void> {
  return new Promise((resolve) => {
    queue.start(resolve);
  });
}

test('timers fire in the order in which they were started, but those that were cancelled', async () => {
  const queue = new DelayQueue(5);
  const fired: number[] = [];
  const cancels = Array.from({ length: 100 }, (_, index) => queue.start(() => fired.push(index)));
  for (const [index, cancel] of cancels.entries()) if (index % 3 !== 0) cancel();
  await untilFired(queue);
  assert.deepEqual(
    fired,
    Array.from({ length: 34 }, (_, index) => index * 3),
  );
});

test('one that is started later is not early because a timer runs already', async () => {
  const queue = new DelayQueue(20);
  queue.start(() => {})();
  await new Promise((resolve) => setTimeout(resolve, 10));
  const startedMs = performance.now();
  await untilFired(queue);
  assert.ok(performance.now() - startedMs >= 20);
});

test('a callback may start and cancel timers of its own queue', async () => {
  const queue = new DelayQueue(3);
  const fired: string[] = [];
  let cancelSecond = (): void => undefined;
  queue.start(() => {
    fired.push('first');
    cancelSecond();
    queue.start(() => fired.push('third'));
  });
  cancelSecond = queue.start(() => fired.push('second'));
  await untilFired(queue);
  await untilFired(queue);
  assert.deepEqual(fired, ['first', 'third']);
});

test('timers that were all cancelled keep no process alive, and the next one does', () => {
  const timersActive = (): number =>
    process.getActiveResourcesInfo().filter((resource) => resource === 'Timeout').length;
  const before = timersActive();
  const queue = new DelayQueue(60_000);
  const cancel = queue.start(() => {});
  assert.equal(timersActive(), before + 1);
  cancel();
  assert.equal(timersActive(), before);
  const cancelNext = queue.start(() => {});
  assert.equal(timersActive(), before + 1);
  cancelNext();
});
