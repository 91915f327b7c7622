import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { compareDots, formatDot, nodeOfActor, parseDot, type Dot } from './dot.ts';

const actorCharacter = fc.integer({ min: 0x21, max: 0x7e }).filter((code) => code !== 0x22);
const anyDot: fc.Arbitrary<Dot> = fc.record({
  wallMs: fc.oneof(
    fc.nat({ max: 3 }),
    fc.maxSafeNat().map((number) => number % 2 ** 48),
  ),
  counter: fc.oneof(fc.nat({ max: 3 }), fc.nat({ max: 0xffff })),
  actor: fc.oneof(
    fc.constantFrom('n1.a', 'n1.b', 'n2.a'),
    fc.array(actorCharacter, { minLength: 1, maxLength: 20 }).map((codes) => String.fromCharCode(...codes)),
  ),
});

test('dots are totally ordered: by time first, then by actor', () => {
  fc.assert(
    fc.property(anyDot, anyDot, anyDot, (a, b, c) => {
      assert.equal(compareDots(a, a), 0);
      assert.equal(Math.sign(compareDots(a, b)), -Math.sign(compareDots(b, a)) || 0);
      // Some of the drawn objects have no prototype, which is no part of a dot.
      if (compareDots(a, b) === 0) assert.deepEqual({ ...a }, { ...b });
      if (compareDots(a, b) <= 0 && compareDots(b, c) <= 0) assert.ok(compareDots(a, c) <= 0);
    }),
    { numRuns: 500 },
  );
  const early = { wallMs: 1, counter: 9, actor: 'z' };
  assert.ok(compareDots(early, { wallMs: 2, counter: 0, actor: 'a' }) < 0);
  assert.ok(compareDots(early, { wallMs: 1, counter: 10, actor: 'a' }) < 0);
  assert.ok(compareDots(early, { wallMs: 1, counter: 9, actor: 'zz' }) < 0);
});

test('the text of a dot reads back as the dot', () => {
  fc.assert(fc.property(anyDot, (dot) => assert.deepEqual(parseDot(formatDot(dot)), { ...dot })));
});

test('text that is no dot is refused', () => {
  const refused = [
    '',
    '1-2',
    '1-2-',
    '-1-2-n1',
    '1-65536-n1',
    '281474976710656-0-n1',
    '1-2-n1 x',
    '1-2-n"1',
    '1-2-nö',
    '1.5-2-n1',
    ' 1-2-n1',
    `1-2-${'x'.repeat(256)}`,
  ];
  for (const text of refused) assert.equal(parseDot(text), undefined, text);
  assert.deepEqual(parseDot('281474976710655-65535-n1.k3-x'), {
    wallMs: 281_474_976_710_655,
    counter: 65_535,
    actor: 'n1.k3-x',
  });
});

test('the node of an actor is what stands before the first dot', () => {
  assert.equal(nodeOfActor('n1.k3f9xa'), 'n1');
  assert.equal(nodeOfActor('n1.a.b'), 'n1');
  assert.equal(nodeOfActor('n1'), 'n1');
});
