import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  checkpointDrain,
  drains,
  inMacrotask,
  provenDrain,
  tickCallbackDrain,
  watchingRejections,
} from './drain.ts';

describe('drain', () => {
  test('a chain of forty awaits is finished by one drain', async () => {
    const result = await inMacrotask(() => {
      const drain = provenDrain();
      let steps = 0;
      void (async () => {
        for (; steps < 40; steps++) await undefined;
      })();
      assert.equal(steps, 0);
      drain();
      return steps;
    });
    assert.equal(result, 40);
  });

  test('both ways of draining work on this Node', async () => {
    await inMacrotask(() => {
      for (const drain of [tickCallbackDrain(), checkpointDrain()]) {
        assert.ok(drain !== undefined);
        assert.equal(drains(drain), true);
      }
    });
  });

  test('inside a microtask draining is refused instead of doing nothing', async () => {
    await Promise.resolve();
    assert.throws(() => provenDrain(), /from a macrotask/);
  });

  test('a rejection that nobody handles is reported inside the drain', async () => {
    const reasons = await inMacrotask(() => {
      const drain = provenDrain();
      const seen: unknown[] = [];
      watchingRejections(
        (reason) => seen.push(reason),
        () => {
          void Promise.reject(new Error('lost'));
          drain();
        },
      );
      return seen;
    });
    assert.deepEqual(reasons, [new Error('lost')]);
  });
});
