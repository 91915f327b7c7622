import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';

import { LogHistogram } from './log-histogram.ts';

test('an empty histogram has zero everywhere', () => {
  const histogram = new LogHistogram();
  assert.deepEqual([histogram.count, histogram.max, histogram.percentile(0.99)], [0, 0, 0]);
});

test('small values are exact', () => {
  const histogram = new LogHistogram();
  for (let value = 1; value <= 20; value++) histogram.record(value);
  assert.equal(histogram.percentile(0), 1);
  assert.equal(histogram.percentile(0.5), 10);
  assert.equal(histogram.percentile(0.95), 19);
  assert.equal(histogram.percentile(1), 20);
});

test('every percentile lies at or above the true one, by at most a thirty-second', () => {
  const value = fc.oneof(fc.integer({ min: 0, max: 100 }), fc.integer({ min: 0, max: 2 ** 35 }));
  fc.assert(
    fc.property(
      fc.array(value, { minLength: 1 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (values, share) => {
        const histogram = new LogHistogram();
        for (const each of values) histogram.record(each);
        const sorted = values.toSorted((left, right) => left - right);
        const truth = sorted[Math.max(1, Math.ceil(share * sorted.length)) - 1] ?? 0;
        const shown = histogram.percentile(share);
        assert.ok(shown >= truth && shown <= truth * (1 + 1 / 32), `${shown} for ${truth}`);
        assert.equal(histogram.max, sorted.at(-1));
        assert.equal(histogram.count, values.length);
      },
    ),
  );
});

test('a value past the range counts as the greatest', () => {
  const histogram = new LogHistogram();
  histogram.record(Number.MAX_SAFE_INTEGER);
  assert.equal(histogram.max, 2 ** 36 - 1);
  assert.equal(histogram.percentile(0.5), 2 ** 36 - 1);
});

test('histograms that are added up count as one', () => {
  const values = fc.array(fc.integer({ min: 0, max: 2 ** 30 }));
  fc.assert(
    fc.property(values, values, (left, right) => {
      const whole = new LogHistogram();
      const sum = new LogHistogram();
      for (const part of [left, right]) {
        const histogram = new LogHistogram();
        for (const value of part) histogram.record(value);
        for (const value of part) whole.record(value);
        sum.add(histogram.buckets(), histogram.max);
      }
      assert.deepEqual(sum.buckets(), whole.buckets());
      assert.deepEqual([sum.count, sum.max], [whole.count, whole.max]);
      assert.equal(sum.percentile(0.9), whole.percentile(0.9));
    }),
  );
});
