import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { matchesGlob } from './glob.ts';

function matches(pattern: string, key: string): boolean {
  return matchesGlob(Buffer.from(pattern, 'latin1'), Buffer.from(key, 'latin1'));
}

for (const [pattern, yes, no] of [
  ['', [''], ['a']],
  ['*', ['', 'a', 'abc'], []],
  ['a*c', ['ac', 'abc', 'abcc'], ['a', 'ab', 'cab']],
  ['*:1:*', ['user:1:name', ':1:'], ['user:11:name']],
  ['h?llo', ['hello', 'h\xffllo'], ['hllo', 'heello']],
  ['h[ae]llo', ['hallo', 'hello'], ['hillo', 'h[llo']],
  ['h[^ae]llo', ['hillo'], ['hallo', 'hllo']],
  ['h[a-c]llo', ['hallo', 'hbllo'], ['hdllo']],
  ['[c-a]', ['b'], ['d']],
  ['a\\*c', ['a*c'], ['abc']],
  ['[\\]]', [']'], ['\\']],
  ['a[bc', ['ab', 'ac'], ['a[bc']],
] as const) {
  test(`${pattern} matches what it does in Redis`, () => {
    for (const key of yes) assert.ok(matches(pattern, key), key);
    for (const key of no) assert.ok(!matches(pattern, key), key);
  });
}

test('stars and question marks agree with a regular expression', () => {
  const text = fc.string({ unit: fc.constantFrom('a', 'b', '*', '?'), maxLength: 8 });
  const key = fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 8 });
  fc.assert(
    fc.property(text, key, (pattern, name) => {
      const expected = new RegExp(`^${pattern.replaceAll('*', '.*').replaceAll('?', '.')}$`).test(name);
      assert.equal(matches(pattern, name), expected);
    }),
    { numRuns: 2_000 },
  );
});

test('a pattern of many stars is decided at once', () => {
  assert.ok(!matches(`${'*a'.repeat(200)}b`, 'a'.repeat(4_096)));
});
