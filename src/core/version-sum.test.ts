import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';

import { addSums, emptySum, equalSums, hashVersion, RunningSum, type SummedVersion } from './version-sum.ts';

const word = fc.integer({ min: 0, max: 0xffff_ffff });
const version: fc.Arbitrary<SummedVersion> = fc.record({
  token: fc.record({ high: word, low: word }),
  wallMs: fc.integer({ min: 0, max: 2 ** 48 - 1 }),
  counter: fc.integer({ min: 0, max: 0xffff }),
  checksum: word,
});

function sumOf(versions: readonly SummedVersion[]): RunningSum {
  const sum = new RunningSum();
  for (const each of versions) sum.add(each);
  return sum;
}

/** The same in 64-bit arithmetic, as the definition has it. */
function sumByDefinition(versions: readonly SummedVersion[]): unknown {
  let sum = 0n;
  for (const each of versions) {
    const { high, low } = hashVersion(each);
    sum = BigInt.asUintN(64, sum + (BigInt(high) << 32n) + BigInt(low));
  }
  return { high: Number(sum >> 32n), low: Number(sum & 0xffff_ffffn), count: versions.length };
}

test('a sum is the sum of the hashes modulo 2^64', () => {
  fc.assert(
    fc.property(fc.array(version), (versions) => {
      assert.deepEqual(sumOf(versions).value(), sumByDefinition(versions));
    }),
  );
});

test('the order in which versions come and go leaves no trace', () => {
  fc.assert(
    fc.property(fc.array(version), fc.array(version), (kept, gone) => {
      const sum = new RunningSum();
      for (const each of gone) sum.add(each);
      for (const each of kept.toReversed()) sum.add(each);
      for (const each of gone.toReversed()) sum.subtract(each);
      assert.deepEqual(sum.value(), sumOf(kept).value());
    }),
  );
});

test('sums of parts add up to the sum of the whole', () => {
  fc.assert(
    fc.property(fc.array(version), fc.array(version), (left, right) => {
      const sum = addSums(sumOf(left).value(), sumOf(right).value());
      assert.deepEqual(sum, sumOf([...left, ...right]).value());
      assert.ok(equalSums(sum, addSums(sumOf(right), sumOf(left))));
    }),
  );
  assert.deepEqual(new RunningSum().value(), emptySum);
});

test('a version goes in by its words just as by its fields', () => {
  fc.assert(
    fc.property(version, fc.nat({ max: 3 }), (version, before) => {
      const { token, wallMs, counter, checksum } = version;
      const words = new Uint32Array(before + 5);
      words[before] = token.high;
      words[before + 1] = token.low;
      words[before + 2] = Math.floor(wallMs / 0x1_0000);
      words[before + 3] = (wallMs % 0x1_0000) * 0x1_0000 + counter;
      words[before + 4] = checksum;
      const sum = new RunningSum();
      sum.addWords(words, before);
      assert.deepEqual(sum.value(), { ...hashVersion(version), count: 1 });
      sum.subtractWords(words, before);
      assert.ok(equalSums(sum, emptySum));
    }),
  );
});

test('one bit more or less anywhere in a version changes about half of the bits of both halves', () => {
  const base = {
    token: { high: 0x1234_5678, low: 0x9abc_def0 },
    wallMs: 1_700_000_000_000,
    counter: 3,
    checksum: 77,
  };
  const changed: readonly SummedVersion[] = Array.from({ length: 32 }, (_, bit) => [
    { ...base, token: { ...base.token, high: (base.token.high ^ (1 << bit)) >>> 0 } },
    { ...base, token: { ...base.token, low: (base.token.low ^ (1 << bit)) >>> 0 } },
    { ...base, checksum: (base.checksum ^ (1 << bit)) >>> 0 },
    { ...base, wallMs: base.wallMs + 2 ** bit },
    { ...base, counter: base.counter ^ (1 << (bit % 16)) },
  ]).flat();
  const { high, low } = hashVersion(base);
  const distances = changed.map((each) => {
    const other = hashVersion(each);
    return [bitsOf(high ^ other.high), bitsOf(low ^ other.low)] as const;
  });
  for (const half of [0, 1] as const) {
    const mean = distances.reduce((sum, pair) => sum + pair[half], 0) / distances.length;
    assert.ok(mean > 14.5 && mean < 17.5, `${mean} of 32 bits in half ${half}`);
    assert.ok(Math.min(...distances.map((pair) => pair[half])) >= 4);
  }
});

test('hashes of versions that differ little do not collide', () => {
  const seen = new Set<string>();
  for (let key = 0; key < 200; key++) {
    for (let wallMs = 1; wallMs <= 50; wallMs++) {
      const { high, low } = hashVersion({ token: { high: 0, low: key }, wallMs, counter: 0, checksum: 0 });
      seen.add(`${high}.${low}`);
    }
  }
  assert.equal(seen.size, 10_000);
});

function bitsOf(word: number): number {
  let bits = 0;
  for (let rest = word >>> 0; rest !== 0; rest = (rest & (rest - 1)) >>> 0) bits++;
  return bits;
}
