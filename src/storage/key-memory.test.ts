import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { SimRandom } from '../sim/sim-random.ts';
import { KeyMemory } from './key-memory.ts';
import type { SlotEntry } from './index-slot.ts';
import { PartitionIndex } from './partition-index.ts';

const entry: SlotEntry = {
  tokenHigh: 0xffff_0001,
  tokenLow: 7,
  wallMs: 0x1234_8765_4321,
  counter: 0xffff,
  checksum: 0xdead_beef,
  actorOrdinal: 0x8001,
  segmentOrdinal: 1,
  offset: 64,
  length: 100,
  tombstone: false,
  expires: false,
  damaged: false,
};
const key = new TextEncoder().encode('key');

/** A table with these entries, the slot of each, and a memory. */
function setUp(entries: readonly SlotEntry[]): {
  table: PartitionIndex;
  memory: KeyMemory;
  slotOf: (entry: SlotEntry) => number;
  remember: (entry: SlotEntry, key: Uint8Array) => void;
} {
  const table = new PartitionIndex({ partitionBits: 0 });
  for (const each of entries) table.insert(each);
  const slotOf = ({ tokenHigh, tokenLow }: SlotEntry): number =>
    table.find({ high: tokenHigh, low: tokenLow });
  const memory = new KeyMemory(1_024);
  const remember = (each: SlotEntry, itsKey: Uint8Array): void => {
    const token = { high: each.tokenHigh, low: each.tokenLow };
    memory.remember(token, each, each.actorOrdinal, each.checksum, itsKey);
  };
  return { table, memory, slotOf, remember };
}

test('the key of an entry is known once it was noted, whatever bits the entry has', () => {
  const { table, memory, slotOf, remember } = setUp([entry]);
  assert.equal(memory.isKeyAt(table, slotOf(entry), key), false);
  remember(entry, key);
  assert.equal(memory.isKeyAt(table, slotOf(entry), key), true);
});

test('another key, or another version of the slot, is not taken for it', () => {
  const others: Partial<SlotEntry>[] = [
    { wallMs: entry.wallMs + 1 },
    { wallMs: entry.wallMs + 2 ** 32 },
    { counter: 0 },
    { checksum: 1 },
    { actorOrdinal: 2 },
    { tokenHigh: 1 },
  ];
  for (const other of others) {
    const { table, memory, remember } = setUp([{ ...entry, ...other }]);
    remember(entry, key);
    assert.equal(memory.isKeyAt(table, table.firstSlot(), key), false, JSON.stringify(other));
  }
  const { table, memory, slotOf, remember } = setUp([entry]);
  remember(entry, key);
  for (const text of ['kez', 'ke', 'key2', '']) {
    assert.equal(memory.isKeyAt(table, slotOf(entry), new TextEncoder().encode(text)), false, text);
  }
});

test('a key that is too long is not kept, and does not take the place of one that is', () => {
  const { table, memory, slotOf, remember } = setUp([entry]);
  remember(entry, key);
  remember({ ...entry, wallMs: 5 }, new Uint8Array(41));
  assert.equal(memory.isKeyAt(table, slotOf(entry), key), true);
  assert.equal(memory.isKeyAt(table, slotOf(entry), new Uint8Array(41)), false);
});

test('while it grows nothing is forgotten, and what is told is right', () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.nat(2 ** 32 - 1), { minLength: 1, maxLength: 400 }), (tokens) => {
      const entries = tokens.map((token) => ({ ...entry, tokenHigh: token, tokenLow: token }));
      const { table, memory, slotOf, remember } = setUp(entries);
      const keyOf = (each: SlotEntry): Uint8Array => new TextEncoder().encode(`key ${each.tokenLow}`);
      for (const each of entries) remember(each, keyOf(each));
      // An entry gives way only where more than four fall on one set of the smallest memory.
      const setOf = (each: SlotEntry): number => (each.tokenLow % 256) >>> 2;
      for (const each of entries) {
        assert.equal(memory.isKeyAt(table, slotOf(each), new TextEncoder().encode('other')), false);
        const rivals = entries.filter((other) => setOf(other) === setOf(each)).length;
        if (rivals <= 4) assert.equal(memory.isKeyAt(table, slotOf(each), keyOf(each)), true);
      }
    }),
  );
});

test('a memory that is half full has hardly forgotten anything', () => {
  const random = new SimRandom(7);
  const tokens = Array.from({ length: 512 }, () => random.below(2 ** 32));
  const entries = tokens.map((token) => ({ ...entry, tokenHigh: token, tokenLow: token }));
  const { table, memory, slotOf, remember } = setUp(entries);
  for (const each of entries) remember(each, key);
  const known = entries.filter((each) => memory.isKeyAt(table, slotOf(each), key)).length;
  assert.ok(known >= 0.95 * entries.length, `${known} of ${entries.length}`);
});
