import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { compareTokens, tokenOf, type Token } from '../core/token.ts';
import { RunningSum, type VersionSum } from '../core/version-sum.ts';
import { slotWords, type SlotEntry } from './index-slot.ts';
import { PartitionIndex } from './partition-index.ts';

function entryFor(token: Token, fields: Partial<SlotEntry> = {}): SlotEntry {
  return {
    tokenHigh: token.high,
    tokenLow: token.low,
    wallMs: 1_790_000_000_123,
    counter: 7,
    checksum: 0xdeadbeef,
    actorOrdinal: 3,
    segmentOrdinal: 5,
    offset: 4_096,
    length: 150,
    tombstone: false,
    expires: false,
    damaged: false,
    ...fields,
  };
}

function tokenOfEntry(entry: SlotEntry): Token {
  return { high: entry.tokenHigh, low: entry.tokenLow };
}

/** A table with `count` hashed keys of partition 0 among 2^partitionBits. */
function filled(options: { readonly count: number; readonly partitionBits: number }): {
  readonly index: PartitionIndex;
  readonly tokens: readonly Token[];
} {
  const index = new PartitionIndex({ partitionBits: options.partitionBits });
  const tokens: Token[] = [];
  for (let number = 0; tokens.length < options.count; number++) {
    const hash = tokenOf(new TextEncoder().encode(`key:${number}`));
    const token = { high: (hash.high >>> options.partitionBits) >>> 0, low: hash.low };
    tokens.push(token);
    index.insert(entryFor(token, { offset: number }));
  }
  return { index, tokens };
}

function walk(index: PartitionIndex): SlotEntry[] {
  const entries: SlotEntry[] = [];
  for (let slot = index.firstSlot(); slot >= 0; slot = index.slotAfter(slot)) entries.push(index.read(slot));
  return entries;
}

/** All that `find` and `findNext` reach under one token. */
function lookUp(index: PartitionIndex, token: Token): SlotEntry[] {
  const entries: SlotEntry[] = [];
  for (let slot = index.find(token); slot >= 0; slot = index.findNext(slot)) entries.push(index.read(slot));
  return entries;
}

/** What the table promises, as plainly as possible: an array in token order, equal tokens by age. */
class SortedModel {
  entries: SlotEntry[] = [];

  insert(entry: SlotEntry): void {
    const later = this.entries.findIndex(
      (held) => compareTokens(tokenOfEntry(held), tokenOfEntry(entry)) > 0,
    );
    this.entries.splice(later < 0 ? this.entries.length : later, 0, entry);
  }

  /** What the sum is by its definition. */
  sum(): VersionSum {
    const sum = new RunningSum();
    for (const entry of this.entries) if (!entry.damaged) sum.add({ ...entry, token: tokenOfEntry(entry) });
    return sum.value();
  }

  at(token: Token): SlotEntry[] {
    return this.entries.filter((held) => compareTokens(tokenOfEntry(held), token) === 0);
  }
}

type Command =
  | { readonly kind: 'insert' | 'find' | 'seek'; readonly token: Token; readonly number: number }
  | {
      readonly kind: 'replace' | 'relocate' | 'damage' | 'remove';
      readonly choice: number;
      readonly number: number;
    }
  | { readonly kind: 'reload' | 'first' };

/** Tokens of one partition: at both extremes, in one tight cluster, and anywhere. */
function tokensOf(partitionBits: number, partition: number): fc.Arbitrary<Token> {
  const prefix = partitionBits === 0 ? 0 : (partition << (32 - partitionBits)) >>> 0;
  const highMax = partitionBits === 0 ? 0xffff_ffff : 0xffff_ffff >>> partitionBits;
  const high = fc.oneof(
    fc.constantFrom(0, 1, highMax - 1, highMax),
    fc.integer({ min: 0, max: 3 }).map((step) => (highMax >>> 1) + step),
    fc.integer({ min: 0, max: highMax }),
  );
  const low = fc.oneof(fc.constantFrom(0, 1, 0xffff_ffff), fc.integer({ min: 0, max: 0xffff_ffff }));
  return fc.record({ high: high.map((bits) => (prefix | bits) >>> 0), low });
}

function commandsOf(partitionBits: number, partition: number): fc.Arbitrary<Command[]> {
  const token = tokensOf(partitionBits, partition);
  const number = fc.nat({ max: 0xffff });
  const choice = fc.nat();
  const onToken = (kind: 'insert' | 'find' | 'seek'): fc.Arbitrary<Command> =>
    fc.record({ kind: fc.constant(kind), token, number });
  const onSlot = (kind: 'replace' | 'relocate' | 'damage' | 'remove'): fc.Arbitrary<Command> =>
    fc.record({ kind: fc.constant(kind), choice, number });
  const command = fc.oneof(
    { weight: 10, arbitrary: onToken('insert') },
    { weight: 2, arbitrary: onToken('find') },
    { weight: 2, arbitrary: onToken('seek') },
    { weight: 2, arbitrary: onSlot('replace') },
    { weight: 1, arbitrary: onSlot('relocate') },
    { weight: 1, arbitrary: onSlot('damage') },
    { weight: 5, arbitrary: onSlot('remove') },
    { weight: 1, arbitrary: fc.constant<Command>({ kind: 'reload' }) },
    { weight: 2, arbitrary: fc.constant<Command>({ kind: 'first' }) },
  );
  return fc.array(command, { maxLength: 400, size: 'max' });
}

/** The slot of the model's entry number `position`, found as the engine would: by token, then by content. */
function slotOf(index: PartitionIndex, wanted: SlotEntry): number {
  let slot = index.find(tokenOfEntry(wanted));
  while (slot >= 0 && index.checksumAt(slot) !== wanted.checksum) slot = index.findNext(slot);
  assert.ok(slot >= 0, 'the entry is reachable by its token');
  return slot;
}

function applyCommand(index: PartitionIndex, model: SortedModel, command: Command, step: number): void {
  switch (command.kind) {
    case 'insert': {
      const entry = entryFor(command.token, { checksum: step, length: command.number + 1 });
      const slot = index.insert(entry);
      assert.deepEqual(index.read(slot), entry);
      model.insert(entry);
      return;
    }
    case 'find':
      assert.deepEqual(lookUp(index, command.token), model.at(command.token));
      return;
    case 'seek': {
      const slot = index.seek(command.token);
      const expected = model.entries.find((held) => compareTokens(tokenOfEntry(held), command.token) >= 0);
      assert.deepEqual(slot < 0 ? undefined : index.read(slot), expected);
      return;
    }
    case 'first': {
      const slot = index.firstSlot();
      assert.deepEqual(slot < 0 ? undefined : index.read(slot), model.entries[0]);
      return;
    }
    case 'reload': {
      const reloaded = new PartitionIndex({ partitionBits: 0 });
      reloaded.loadSorted(index.dump(), index.count);
      assert.deepEqual(walk(reloaded), model.entries);
      index.loadSorted(reloaded.dump(), reloaded.count);
      return;
    }
    default: {
      const position = command.choice % Math.max(1, model.entries.length);
      const held = model.entries[position];
      if (held === undefined) return;
      const slot = slotOf(index, held);
      const change = changeOf(command.kind, command.number);
      if (command.kind === 'replace') index.replace(slot, { ...held, ...change });
      else if (command.kind === 'relocate') {
        index.relocate(slot, { segmentOrdinal: command.number, offset: command.number });
      } else if (command.kind === 'damage') index.markDamaged(slot);
      else index.removeAt(slot);
      if (command.kind === 'remove') model.entries.splice(position, 1);
      else model.entries[position] = { ...held, ...change };
      return;
    }
  }
}

function changeOf(kind: 'replace' | 'relocate' | 'damage' | 'remove', number: number): Partial<SlotEntry> {
  switch (kind) {
    case 'replace':
      return {
        wallMs: number * 0x1_0000_0000 + 9,
        counter: number,
        tombstone: true,
        expires: true,
        length: number,
      };
    case 'relocate':
      return { segmentOrdinal: number, offset: number };
    case 'damage':
      return { damaged: true };
    case 'remove':
      return {};
  }
}

for (const { partitionBits, partition } of [
  { partitionBits: 0, partition: 0 },
  { partitionBits: 4, partition: 15 },
  { partitionBits: 16, partition: 0x8001 },
]) {
  test(`a table below ${partitionBits} partition bits does what a sorted array does`, () => {
    fc.assert(
      fc.property(commandsOf(partitionBits, partition), (commands) => {
        const index = new PartitionIndex({ partitionBits });
        const model = new SortedModel();
        commands.forEach((command, step) => {
          applyCommand(index, model, command, step);
          assert.equal(index.count, model.entries.length);
          if (step % 8 === 0) assert.deepEqual(index.sum, model.sum());
        });
        assert.deepEqual(index.sum, model.sum());
        assert.deepEqual(walk(index), model.entries);
        for (const entry of model.entries) {
          assert.deepEqual(lookUp(index, tokenOfEntry(entry)), model.at(tokenOfEntry(entry)));
        }
      }),
      { numRuns: 150 },
    );
  });
}

test('every field of a slot keeps its extreme values', () => {
  const greatest = entryFor(
    { high: 0xffff_ffff, low: 0xffff_ffff },
    {
      wallMs: 2 ** 48 - 1,
      counter: 0xffff,
      checksum: 0xffff_ffff,
      actorOrdinal: 0xffff,
      segmentOrdinal: 0xffff,
      offset: 0xffff_ffff,
      length: 2 ** 28 - 1,
      tombstone: true,
      expires: true,
      damaged: true,
    },
  );
  const least = entryFor(
    { high: 0, low: 0 },
    { wallMs: 0, counter: 0, checksum: 0, actorOrdinal: 0, segmentOrdinal: 0, offset: 0, length: 0 },
  );
  const index = new PartitionIndex({ partitionBits: 0 });
  index.insert(greatest);
  index.insert(least);
  assert.deepEqual(walk(index), [least, greatest]);
});

test('each flag is its own bit, and the accessors read what was written', () => {
  for (const flag of ['tombstone', 'expires', 'damaged'] as const) {
    const index = new PartitionIndex({ partitionBits: 0 });
    const entry = entryFor({ high: 0x8000_0001, low: 0x9000_0002 }, { [flag]: true });
    const slot = index.insert(entry);
    assert.deepEqual(index.read(slot), entry);
    assert.deepEqual(
      {
        tokenHigh: index.tokenHighAt(slot),
        tokenLow: index.tokenLowAt(slot),
        wallMs: index.wallMsAt(slot),
        counter: index.counterAt(slot),
        checksum: index.checksumAt(slot),
        actorOrdinal: index.actorAt(slot),
        segmentOrdinal: index.segmentAt(slot),
        offset: index.offsetAt(slot),
        length: index.lengthAt(slot),
        tombstone: index.isTombstoneAt(slot),
        expires: index.expiresAt(slot),
        damaged: index.isDamagedAt(slot),
      },
      entry,
    );
  }
});

test('an entry that does not fit its slot is a bug of the caller', () => {
  const index = new PartitionIndex({ partitionBits: 0 });
  const token = { high: 1, low: 1 };
  assert.throws(() => index.insert(entryFor(token, { length: 2 ** 28 })), { code: 'INTERNAL' });
  assert.throws(() => index.insert(entryFor(token, { actorOrdinal: 0x1_0000 })), { code: 'INTERNAL' });
  assert.throws(() => index.removeAt(0), { code: 'INTERNAL' });
});

test('a thousand keys of one token stay apart from their neighbours at either end of the partition', () => {
  for (const high of [0, 0xffff_ffff]) {
    const index = new PartitionIndex({ partitionBits: 0 });
    for (let number = 0; number < 1_000; number++)
      index.insert(entryFor({ high, low: 5 }, { offset: number }));
    index.insert(entryFor({ high, low: 4 }, { offset: 5_000 }));
    index.insert(entryFor({ high, low: 6 }, { offset: 6_000 }));
    assert.equal(lookUp(index, { high, low: 5 }).length, 1_000);
    assert.equal(index.offsetAt(index.find({ high, low: 4 })), 5_000);
    assert.equal(index.offsetAt(index.find({ high, low: 6 })), 6_000);
  }
});

test('a table takes at most 60 bytes a key at any size, and under 46 on average', () => {
  const index = new PartitionIndex({ partitionBits: 0 });
  let sum = 0;
  for (let count = 1; count <= 20_000; count++) {
    const { high, low } = tokenOf(new TextEncoder().encode(`key:${count}`));
    index.insert(entryFor({ high, low }));
    const bytesPerKey = index.memoryBytes / count;
    if (count >= 500) assert.ok(bytesPerKey <= 60, `${bytesPerKey} bytes a key at ${count} keys`);
    sum += bytesPerKey;
  }
  assert.ok(sum / 20_000 < 46, `${sum / 20_000} bytes a key on average`);
});

test('an empty table takes no memory, and neither does a drained one', () => {
  const empty = new PartitionIndex({ partitionBits: 8 });
  assert.equal(empty.memoryBytes, 0);
  assert.equal(empty.firstSlot(), -1);
  assert.equal(empty.find({ high: 0, low: 0 }), -1);
  assert.equal(empty.seek({ high: 0, low: 0 }), -1);

  const { index, tokens } = filled({ count: 5_000, partitionBits: 8 });
  const drained: Token[] = [];
  for (let slot = index.firstSlot(); slot >= 0; slot = index.firstSlot()) {
    drained.push({ high: index.tokenHighAt(slot), low: index.tokenLowAt(slot) });
    index.removeAt(slot);
  }
  assert.deepEqual(drained, tokens.toSorted(compareTokens));
  assert.equal(index.memoryBytes, 0);
});

test('tokens that arrive in order, and the upper end of a drained table, spread out instead of crowding', () => {
  const tokens = filled({ count: 20_000, partitionBits: 0 }).tokens.toSorted(compareTokens);
  const index = new PartitionIndex({ partitionBits: 0 });
  let bytesPerKeyMax = 0;
  for (const token of tokens) {
    index.insert(entryFor(token));
    if (index.count >= 500) bytesPerKeyMax = Math.max(bytesPerKeyMax, index.memoryBytes / index.count);
  }
  assert.ok(bytesPerKeyMax > 100 && bytesPerKeyMax <= 290, `${bytesPerKeyMax} bytes a key while one-sided`);
  const bytesPerKey = index.memoryBytes / index.count;
  assert.ok(bytesPerKey <= 60, `${bytesPerKey} bytes a key once they are even again`);

  while (index.count > 4_000) index.removeAt(index.firstSlot());
  const reloaded = new PartitionIndex({ partitionBits: 0 });
  reloaded.loadSorted(index.dump(), index.count);
  assert.ok(reloaded.memoryBytes / 4_000 > 100, 'a one-sided load spreads over more homes');
  assert.deepEqual(walk(reloaded), walk(index));
});

test('a table spreads when a crowd gathers in one place, long before it is full', () => {
  const { index } = filled({ count: 2_000, partitionBits: 0 });
  for (let slot = index.firstSlot(); index.count > 1_000; slot = index.slotAfter(slot)) {
    if (slot < 0) slot = index.firstSlot();
    index.removeAt(slot);
  }
  const before = index.memoryBytes;
  for (let number = 0; number < 300; number++) {
    index.insert(entryFor({ high: 0x8000_0000 + number * 0x10_0000, low: number }));
  }
  assert.ok(index.memoryBytes > 1.5 * before, `${index.memoryBytes} after ${before} bytes`);
});

test('what is loaded in bulk must be occupied slots in token order, or the table stays as it was', () => {
  const { index } = filled({ count: 100, partitionBits: 0 });
  const packed = index.dump();
  const held = walk(index);
  const swapped = packed.slice();
  swapped.set(packed.subarray(0, slotWords), slotWords);
  swapped.set(packed.subarray(slotWords, 2 * slotWords), 0);
  const hollow = packed.slice();
  hollow[50 * slotWords + 7] = 0;
  assert.throws(() => index.loadSorted(swapped, 100), { code: 'LOG_CORRUPT' });
  assert.throws(() => index.loadSorted(hollow, 100), { code: 'LOG_CORRUPT' });
  assert.throws(() => index.loadSorted(packed, 101), { code: 'LOG_CORRUPT' });
  assert.deepEqual(walk(index), held);
  index.loadSorted(packed, 40);
  assert.deepEqual(walk(index), held.slice(0, 40));
});

test('a table that is loaded, or counted again, has the sum of its slots and knows the newest', () => {
  const { index } = filled({ count: 100, partitionBits: 0 });
  index.insert(entryFor({ high: 1, low: 1 }, { wallMs: 1_790_000_000_456 }));
  index.markDamaged(index.firstSlot());
  const loaded = new PartitionIndex({ partitionBits: 0 });
  loaded.loadSorted(index.dump(), index.count);
  const ofSlots = new RunningSum();
  const last = { high: 0xffff_ffff, low: 0xffff_ffff };
  const upToMs = 1_790_000_000_456;
  for (let slot = index.firstSlot(); slot >= 0;) {
    slot = index.addRangeTo(ofSlots, slot, { last, upToMs, budget: { slots: 7 } });
  }
  for (const each of [index, loaded]) {
    assert.equal(each.sum.count, 100, 'the damaged one is left out');
    assert.deepEqual(each.sum, ofSlots.value());
    assert.ok(each.recountSum(), 'it was right');
    assert.deepEqual(each.sum, ofSlots.value());
    assert.equal(each.newestMs, 1_790_000_000_456);
  }
});
