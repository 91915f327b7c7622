import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { SharedTexts } from './shared-text.ts';

const isDigit = (code: number): boolean => code >= 0x30 && code <= 0x39;

test('what is read is what the bytes say, whatever was read before', () => {
  const texts = new SharedTexts(isDigit);
  const digits = fc.array(fc.integer({ min: 0x30, max: 0x33 }), { maxLength: 6 });
  fc.assert(
    fc.property(fc.array(fc.tuple(digits, fc.nat({ max: 4 })), { maxLength: 200 }), (read) => {
      for (const [codes, offset] of read) {
        const bytes = Uint8Array.from([...new Array<number>(offset).fill(0x39), ...codes, 0x39]);
        assert.equal(texts.read(bytes, offset, codes.length), String.fromCharCode(...codes));
      }
    }),
    { numRuns: 50 },
  );
});

test('a byte that is not allowed is noticed, also where a text of that length was read before', () => {
  const texts = new SharedTexts(isDigit);
  const bytes = new TextEncoder().encode('123456');
  assert.equal(texts.read(bytes, 0, 6), '123456');
  for (let index = 0; index < bytes.length; index++) {
    const changed = bytes.slice();
    changed[index] = 0x0a;
    assert.equal(texts.read(changed, 0, 6), undefined);
  }
  assert.equal(texts.read(bytes, 0, 6), '123456');
});
