import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { giveBack, takeBytes } from './byte-pool.ts';

test('a piece has the length asked for, is zero, and shares no byte with another', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(2_000), { maxLength: 100 }), (lengths) => {
      const pieces = lengths.map((length) => takeBytes(length));
      for (const [index, piece] of pieces.entries()) {
        assert.equal(piece.length, lengths[index]);
        assert.ok(piece.every((byte) => byte === 0));
        piece.fill(index + 1);
      }
      for (const [index, piece] of pieces.entries()) {
        assert.ok(piece.every((byte) => byte === ((index + 1) & 0xff)));
      }
    }),
  );
});

test('short pieces share a slab, and a long one has its own', () => {
  const buffers = new Set(Array.from({ length: 1_000 }, () => takeBytes(100).buffer));
  assert.ok(buffers.size <= 1_000 / 100, `${buffers.size} slabs`);
  assert.equal(takeBytes(5_000).buffer.byteLength, 5_000);
});

test('the memory of a long array is given back only if all of it is the array', () => {
  const whole = new Uint8Array(100_000);
  giveBack(whole);
  assert.equal(whole.length, 0);
  const part = new Uint8Array(100_000).subarray(1);
  giveBack(part);
  assert.equal(part.length, 99_999);
  const short = new Uint8Array(100);
  giveBack(short);
  assert.equal(short.length, 100);
});
