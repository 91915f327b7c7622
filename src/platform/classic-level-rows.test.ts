import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';

import { compareBytes } from '../core/bytes.ts';
import { crc32 } from '../core/crc32.ts';
import { compareTokens, partitionOf } from '../core/token.ts';
import { digestOf, recordOf } from '../storage/store-contract-records.ts';
import {
  decodeDigestRow,
  digestKind,
  encodeDigestRow,
  figuresRow,
  kindRange,
  ownSpace,
  parseRowKey,
  parseRowPrefix,
  partitionRange,
  recordKind,
  rowKey,
  spaceRange,
} from './classic-level-rows.ts';

const word = fc.integer({ min: 0, max: 2 ** 32 - 1 });
const token = fc.record({ high: word, low: word }, { noNullPrototype: true });
const key = fc.uint8Array({ minLength: 1, maxLength: 20 });
const space = fc.constantFrom(ownSpace, 'n2', 'n22', 'n-long_name');

function isIn(row: Uint8Array, range: { readonly gte: Uint8Array; readonly lt: Uint8Array }): boolean {
  return compareBytes(row, range.gte) >= 0 && compareBytes(row, range.lt) < 0;
}

test('a row key gives back its space, token and key', () => {
  fc.assert(
    fc.property(space, token, key, (space, token, key) => {
      const row = rowKey(recordKind, space, token, key);
      assert.deepEqual(parseRowPrefix(row), { kind: recordKind, space });
      assert.deepEqual(parseRowKey(row, space), { token, key });
    }),
  );
});

test('rows sort by token within a space', () => {
  fc.assert(
    fc.property(space, token, token, key, key, (space, left, right, leftKey, rightKey) => {
      const order = compareBytes(
        rowKey(digestKind, space, left, leftKey),
        rowKey(digestKind, space, right, rightKey),
      );
      const expected = compareTokens(left, right) || compareBytes(leftKey, rightKey);
      assert.equal(Math.sign(order), Math.sign(expected));
    }),
  );
});

test('a row lies in the range of its own space, kind and partition and of no other', () => {
  fc.assert(
    fc.property(
      space,
      space,
      token,
      key,
      fc.constantFrom(1, 4, 65_536),
      (own, other, token, key, partitions) => {
        const row = rowKey(digestKind, own, token, key);
        assert.equal(isIn(row, spaceRange(digestKind, own)), true);
        assert.equal(isIn(row, spaceRange(digestKind, other)), own === other);
        assert.equal(isIn(row, kindRange(digestKind)), true);
        assert.equal(isIn(row, kindRange(recordKind)), false);
        const ownRow = rowKey(digestKind, ownSpace, token, key);
        const partition = partitionOf(token, partitions);
        assert.equal(isIn(ownRow, partitionRange(digestKind, partition, partitions)), true);
        const next = (partition + 1) % partitions;
        assert.equal(isIn(ownRow, partitionRange(digestKind, next, partitions)), next === partition);
        assert.equal(isIn(figuresRow, kindRange(digestKind)), false);
      },
    ),
  );
});

test('a digest row gives back the digest and the length of the record', () => {
  const record = recordOf({
    key: 'a',
    value: 'value',
    wallMs: 2 ** 48 - 1,
    counter: 0xffff,
    actor: 'n1.k3f9xa',
    tombstone: true,
    expiresAtMs: 2 ** 48 - 1,
  });
  const row = rowKey(digestKind, ownSpace, record.token, record.key);
  const decoded = decodeDigestRow(encodeDigestRow(record, row, crc32), row, crc32);
  assert.deepEqual(decoded, { digest: digestOf(record.version), recordBytes: record.bytes.length });
});

test('a digest row with any one bit changed, or under another key, is not believed', () => {
  const record = recordOf({ key: 'a', value: 'value' });
  const row = rowKey(digestKind, ownSpace, record.token, record.key);
  const value = encodeDigestRow(record, row, crc32);
  for (let bit = 0; bit < value.length * 8; bit++) {
    const changed = value.slice();
    changed[bit >>> 3] = (changed[bit >>> 3] ?? 0) ^ (1 << (bit & 7));
    assert.equal(decodeDigestRow(changed, row, crc32), undefined, `bit ${bit}`);
  }
  const otherRow = rowKey(digestKind, ownSpace, record.token, Uint8Array.of(0x62));
  assert.equal(decodeDigestRow(value, otherRow, crc32), undefined);
  for (let length = 0; length < value.length; length++) {
    assert.equal(decodeDigestRow(value.subarray(0, length), row, crc32), undefined, `${length} bytes`);
  }
});
