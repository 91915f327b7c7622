import assert from 'node:assert/strict';
import { test } from 'node:test';

import { spreadOf } from './spread.ts';

test('the median of an even number of figures lies between the middle two', () => {
  assert.deepEqual(spreadOf([4, 1, 10, 2]), { min: 1, median: 3, max: 10, count: 4 });
});

test('what is not known is left out, and nothing has no spread', () => {
  assert.deepEqual(spreadOf([null, 5, undefined]), { min: 5, median: 5, max: 5, count: 1 });
  assert.equal(spreadOf([null, undefined]), undefined);
});
