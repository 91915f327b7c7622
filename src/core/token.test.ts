import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { compareTokens, partitionOf, tokenOf, type Token } from './token.ts';

/**
 * MurmurHash3_x86_128 written anew after Austin Appleby's C source, in BigInt and with its seed and its
 * cases, as something to compare with. Returns the sixteen bytes as the C code lays them out.
 */
function murmur3x86128(key: Uint8Array, seed: number): Uint8Array {
  const mask = 0xffff_ffffn;
  const multiply = (left: bigint, right: bigint): bigint => (left * right) & mask;
  const rotate = (value: bigint, bits: bigint): bigint => ((value << bits) | (value >> (32n - bits))) & mask;
  const finish = (start: bigint): bigint => {
    let value = start;
    value = multiply(value ^ (value >> 16n), 0x85ebca6bn);
    value = multiply(value ^ (value >> 13n), 0xc2b2ae35n);
    return value ^ (value >> 16n);
  };
  const [c1, c2, c3, c4] = [0x239b961bn, 0xab0e9789n, 0x38b34ae5n, 0xa1e38b93n];
  let [h1, h2, h3, h4] = [BigInt(seed), BigInt(seed), BigInt(seed), BigInt(seed)];
  const view = new DataView(key.buffer, key.byteOffset, key.byteLength);
  const blocks = Math.floor(key.length / 16);
  for (let block = 0; block < blocks; block++) {
    const word = (index: number): bigint => BigInt(view.getUint32(block * 16 + index * 4, true));
    h1 ^= multiply(rotate(multiply(word(0), c1), 15n), c2);
    h1 = (multiply((rotate(h1, 19n) + h2) & mask, 5n) + 0x561ccd1bn) & mask;
    h2 ^= multiply(rotate(multiply(word(1), c2), 16n), c3);
    h2 = (multiply((rotate(h2, 17n) + h3) & mask, 5n) + 0x0bcaa747n) & mask;
    h3 ^= multiply(rotate(multiply(word(2), c3), 17n), c4);
    h3 = (multiply((rotate(h3, 15n) + h4) & mask, 5n) + 0x96cd1c35n) & mask;
    h4 ^= multiply(rotate(multiply(word(3), c4), 18n), c1);
    h4 = (multiply((rotate(h4, 13n) + h1) & mask, 5n) + 0x32ac3b17n) & mask;
  }
  const tail = key.subarray(blocks * 16);
  const tailWord = (start: number): bigint => {
    let word = 0n;
    for (let index = Math.min(tail.length, start + 4) - 1; index >= start; index--) {
      word = (word << 8n) | BigInt(tail[index] ?? 0);
    }
    return word;
  };
  if (tail.length > 12) h4 ^= multiply(rotate(multiply(tailWord(12), c4), 18n), c1);
  if (tail.length > 8) h3 ^= multiply(rotate(multiply(tailWord(8), c3), 17n), c4);
  if (tail.length > 4) h2 ^= multiply(rotate(multiply(tailWord(4), c2), 16n), c3);
  if (tail.length > 0) h1 ^= multiply(rotate(multiply(tailWord(0), c1), 15n), c2);
  const length = BigInt(key.length);
  h1 ^= length;
  h2 ^= length;
  h3 ^= length;
  h4 ^= length;
  h1 = (h1 + h2 + h3 + h4) & mask;
  [h2, h3, h4] = [(h2 + h1) & mask, (h3 + h1) & mask, (h4 + h1) & mask];
  [h1, h2, h3, h4] = [finish(h1), finish(h2), finish(h3), finish(h4)];
  h1 = (h1 + h2 + h3 + h4) & mask;
  [h2, h3, h4] = [(h2 + h1) & mask, (h3 + h1) & mask, (h4 + h1) & mask];
  const result = new Uint8Array(16);
  const words = new DataView(result.buffer);
  [h1, h2, h3, h4].forEach((word, index) => words.setUint32(index * 4, Number(word), true));
  return result;
}

function referenceToken(key: Uint8Array): Token {
  const view = new DataView(murmur3x86128(key, 0).buffer);
  return { high: view.getUint32(0, true), low: view.getUint32(4, true) };
}

test('the reference in this file passes the verification of SMHasher for MurmurHash3_x86_128', () => {
  // Keys of 0 to 255 bytes {0, 1, 2, …} with seeds 256 down to 1; the hash of all hashes starts with B3ECE62A.
  const key = new Uint8Array(256);
  const hashes = new Uint8Array(256 * 16);
  for (let length = 0; length < 256; length++) {
    key[length] = length;
    hashes.set(murmur3x86128(key.subarray(0, length), 256 - length), length * 16);
  }
  assert.equal(new DataView(murmur3x86128(hashes, 0).buffer).getUint32(0, true), 0xb3ece62a);
});

test('the token of a key is the first half of its MurmurHash3_x86_128 with seed 0', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 70 }), fc.nat({ max: 3 }), (key, offset) => {
      // Also as a view into a longer buffer, whose other bytes must not matter.
      const buffer = new Uint8Array(key.length + 20).fill(0xee);
      buffer.set(key, offset);
      const expected = referenceToken(key);
      assert.deepEqual(tokenOf(key), expected);
      assert.deepEqual(tokenOf(buffer.subarray(offset, offset + key.length)), expected);
    }),
    { numRuns: 500 },
  );
  for (let length = 0; length <= 40; length++) {
    const key = new Uint8Array(length).fill(0xff);
    assert.deepEqual(tokenOf(key), referenceToken(key));
  }
});

test('tokens stay what they were when clusters were created: keys would be lost otherwise', () => {
  const hex = (text: string): string => {
    const { high, low } = tokenOf(new TextEncoder().encode(text));
    return `${high.toString(16).padStart(8, '0')} ${low.toString(16).padStart(8, '0')}`;
  };
  assert.equal(hex(''), '00000000 00000000');
  assert.equal(hex('a'), 'a794933c 5556b01b');
  assert.equal(hex('user:1'), '4a22cd1f 7701f037');
  assert.equal(hex('The quick brown fox jumps over the lazy dog'), '2f1583c3 ecee2c67');
});

const token = fc.record({
  high: fc.oneof(fc.constantFrom(0, 1, 0x8000_0000, 0xffff_ffff), fc.nat({ max: 0xffff_ffff })),
  low: fc.oneof(fc.constantFrom(0, 1, 0x8000_0000, 0xffff_ffff), fc.nat({ max: 0xffff_ffff })),
});

test('tokens are ordered as 64-bit numbers', () => {
  const wide = ({ high, low }: Token): bigint => (BigInt(high) << 32n) | BigInt(low);
  fc.assert(
    fc.property(token, token, (left, right) => {
      const difference = wide(left) - wide(right);
      assert.equal(Math.sign(compareTokens(left, right)), difference < 0n ? -1 : difference > 0n ? 1 : 0);
    }),
  );
});

test('the partition is the top bits of the token, so partitions are ranges of the ring', () => {
  fc.assert(
    fc.property(token, fc.nat({ max: 16 }), ({ high, low }, bits) => {
      assert.equal(partitionOf({ high, low }, 2 ** bits), Math.floor(high / 2 ** (32 - bits)));
    }),
  );
});
