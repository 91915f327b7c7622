import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { SimRandom } from './sim-random.ts';

function draw(random: SimRandom, count: number): number[] {
  return Array.from({ length: count }, () => random.next());
}

describe('SimRandom', () => {
  test('the sequence of a seed is fixed for ever', () => {
    assert.deepEqual(draw(new SimRandom(1), 4), draw(new SimRandom(1), 4));
    assert.deepEqual(draw(new SimRandom(42), 3), [2_241_159_378, 4_120_041_894, 141_946_914]);
  });

  test('a fork depends on the seed and its name, not on what was drawn before', () => {
    const one = new SimRandom(9);
    const other = new SimRandom(9);
    draw(other, 100);
    assert.deepEqual(draw(one.fork('disk'), 5), draw(other.fork('disk'), 5));
    assert.notDeepEqual(draw(one.fork('disk'), 5), draw(one.fork('network'), 5));
  });

  test('draws stay within their bounds and spread over them', () => {
    fc.assert(
      fc.property(fc.integer(), fc.integer({ min: 1, max: 50 }), (seed, bound) => {
        const random = new SimRandom(seed);
        const counts = new Array<number>(bound).fill(0);
        for (let index = 0; index < 100 * bound; index++) {
          const value = random.below(bound);
          counts[value] = (counts[value] ?? Number.NaN) + 1;
        }
        return counts.every((count) => count > 40 && count < 200);
      }),
      { numRuns: 50 },
    );
  });

  test('a skewed draw stays within its range and prefers the near end', () => {
    const random = new SimRandom(3);
    const draws = Array.from({ length: 2_000 }, () => random.skewed(10, 1_010));
    assert.ok(draws.every((value) => value >= 10 && value <= 1_010));
    assert.ok(draws.filter((value) => value < 260).length > 1_000);
    assert.ok(draws.some((value) => value > 900));
  });

  test('a chance of nothing never comes and one of all always', () => {
    const random = new SimRandom(3);
    for (let index = 0; index < 100; index++) {
      assert.equal(random.chance(0), false);
      assert.equal(random.chance(1_000_000), true);
    }
  });
});
