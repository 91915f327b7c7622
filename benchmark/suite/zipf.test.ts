import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';

import { Zipf } from './zipf.ts';

/** The share of draws that are at most `rank`: ranks grow with the number drawn, so it is where they pass it. */
function shareUpTo(zipf: Zipf, rank: number): number {
  let [low, high] = [0, 1];
  for (let step = 0; step < 50; step++) {
    const middle = (low + high) / 2;
    if (zipf.rank(middle) <= rank) low = middle;
    else high = middle;
  }
  return low;
}

const ranks = fc.integer({ min: 1, max: 50_000 });
const theta = fc.double({ min: 0.2, max: 0.99, noNaN: true });
/** From 0 up to but not including 1, as Math.random draws. */
const uniform = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

test('every draw is a rank that there is, and greater draws are no smaller ranks', () => {
  fc.assert(
    fc.property(ranks, theta, uniform, uniform, (count, skew, one, other) => {
      const zipf = new Zipf(count, skew);
      const [low, high] = [zipf.rank(Math.min(one, other)), zipf.rank(Math.max(one, other))];
      assert.ok(low >= 0 && high < count && low <= high, `${low} ${high}`);
    }),
  );
});

test('any first ranks together get what the law says, to two parts of a hundred', () => {
  fc.assert(
    fc.property(ranks, theta, (count, skew) => {
      const zipf = new Zipf(count, skew);
      let law = 0;
      let checked = 0;
      for (let rank = 0; rank < count; rank++) {
        law += zipf.shareOf(rank);
        if (rank < checked) continue;
        checked = Math.ceil(1.5 * checked) + 1;
        const drawn = shareUpTo(zipf, rank);
        assert.ok(
          Math.abs(drawn - law) < 0.02,
          `${rank} of ${count} at ${skew}: ${drawn} drawn, ${law} by law`,
        );
      }
    }),
  );
});

test('the two favourites are drawn exactly as often as the law says', () => {
  const zipf = new Zipf(1_000);
  assert.ok(Math.abs(shareUpTo(zipf, 0) - zipf.shareOf(0)) < 1e-9);
  assert.ok(Math.abs(shareUpTo(zipf, 1) - zipf.shareOf(0) - zipf.shareOf(1)) < 1e-9);
});

test('ranks that are added later make no difference', () => {
  fc.assert(
    fc.property(ranks, fc.integer({ min: 0, max: 1_000 }), uniform, (count, more, drawn) => {
      const grown = new Zipf(count);
      grown.grow(count + more);
      const whole = new Zipf(count + more);
      assert.equal(grown.ranks, whole.ranks);
      assert.equal(grown.rank(drawn), whole.rank(drawn));
    }),
  );
});
