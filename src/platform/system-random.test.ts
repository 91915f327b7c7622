import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SystemRandom } from './system-random.ts';

test('numbers stay below the bound and reach all of it', () => {
  const random = new SystemRandom();
  for (const bound of [1, 2, 3, 7, 10]) {
    const seen = new Set<number>();
    for (let draw = 0; draw < 2_000; draw++) seen.add(random.below(bound));
    assert.deepEqual(
      [...seen].sort((left, right) => left - right),
      [...Array(bound).keys()],
    );
  }
});

test('the greatest bound gives whole words, and one that does not divide 2^32 stays fair', () => {
  const random = new SystemRandom();
  const draws = 20_000;
  let upperHalf = 0;
  let lowestThird = 0;
  for (let draw = 0; draw < draws; draw++) {
    if (random.below(2 ** 32) >= 2 ** 31) upperHalf += 1;
    if (random.below(3 * 2 ** 30) < 2 ** 30) lowestThird += 1;
  }
  // Seven standard deviations to either side; a plain remainder would hit the lowest third half of the time.
  assert.ok(Math.abs(upperHalf - draws / 2) < 500, String(upperHalf));
  assert.ok(Math.abs(lowestThird - draws / 3) < 500, String(lowestThird));
});

test('a bound that is no integer from 1 to 2^32 is refused', () => {
  const random = new SystemRandom();
  for (const bound of [0, -1, 1.5, 2 ** 32 + 1, Number.NaN])
    assert.throws(() => random.below(bound), /2\^32/);
});
