import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { LatencyQuantile } from './latency-quantile.ts';

test('about two of a hundred samples exceed the estimate, whatever their distribution', () => {
  fc.assert(
    fc.property(
      fc.array(fc.double({ min: 0.5, max: 30, noNaN: true }), { minLength: 50, maxLength: 50 }),
      fc.infiniteStream(fc.nat(49)),
      (values, order) => {
        const quantile = new LatencyQuantile(10);
        let above = 0;
        for (let index = 0; index < 12_000; index++) {
          const value = values[Number(order.next().value)] ?? 0;
          if (index >= 4_000 && value > quantile.valueMs) above++;
          quantile.add(value);
        }
        assert.ok(above > 8_000 * 0.005 && above < 8_000 * 0.04, `${above} of 8000`);
      },
    ),
    { numRuns: 20 },
  );
});

test('a latency that rises tenfold is followed within a hundred samples', () => {
  const quantile = new LatencyQuantile(2);
  for (let index = 0; index < 100; index++) quantile.add(20);
  assert.ok(quantile.valueMs >= 20, String(quantile.valueMs));
});
