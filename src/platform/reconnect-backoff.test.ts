import assert from 'node:assert/strict';
import { test } from 'node:test';
import { limits } from '../core/limits.ts';
import { reconnectDelayMs } from './reconnect-backoff.ts';

const least = { below: () => 0 };
const greatest = { below: (bound: number) => bound - 1 };

test('the pause doubles from the shortest to the longest, and stays there', () => {
  const ceilings = [0, 1, 2, 3, 4, 5, 6, 7, 1_000].map((failures) => reconnectDelayMs(failures, greatest));
  assert.deepEqual(ceilings, [50, 100, 200, 400, 800, 1_600, 2_000, 2_000, 2_000]);
  assert.equal(limits.reconnectDelayMsMax, 2_000);
});

test('chance takes off up to half of it', () => {
  assert.deepEqual(
    [0, 1, 6].map((failures) => reconnectDelayMs(failures, least)),
    [25, 50, 1_000],
  );
});
