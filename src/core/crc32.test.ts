import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as zlib from 'node:zlib';
import fc from 'fast-check';
import { checksumOfRest, crc32, joinChecksums } from './crc32.ts';

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

test('the checksums of two pieces make that of both, and that of both and the first makes the second', () => {
  const piece = fc.uint8Array({ maxLength: 2_000 });
  fc.assert(
    fc.property(piece, piece, (first, second) => {
      const whole = crc32(second, crc32(first));
      assert.equal(joinChecksums(crc32(first), crc32(second), second.length), whole);
      assert.equal(checksumOfRest(whole, crc32(first), second.length), crc32(second));
    }),
  );
});

test('pieces of any length are joined', () => {
  const first = crc32(new TextEncoder().encode('a head'));
  for (const bytes of [0, 1, 65_537, 8 * 1024 * 1024 + 3]) {
    const zeros = new Uint8Array(bytes);
    assert.equal(joinChecksums(first, zlib.crc32(zeros), bytes), zlib.crc32(zeros, first));
  }
});
