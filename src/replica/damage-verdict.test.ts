/** What may be forgotten, and above all what may not. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Testimony } from '../protocol/healing-messages.ts';
import { mayForget } from './damage-verdict.ts';

const quorum = { n: 3, w: 2 };
const damaged = { wallMs: 100, counter: 5 };

function holding(wallMs: number, counter = 0, isWitness = true): Testimony {
  return { isWitness, newest: { wallMs, counter }, sum: { high: 1, low: 2, count: 1 } };
}

const nothing: Testimony = {
  isWitness: true,
  newest: { wallMs: 0, counter: 0 },
  sum: { high: 0, low: 0, count: 0 },
};
const noWitness: Testimony = { ...nothing, isWitness: false };

test('what all other owners are below is forgotten', () => {
  assert.equal(mayForget(damaged, [holding(99), holding(100, 4)], quorum), true);
  assert.equal(mayForget(damaged, [nothing, holding(99)], quorum), true);
  assert.equal(mayForget(damaged, [nothing, nothing], quorum), true);
});

test('what another owner holds, or has something newer than, stays', () => {
  for (const at of [holding(100, 5), holding(100, 6), holding(101)]) {
    assert.equal(mayForget(damaged, [at, nothing], quorum), false);
    assert.equal(mayForget(damaged, [nothing, at], quorum), false);
  }
});

test('an owner that is no witness does not help', () => {
  assert.equal(mayForget(damaged, [nothing, noWitness], quorum), false);
  assert.equal(mayForget(damaged, [holding(99, 0, false), nothing], quorum), false);
});

test('an owner that does not answer is waited for, even where the others would do', () => {
  assert.equal(mayForget(damaged, [nothing, undefined], quorum), false);
  assert.equal(mayForget(damaged, [nothing, undefined], { n: 3, w: 3 }), false);
});

test('where W is all owners one witness is enough, and with W = 1 none is', () => {
  assert.equal(mayForget(damaged, [nothing, noWitness], { n: 3, w: 3 }), true);
  assert.equal(mayForget(damaged, [noWitness, noWitness], { n: 3, w: 3 }), false);
  assert.equal(mayForget(damaged, [nothing, nothing], { n: 3, w: 1 }), false);
  assert.equal(mayForget(damaged, [], { n: 1, w: 1 }), false);
});

test('of a version without a stamp only nothing at all tells', () => {
  const unknown = { wallMs: 0, counter: 0 };
  assert.equal(mayForget(unknown, [nothing, nothing], quorum), true);
  assert.equal(mayForget(unknown, [nothing, holding(1)], quorum), false);
});

test('nothing that W owners ever held is forgotten, however many of them can no longer tell', () => {
  const owner = fc.record({
    /** Whether it took the version, and whether what it holds has rotted or been lost since. */
    took: fc.boolean(),
    isWitness: fc.boolean(),
    newestMs: fc.integer({ min: 0, max: 99 }),
  });
  fc.assert(
    fc.property(fc.integer({ min: 2, max: 5 }), fc.array(owner, { minLength: 4, maxLength: 4 }), (w, all) => {
      const n = Math.max(w, 5);
      const others = all.slice(0, n - 1);
      const holders = 1 + others.filter(({ took }) => took).length;
      const testimonies = others.map(({ took, isWitness, newestMs }) =>
        holding(took ? 100 : newestMs, 5, isWitness),
      );
      if (holders >= w) assert.equal(mayForget(damaged, testimonies, { n, w }), false);
    }),
  );
});
