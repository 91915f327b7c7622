import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { uniqueValue, uniqueValueBytesMin, writerOf } from './unique-value.ts';

const ids = fc.integer({ min: 1, max: 1_000_000 });
const lengths = fc.integer({ min: uniqueValueBytesMin, max: 3_000 });

describe('unique values', () => {
  test('a value names its writer', () => {
    fc.assert(fc.property(ids, lengths, (id, length) => writerOf(uniqueValue(id, length)) === id));
  });

  test('a value with any other bytes names nobody', () => {
    const flips = fc.tuple(ids, lengths, fc.nat(), fc.integer({ min: 1, max: 255 }));
    fc.assert(
      fc.property(flips, ([id, length, position, mask]) => {
        const value = uniqueValue(id, length);
        const index = position % length;
        value[index] = (value[index] ?? 0) ^ mask;
        return writerOf(value) === undefined;
      }),
    );
  });

  test('a value whose id lost a digit of a round number names nobody', () => {
    const value = uniqueValue(900_001, 100);
    value[0] = '1'.charCodeAt(0);
    assert.equal(writerOf(value), undefined, '900,001 and 100,001 are 3,125 x 256 apart');
  });

  test('a value that is cut or run on names nobody', () => {
    assert.equal(writerOf(uniqueValue(7, 100).subarray(0, 99)), undefined);
    assert.equal(writerOf(new Uint8Array([...uniqueValue(7, 100), 0])), undefined);
    assert.equal(writerOf(new Uint8Array(0)), undefined);
  });
});
