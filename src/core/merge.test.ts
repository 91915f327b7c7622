import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { crc32 } from './crc32.ts';
import { compareVersions, mergeRecords, supersedes } from './merge.ts';
import { decodeRecord, encodeRecord, type StoredRecord } from './record.ts';

const key = Uint8Array.of(0xff, 0x00, 0x41);

/** Versions of one key, from so few of everything that equal dots and equal contents are common. */
const anyRecord: fc.Arbitrary<StoredRecord> = fc
  .record({
    wallMs: fc.nat({ max: 1 }),
    counter: fc.nat({ max: 1 }),
    actor: fc.constantFrom('n1.a', 'n2.a'),
    tombstone: fc.boolean(),
    expiresAtMs: fc.nat({ max: 1 }),
    value: fc.uint8Array({ maxLength: 2, max: 2 }),
    contentType: fc.constantFrom('', 'text/plain'),
  })
  .map(({ wallMs, counter, actor, ...fields }) =>
    encodeRecord({ ...fields, key, dot: { wallMs, counter, actor } }, crc32),
  );

/** The same record with another checksum field: two versions that collide in all that a digest holds. */
function withChecksum(record: StoredRecord, checksum: number): StoredRecord {
  const bytes = record.bytes.slice();
  new DataView(bytes.buffer).setUint32(12 + key.length, checksum);
  return decodeRecord(bytes);
}

const collidingRecord = anyRecord.map((record) => withChecksum(record, 7));
const someRecord = fc.oneof({ weight: 3, arbitrary: anyRecord }, { weight: 1, arbitrary: collidingRecord });

function bytesOf(record: StoredRecord): readonly number[] {
  return [...record.bytes];
}

test('merging is commutative, associative and idempotent on the bytes, equal dots and checksums included', () => {
  fc.assert(
    fc.property(someRecord, someRecord, someRecord, (a, b, c) => {
      assert.deepEqual(bytesOf(mergeRecords(a, b)), bytesOf(mergeRecords(b, a)));
      assert.deepEqual(
        bytesOf(mergeRecords(mergeRecords(a, b), c)),
        bytesOf(mergeRecords(a, mergeRecords(b, c))),
      );
      assert.deepEqual(bytesOf(mergeRecords(a, a)), bytesOf(a));
      assert.deepEqual(bytesOf(mergeRecords(mergeRecords(a, b), b)), bytesOf(mergeRecords(a, b)));
    }),
    { numRuns: 2_000 },
  );
});

test('replicas that merge the same records in any order, any number of times, end with the same bytes', () => {
  const deliveries = fc
    .array(someRecord, { minLength: 1, maxLength: 6 })
    .chain((records) =>
      fc.tuple(
        fc.constant(records),
        fc.shuffledSubarray(records, { minLength: records.length }),
        fc.array(fc.constantFrom(...records), { maxLength: 4 }),
      ),
    );
  fc.assert(
    fc.property(deliveries, ([records, shuffled, again]) => {
      const merged = records.reduce(mergeRecords);
      assert.deepEqual(bytesOf([...shuffled, ...again].reduce(mergeRecords)), bytesOf(merged));
    }),
    { numRuns: 500 },
  );
});

test('a replica that decides by digests keeps what merging keeps, unless digests are all equal', () => {
  fc.assert(
    fc.property(anyRecord, anyRecord, (held, incoming) => {
      const isNews = supersedes(incoming.version, held.version);
      assert.equal(isNews, compareVersions(incoming.version, held.version) > 0);
      assert.deepEqual(bytesOf(isNews ? incoming : held), bytesOf(mergeRecords(held, incoming)));
    }),
    { numRuns: 2_000 },
  );
});

test('anything is news to a replica that holds nothing, and nothing is news twice', () => {
  fc.assert(
    fc.property(anyRecord, (record) => {
      assert.equal(supersedes(record.version, undefined), true);
      assert.equal(supersedes(record.version, record.version), false);
    }),
  );
});

function recordAt(
  wallMs: number,
  fields: { readonly tombstone?: boolean; readonly value?: string },
): StoredRecord {
  const { tombstone = false, value = '' } = fields;
  const dot = { wallMs, counter: 0, actor: 'n1.a' };
  return encodeRecord({ key, dot, tombstone, value: new TextEncoder().encode(value) }, crc32);
}

test('a tombstone wins over an older value, and a newer value over a tombstone', () => {
  const older = recordAt(1, { value: 'old' });
  const tombstone = recordAt(2, { tombstone: true });
  const newer = recordAt(3, { value: 'new' });
  assert.equal(mergeRecords(older, tombstone), tombstone);
  assert.equal(mergeRecords(tombstone, newer), newer);
});

test('should a value and a tombstone ever carry one dot, the tombstone wins, whatever their checksums', () => {
  const tombstone = recordAt(1, { tombstone: true });
  const orders = new Set<number>();
  for (let number = 0; number < 20; number++) {
    const value = recordAt(1, { value: String(number) });
    orders.add(Math.sign(value.version.checksum - tombstone.version.checksum));
    assert.equal(mergeRecords(value, tombstone), tombstone);
    assert.equal(mergeRecords(tombstone, value), tombstone);
  }
  assert.equal(orders.size, 2, 'values with a greater checksum than the tombstone and with a smaller one');
});

test('records of two keys are never merged', () => {
  const other = encodeRecord({ key: Uint8Array.of(1), dot: { wallMs: 9, counter: 0, actor: 'n1.a' } }, crc32);
  assert.throws(() => mergeRecords(recordAt(1, {}), other), { code: 'INTERNAL' });
});
