import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  compareBytes,
  equalBytes,
  readUint16,
  readUint32,
  readUint48,
  writeUint16,
  writeUint32,
  writeUint48,
} from './bytes.ts';

const bytes = fc.oneof(fc.uint8Array({ maxLength: 6 }), fc.uint8Array({ max: 1, maxLength: 6 }));

test('byte strings are ordered as the runtime orders buffers, and equal when that finds no difference', () => {
  fc.assert(
    fc.property(bytes, bytes, (left, right) => {
      const order = Buffer.compare(left, right);
      assert.equal(Math.sign(compareBytes(left, right)), order);
      assert.equal(equalBytes(left, right), order === 0);
    }),
  );
});

test('a byte string is equal to its copy and less than itself with anything appended', () => {
  fc.assert(
    fc.property(bytes, fc.integer({ min: 0, max: 255 }), (text, appended) => {
      assert.ok(equalBytes(text, text.slice()));
      assert.equal(compareBytes(text, text.slice()), 0);
      assert.ok(compareBytes(text, Uint8Array.of(...text, appended)) < 0);
    }),
  );
});

test('integers are big-endian, come back as they were written, and touch nothing beside them', () => {
  const integer = fc.record({
    value: fc.oneof(fc.maxSafeNat(), fc.constantFrom(0, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff, 2 ** 48 - 1)),
    offset: fc.nat({ max: 9 }),
  });
  const sizes = [
    { length: 2, write: writeUint16, read: readUint16 },
    { length: 4, write: writeUint32, read: readUint32 },
    { length: 6, write: writeUint48, read: readUint48 },
  ];
  fc.assert(
    fc.property(integer, ({ value, offset }) => {
      for (const { length, write, read } of sizes) {
        const buffer = Buffer.alloc(16, 0xaa);
        const expected = Buffer.alloc(16, 0xaa);
        const fitting = value % 2 ** (8 * length);
        write(buffer, offset, fitting);
        expected.writeUIntBE(fitting, offset, length);
        assert.deepEqual(buffer, expected);
        assert.equal(read(buffer, offset), fitting);
      }
    }),
  );
});
