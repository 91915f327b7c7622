import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';

import { KeyChooser } from './key-chooser.ts';
import { Zipf } from './zipf.ts';

const firstInserted = 1_000_000;
const uniform = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

for (const distribution of ['uniform', 'zipf', 'latest'] as const) {
  test(`${distribution}: only keys that are there are chosen`, () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5_000 }), fc.array(uniform), (keys, draws) => {
        const chooser = new KeyChooser({ keys, distribution, firstInserted });
        for (const draw of draws) {
          const key = chooser.choose(draw);
          assert.ok(Number.isInteger(key) && key >= 0 && key < keys, String(key));
        }
      }),
    );
  });
}

test('zipf: different ranks are different keys, and the favourites lie apart', () => {
  const keys = 1_000;
  const ranks = new Zipf(keys);
  const chooser = new KeyChooser({ keys, distribution: 'zipf', firstInserted });
  const keyOfRank = new Map<number, number>();
  for (let draw = 0; draw < 1; draw += 1e-5) keyOfRank.set(ranks.rank(draw), chooser.choose(draw));
  assert.equal(new Set(keyOfRank.values()).size, keyOfRank.size);
  assert.ok(Math.abs((keyOfRank.get(1) ?? 0) - (keyOfRank.get(0) ?? 0)) > 1);
});

test('latest: what was inserted last is the favourite, once it was acknowledged', () => {
  const chooser = new KeyChooser({ keys: 10, distribution: 'latest', firstInserted });
  assert.equal(chooser.choose(0), 9);
  const first = chooser.insert();
  const second = chooser.insert();
  assert.notEqual(first, second);
  assert.equal(chooser.choose(0), 9);
  chooser.inserted(second);
  assert.equal(chooser.choose(0), second);
  chooser.inserted(first);
  assert.equal(chooser.choose(0), first);
});
