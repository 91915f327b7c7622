import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { SimRandom } from './sim-random.ts';
import { ZipfKeys } from './zipf-keys.ts';

const draws = 60_000;

function sharesOf(keys: number, exponent: number): number[] {
  const zipf = new ZipfKeys(keys, exponent);
  const random = new SimRandom(5);
  const counts = Array.from({ length: keys }, () => 0);
  for (let drawn = 0; drawn < draws; drawn++) {
    const index = zipf.draw(random);
    counts[index] = (counts[index] ?? 0) + 1;
  }
  return counts.map((count) => count / draws);
}

describe('ZipfKeys', () => {
  test('a key is drawn as often as its rank says', () => {
    for (const exponent of [0, 1, 2]) {
      const weights = [1, 2, 3, 4].map((rank) => 1 / rank ** exponent);
      const sum = weights.reduce((total, weight) => total + weight, 0);
      sharesOf(4, exponent).forEach((share, index) => {
        const expected = (weights[index] ?? 0) / sum;
        assert.ok(Math.abs(share - expected) < 0.01, `exponent ${exponent}, key ${index}: ${share}`);
      });
    }
  });

  test('one key is always drawn, and of many even the rarest now and then', () => {
    assert.deepEqual(sharesOf(1, 2), [1]);
    assert.ok(sharesOf(300, 1).every((share) => share > 0));
  });
});
