/** Replay as merging: entries applied twice, out of order, or after what came later. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';

import { crc32 } from '../core/crc32.ts';
import { supersedes } from '../core/merge.ts';
import type { StoredRecord } from '../core/record.ts';
import { SimDisk } from '../sim/sim-disk.ts';
import { EntryReader, type EntryPlace } from './entry-reader.ts';
import type { SlotEntry } from './index-slot.ts';
import { LogIndex } from './log-index.ts';
import { PartitionIndex } from './partition-index.ts';
import { Segment, SegmentTable } from './segment.ts';
import { recordOf } from './store-contract-records.ts';

const length = 100;
const slotEntry: SlotEntry = {
  ...{ tokenHigh: 1, tokenLow: 0, wallMs: 5, counter: 0, checksum: 0, actorOrdinal: 0 },
  ...{ segmentOrdinal: 0, offset: 0, length, tombstone: false, expires: false, damaged: false },
};

/** An index over a segment that is only a name: keys are told apart by their tokens here. */
async function newIndex(): Promise<{
  readonly index: LogIndex;
  readonly at: (position: number) => EntryPlace;
}> {
  const segments = new SegmentTable();
  const reader = new EntryReader({ checksum: crc32, onDamage: () => undefined });
  const index = new LogIndex({ segments, reader, partitions: 4 });
  const files = await Promise.all(
    [1, 2].map((id) => new SimDisk().open(`${id}`, 'create').then((file) => ({ id, file }))),
  );
  const [first, second] = files.map(({ id, file }) => {
    const segment = new Segment({
      firstId: id,
      lastId: id,
      generation: 1,
      batchMark: 1,
      sequence: 0,
      file,
      end: 1_000_000,
    });
    segments.add(segment);
    return segment;
  });
  assert.ok(first !== undefined && second !== undefined);
  // Positions up to 9 lie in the first segment, those from 10 on in the second, at lower offsets.
  const at = (position: number): EntryPlace =>
    position < 10
      ? { segment: first, offset: 10_000 + position * length, length }
      : { segment: second, offset: position * length, length };
  return { index, at };
}

function heldWallMs(index: LogIndex, record: StoredRecord, name = ''): number | undefined {
  const table = index.space(name).table(record.token);
  const slot = table.find(record.token);
  return slot < 0 ? undefined : table.wallMsAt(slot);
}

function heldOffset(index: LogIndex, record: StoredRecord): number {
  const table = index.own.table(record.token);
  return table.offsetAt(table.find(record.token));
}

function apply(index: LogIndex, record: StoredRecord, place: EntryPlace, name = ''): void {
  // What it replaces is told, so that no key has to be read from the disk that is not there.
  const space = index.space(name);
  const table = space.table(record.token);
  const slot = table.find(record.token);
  const { key, token, version } = record;
  index.applyRecord({ space, key, token, version }, place, slot < 0 ? undefined : index.placeOf(table, slot));
}

function drop(index: LogIndex, record: StoredRecord, place: EntryPlace, name = ''): void {
  const space = index.space(name);
  const table = space.table(record.token);
  const slot = table.find(record.token);
  const { key, token, version } = record;
  index.applyDrop(
    { space, key, token, dot: version.dot },
    place,
    slot < 0 ? undefined : index.placeOf(table, slot),
  );
}

describe('the log index', () => {
  test('keeps the greater version, wherever in the log it lies', async () => {
    const { index, at } = await newIndex();
    const [older, newer] = [recordOf({ key: 'a', wallMs: 1 }), recordOf({ key: 'a', wallMs: 2 })];
    apply(index, newer, at(1));
    apply(index, older, at(2));
    assert.equal(heldWallMs(index, older), 2);
    assert.equal(heldOffset(index, older), at(1).offset);
  });

  test('keeps the later place of one version: the earlier copy may be the damaged one', async () => {
    const { index, at } = await newIndex();
    const record = recordOf({ key: 'a' });
    apply(index, record, at(3));
    apply(index, record, at(12));
    assert.equal(heldOffset(index, record), at(12).offset);
    apply(index, record, at(3));
    assert.equal(heldOffset(index, record), at(12).offset);
    assert.deepEqual([at(3).segment.liveBytes, at(12).segment.liveBytes], [0, length]);
  });

  test('a drop removes what was placed before it and is no newer, and nothing else', async () => {
    const { index, at } = await newIndex();
    const [older, newer] = [recordOf({ key: 'a', wallMs: 1 }), recordOf({ key: 'a', wallMs: 2 })];
    apply(index, newer, at(1), 'n2');
    drop(index, older, at(2), 'n2');
    assert.equal(heldWallMs(index, older, 'n2'), 2, 'it is newer than the drop');
    drop(index, newer, at(11), 'n2');
    assert.equal(heldWallMs(index, older, 'n2'), undefined);
    apply(index, older, at(12), 'n2');
    drop(index, newer, at(11), 'n2');
    assert.equal(heldWallMs(index, older, 'n2'), 1, 'it was placed after the drop');
    assert.equal(index.space('n2').keys, 1);
    assert.equal(index.space('n2').bytes, length);
  });

  test('finds what lies at a place wherever its slot is by now, and nothing else', async () => {
    const { index, at } = await newIndex();
    const step = fc.record({ low: fc.nat(5), removes: fc.boolean() });
    const property = fc.property(fc.array(step, { minLength: 2, maxLength: 40 }), (steps) => {
      // All in one table, where a slot moves with each that comes or goes before it; several share a token.
      const table = new PartitionIndex({ partitionBits: 0 });
      const places: { readonly low: number; readonly place: EntryPlace }[] = [];
      for (const [position, { low, removes }] of steps.entries()) {
        const held = table.find({ high: 1, low });
        if (removes && held >= 0) table.removeAt(held);
        if (removes) continue;
        const { segment } = at(0);
        const entry = { ...slotEntry, tokenLow: low, segmentOrdinal: segment.ordinal, offset: position };
        places.push({ low, place: index.placeOf(table, table.insert(entry)) });
      }
      for (const { low, place } of places) {
        let expected = -1;
        for (let slot = table.firstSlot(); slot >= 0; slot = table.slotAfter(slot)) {
          if (table.offsetAt(slot) === place.offset) expected = slot;
        }
        assert.equal(index.slotAt(table, { high: 1, low }, place), expected);
      }
    });
    fc.assert(property);
  });

  test('ends the same when a replay starts before what a checkpoint already holds', async () => {
    const step = fc.record({ isDrop: fc.boolean(), wallMs: fc.integer({ min: 1, max: 4 }) });
    const property = fc.asyncProperty(
      fc.array(step, { minLength: 1, maxLength: 18 }),
      fc.nat(18),
      fc.nat(18),
      async (steps, from, dumped) => {
        // Only what a store would have appended: a record that supersedes, a drop of what is held.
        const log: { readonly isDrop: boolean; readonly record: StoredRecord }[] = [];
        let held: StoredRecord | undefined;
        for (const { isDrop, wallMs } of steps) {
          const record = recordOf({ key: 'a', wallMs });
          if (isDrop ? held === undefined : !supersedes(record.version, held?.version)) continue;
          if (isDrop && held !== undefined && supersedes(held.version, record.version)) continue;
          log.push({ isDrop, record });
          held = isDrop ? undefined : record;
        }
        const { index, at } = await newIndex();
        const replay = (start: number, end: number): void => {
          for (let position = start; position < Math.min(end, log.length); position++) {
            const entry = log[position];
            if (entry?.isDrop === true) drop(index, entry.record, at(position), 'n2');
            else if (entry !== undefined) apply(index, entry.record, at(position), 'n2');
          }
        };
        replay(0, Math.max(from, dumped));
        replay(Math.min(from, dumped), log.length);
        assert.equal(heldWallMs(index, recordOf({ key: 'a' }), 'n2'), held?.version.dot.wallMs);
      },
    );
    await fc.assert(property, { numRuns: 300 });
  });
});
