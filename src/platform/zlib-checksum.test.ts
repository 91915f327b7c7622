import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { crc32 } from '../core/crc32.ts';
import { zlibChecksum } from './zlib-checksum.ts';

test('the checksum of zlib is that of the core, also when continued', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.uint8Array({ maxLength: 300 }), (first, second) => {
      assert.equal(zlibChecksum(first), crc32(first));
      assert.equal(zlibChecksum(second, zlibChecksum(first)), crc32(second, crc32(first)));
    }),
  );
  assert.equal(zlibChecksum(new TextEncoder().encode('123456789')), 0xcbf43926);
});
