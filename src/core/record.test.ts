import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as zlib from 'node:zlib';
import fc from 'fast-check';
import { writeUint16, writeUint32 } from './bytes.ts';
import type { Checksum } from './crc32.ts';
import { StoreError } from './errors.ts';
import { limits } from './limits.ts';
import {
  decodeRecord,
  encodeRecord,
  readsAsDeleted,
  recordBytesMax,
  recordChecksum,
  verifyRecord,
  type StoredRecord,
  type VersionFields,
} from './record.ts';
import { tokenOf } from './token.ts';

const checksum: Checksum = (bytes, seed, start = 0, end = bytes.length) =>
  zlib.crc32(bytes.subarray(start, end), seed);

function text(from: number, to: number, lengths: { readonly minLength: number; readonly maxLength: number }) {
  const character = fc.integer({ min: from, max: to }).filter((code) => from === 0x20 || code !== 0x22);
  return fc.array(character, lengths).map((codes) => String.fromCharCode(...codes));
}

const wallMs = fc.oneof(fc.constantFrom(0, 1, 2 ** 32, 2 ** 48 - 1), fc.nat({ max: 2 ** 31 }));
const anyFields: fc.Arbitrary<Required<VersionFields>> = fc.record({
  key: fc.uint8Array({ minLength: 1, maxLength: 40 }),
  dot: fc.record({
    wallMs,
    counter: fc.nat({ max: 0xffff }),
    actor: text(0x21, 0x7e, { minLength: 1, maxLength: 30 }),
  }),
  value: fc.uint8Array({ maxLength: 60 }),
  contentType: text(0x20, 0x7e, { minLength: 0, maxLength: 30 }),
  tombstone: fc.boolean(),
  expiresAtMs: wallMs,
});

const some: Required<VersionFields> = {
  key: new TextEncoder().encode('user:1'),
  dot: { wallMs: 1_790_000_000_123, counter: 7, actor: 'n1.k3f9xa' },
  value: new TextEncoder().encode('hello'),
  contentType: 'text/plain',
  tombstone: false,
  expiresAtMs: 1_790_000_999_999,
};
const versionOffset = 12 + some.key.length;

/** Why the bytes are not believed: the code of the refusal, or `checksum`; undefined when they are. */
function disbelief(bytes: Uint8Array): string | undefined {
  try {
    return verifyRecord(decodeRecord(bytes), checksum) ? undefined : 'checksum';
  } catch (error) {
    assert.ok(error instanceof StoreError, 'only a StoreError refuses bytes');
    return error.code;
  }
}

/** The record with some bytes changed and its checksum made right again. */
function forged(change: (bytes: Uint8Array) => void): Uint8Array {
  const bytes = encodeRecord(some, checksum).bytes.slice();
  change(bytes);
  writeUint32(
    bytes,
    versionOffset,
    checksum(bytes.subarray(versionOffset + 4), checksum(bytes.subarray(12, versionOffset))),
  );
  return bytes;
}

function checkFields(record: StoredRecord, fields: Required<VersionFields>): void {
  const { version } = record;
  assert.deepEqual(
    {
      key: record.key.slice(),
      dot: version.dot,
      value: version.value.slice(),
      contentType: version.contentType,
      tombstone: version.tombstone,
      expiresAtMs: version.expiresAtMs,
    },
    { ...fields, dot: { ...fields.dot } },
  );
  assert.deepEqual(record.token, tokenOf(fields.key));
}

test('a record decodes to what was encoded, and its bytes are what travels', () => {
  fc.assert(
    fc.property(anyFields, (fields) => {
      const encoded = encodeRecord(fields, checksum);
      checkFields(encoded, fields);
      const decoded = decodeRecord(encoded.bytes.slice());
      checkFields(decoded, fields);
      assert.ok(verifyRecord(decoded, checksum));
      assert.equal(decoded.version.checksum, encoded.version.checksum);
      const sizes = { keyBytes: fields.key.length, valueBytes: fields.value.length };
      assert.ok(encoded.bytes.length <= recordBytesMax(sizes));
    }),
    { numRuns: 300 },
  );
});

test('the checksum of a whole record follows from that of its version', () => {
  fc.assert(
    fc.property(anyFields, (fields) => {
      const record = encodeRecord(fields, checksum);
      assert.equal(recordChecksum(record, checksum), checksum(record.bytes));
    }),
  );
});

test('what is left out is an empty value without type that never expires', () => {
  const record = encodeRecord({ key: some.key, dot: some.dot }, checksum);
  const empty = { value: new Uint8Array(0), contentType: '', tombstone: false, expiresAtMs: 0 };
  checkFields(record, { ...some, ...empty });
});

test('the largest sizes fit the bytes promised for them', () => {
  const key = new Uint8Array(limits.keyBytesMax);
  const record = encodeRecord(
    { ...some, key, contentType: 'x'.repeat(255), dot: { ...some.dot, actor: 'y'.repeat(255) } },
    checksum,
  );
  assert.equal(record.bytes.length, recordBytesMax({ keyBytes: key.length, valueBytes: some.value.length }));
});

test('a record with any one bit changed is not believed', () => {
  fc.assert(
    fc.property(anyFields, (fields) => {
      const { bytes } = encodeRecord(fields, checksum);
      for (let bit = 0; bit < bytes.length * 8; bit++) {
        const changed = bytes.slice();
        changed[bit >>> 3] = (changed[bit >>> 3] ?? 0) ^ (1 << (bit & 7));
        assert.notEqual(disbelief(changed), undefined, `bit ${bit & 7} of byte ${bit >>> 3}`);
      }
    }),
    { numRuns: 20 },
  );
});

test('a record with any byte replaced, cut short or made longer is not believed', () => {
  const { bytes } = encodeRecord(some, checksum);
  for (let offset = 0; offset < bytes.length; offset++) {
    for (let byte = 0; byte < 256; byte++) {
      if (byte === bytes[offset]) continue;
      const changed = bytes.slice();
      changed[offset] = byte;
      assert.notEqual(disbelief(changed), undefined, `byte ${offset} replaced by ${byte}`);
    }
    assert.equal(disbelief(bytes.slice(0, offset)), 'RECORD_INVALID', `cut to ${offset}`);
  }
  assert.equal(disbelief(Uint8Array.of(...bytes, 0)), 'RECORD_INVALID');
});

test('lengths that a forger made fit each other badly are refused before they are used', () => {
  const cases: readonly ((bytes: Uint8Array) => void)[] = [
    (bytes) => writeUint32(bytes, 0, 0xffff_ffff),
    (bytes) => writeUint32(bytes, 0, 0),
    (bytes) => writeUint16(bytes, 6, 0xffff),
    (bytes) => writeUint16(bytes, 6, 0),
    (bytes) => writeUint16(bytes, 6, bytes.length - 12 - 27),
    (bytes) => writeUint16(bytes, 10, 1),
    (bytes) => writeUint32(bytes, versionOffset + 4, 0xffff_ffff),
    (bytes) => writeUint32(bytes, versionOffset + 4, some.value.length - 1),
    (bytes) => (bytes[8] = 2),
    (bytes) => (bytes[9] = 1),
    (bytes) => (bytes[versionOffset + 23] = 0),
    (bytes) => (bytes[versionOffset + 23] = 255),
    (bytes) => (bytes[versionOffset + 24] = 255),
  ];
  cases.forEach((change, index) =>
    assert.equal(disbelief(forged(change)), 'RECORD_INVALID', `case ${index}`),
  );
});

test('a format, resolution, flag or reserved byte of a later version is refused as unsupported', () => {
  const cases: readonly ((bytes: Uint8Array) => void)[] = [
    (bytes) => (bytes[4] = 2),
    (bytes) => (bytes[5] = 1),
    (bytes) => (bytes[versionOffset + 22] = 2),
    (bytes) => (bytes[versionOffset + 22] = 3),
    (bytes) => (bytes[versionOffset + 25] = 1),
    (bytes) => (bytes[versionOffset + 26] = 1),
    (bytes) => (bytes[versionOffset + 27] = 1),
  ];
  cases.forEach((change, index) =>
    assert.equal(disbelief(forged(change)), 'FORMAT_UNSUPPORTED', `case ${index}`),
  );
});

test('text that would break out of a header is refused, from a writer and from the wire', () => {
  const actorOffset = versionOffset + 28;
  const contentTypeOffset = actorOffset + some.dot.actor.length;
  for (const code of [0, 9, 10, 13, 0x1f, 0x7f, 0x80, 0xff]) {
    assert.equal(disbelief(forged((bytes) => (bytes[contentTypeOffset] = code))), 'RECORD_INVALID');
    assert.equal(disbelief(forged((bytes) => (bytes[actorOffset] = code))), 'RECORD_INVALID');
    const contentType = String.fromCharCode(code);
    assert.throws(() => encodeRecord({ ...some, contentType }, checksum), { code: 'RECORD_INVALID' });
  }
  // The actor is part of the quoted ETag.
  for (const code of [0x20, 0x22]) {
    assert.equal(disbelief(forged((bytes) => (bytes[contentTypeOffset] = code))), undefined);
    assert.equal(disbelief(forged((bytes) => (bytes[actorOffset] = code))), 'RECORD_INVALID');
  }
});

test('random bytes are refused, never a crash', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 120 }), (bytes) => assert.notEqual(disbelief(bytes), undefined)),
    { numRuns: 500 },
  );
});

test('fields out of range are refused instead of being cut', () => {
  const cases: readonly Partial<VersionFields>[] = [
    { key: new Uint8Array(0) },
    { key: new Uint8Array(0x1_0000) },
    { contentType: 'x'.repeat(256) },
    { contentType: 'ü' },
    { dot: { ...some.dot, actor: '' } },
    { dot: { ...some.dot, actor: 'x'.repeat(256) } },
    { dot: { ...some.dot, wallMs: 2 ** 48 } },
    { dot: { ...some.dot, wallMs: -1 } },
    { dot: { ...some.dot, wallMs: 0.5 } },
    { dot: { ...some.dot, counter: 0x1_0000 } },
    { dot: { ...some.dot, counter: -1 } },
    { expiresAtMs: 2 ** 48 },
    { expiresAtMs: Number.NaN },
  ];
  cases.forEach((fields, index) => {
    assert.throws(
      () => encodeRecord({ ...some, ...fields }, checksum),
      { code: 'RECORD_INVALID' },
      `case ${index}`,
    );
  });
});

test('a version reads as deleted when it is a tombstone, or from the instant of its expiry', () => {
  const version = encodeRecord(some, checksum).version;
  assert.equal(readsAsDeleted(version, some.expiresAtMs - 1), false);
  assert.equal(readsAsDeleted(version, some.expiresAtMs), true);
  assert.equal(readsAsDeleted({ ...version, expiresAtMs: 0 }, 2 ** 48), false);
  assert.equal(readsAsDeleted({ ...version, expiresAtMs: 0, tombstone: true }, 0), true);
});
