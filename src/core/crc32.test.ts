import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as zlib from 'node:zlib';
import fc from 'fast-check';
import { crc32 } from './crc32.ts';

test('the check value of the CRC-32 catalogue comes out', () => {
  assert.equal(crc32(new TextEncoder().encode('123456789')), 0xcbf43926);
  assert.equal(crc32(new Uint8Array(0)), 0);
});

test('it is the function that production takes from zlib, seeds included', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat({ max: 0xffff_ffff }), (bytes, seed) => {
      assert.equal(crc32(bytes), zlib.crc32(bytes));
      assert.equal(crc32(bytes, seed), zlib.crc32(bytes, seed));
    }),
  );
});

test('the checksum of parts, each continuing the one before, is that of the whole', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), fc.nat({ max: 100 }), (bytes, at) => {
      assert.equal(crc32(bytes.subarray(at), crc32(bytes.subarray(0, at))), crc32(bytes));
      const split = Math.min(at, bytes.length);
      assert.equal(crc32(bytes, crc32(bytes, 0, 0, split), split), crc32(bytes));
    }),
  );
});
