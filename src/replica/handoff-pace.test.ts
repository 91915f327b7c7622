import assert from 'node:assert/strict';
import { test } from 'node:test';
import { limits } from '../core/limits.ts';
import { HandoffPace } from './handoff-pace.ts';

const pace = (): HandoffPace => new HandoffPace({ min: 200, max: 10_000 });

test('a quick target gets more and more at once, up to the limit', () => {
  const deciding = pace();
  let before = deciding.batch;
  while (before < limits.hintReplayBatchMax) {
    deciding.delivered({ bytes: 1_000, tookMs: 5 });
    assert.ok(deciding.batch > before);
    before = deciding.batch;
  }
  deciding.delivered({ bytes: 1_000, tookMs: 5 });
  assert.equal(deciding.batch, limits.hintReplayBatchMax);
});

test('a slow target gets half as much each time, and the same time to itself', () => {
  const deciding = pace();
  for (let batch = deciding.batch; batch > limits.hintReplayBatchMin; batch = deciding.batch) {
    assert.equal(deciding.delivered({ bytes: 1_000, tookMs: 300 }), 300);
    assert.ok(deciding.batch <= Math.max(limits.hintReplayBatchMin, batch / 2));
  }
});

test('no more bytes a second go out than the limit, however quick the target', () => {
  const bytes = limits.hintReplayBytesPerSecond / 10;
  assert.equal(pace().delivered({ bytes, tookMs: 1 }), 99);
});

test('every failure in a row doubles the pause up to the longest, and success ends it', () => {
  const deciding = pace();
  const pauses = Array.from({ length: 8 }, () => deciding.failed());
  assert.deepEqual(pauses, [200, 400, 800, 1_600, 3_200, 6_400, 10_000, 10_000]);
  deciding.delivered({ bytes: 1, tookMs: 1 });
  assert.equal(deciding.failed(), 200);
  deciding.failed();
  deciding.targetUp();
  assert.equal(deciding.failed(), 200);
});
