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

test('added up, two histograms are that of all their values', () => {
  const values = fc.array(fc.integer({ min: 0, max: 2 ** 20 }));
  fc.assert(
    fc.property(values, values, (left, right) => {
      const [sum, one, other] = [new LogHistogram(), new LogHistogram(), new LogHistogram()];
      for (const value of left) one.record(value);
      for (const value of right) other.record(value);
      for (const value of [...left, ...right]) sum.record(value);
      one.add(other);
      assert.deepEqual([one.count, one.max], [sum.count, sum.max]);
      for (const share of [0.1, 0.5, 0.99]) assert.equal(one.percentile(share), sum.percentile(share));
    }),
  );
});

test('counts that have travelled are those that were made', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 2 ** 30 })), (values) => {
      const [made, heard] = [new LogHistogram(), new LogHistogram()];
      for (const value of values) made.record(value);
      heard.addCounts(made.buckets(), made.max);
      assert.deepEqual(heard.buckets(), made.buckets());
      assert.deepEqual([heard.count, heard.max], [made.count, made.max]);
      assert.equal(heard.percentile(0.9), made.percentile(0.9));
    }),
  );
});
