/** The walk through the index for what is alive: complete, whatever comes and goes meanwhile, and without holding up the event loop. */

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { crc32 } from '../core/crc32.ts';
import { limits } from '../core/limits.ts';
import type { Clock } from '../ports/clock.ts';
import { SimDisk } from '../sim/sim-disk.ts';
import { EntryReader } from './entry-reader.ts';
import { liveOffsets } from './live-offsets.ts';
import type { SlotEntry } from './index-slot.ts';
import { LogIndex } from './log-index.ts';
import { testClock } from './log-store-harness-contract.ts';
import { PartitionIndex } from './partition-index.ts';
import { Segment, SegmentTable } from './segment.ts';
import { recordOf } from './store-contract-records.ts';
import { WorkShare } from './work-share.ts';

interface Fixture {
  readonly index: LogIndex;
  readonly segments: readonly [Segment, Segment, Segment];
}

async function fixture(): Promise<Fixture> {
  const table = new SegmentTable();
  const segmentOf = async (id: number): Promise<Segment> => {
    const name = { firstId: id, lastId: id, generation: 1 };
    const file = await new SimDisk().open('segment', 'create');
    const segment = new Segment({ ...name, batchMark: 7, sequence: 0, file, end: 0 });
    table.add(segment);
    return segment;
  };
  const segments = [await segmentOf(1), await segmentOf(2), await segmentOf(3)] as const;
  const reader = new EntryReader({ checksum: crc32, onDamage: () => undefined });
  return { index: new LogIndex({ segments: table, reader, partitions: 4 }), segments };
}

/** Lets a key have an entry of ten bytes, and nothing else, at a place. */
function place(index: LogIndex, space: string, key: string, segment: Segment, offset: number): void {
  const record = recordOf({ key });
  index.rememberKey(record);
  index.applyRecord({ ...record, space: index.space(space) }, { segment, offset, length: 10 });
}

const share = (): WorkShare => new WorkShare({ clock: testClock, signal: new AbortController().signal });

test('the offsets of what is alive are those of the segments asked for, of every space, in order', async () => {
  const { index, segments } = await fixture();
  const [first, second, third] = segments;
  for (const [at, key] of ['d', 'a', 'c', 'b'].entries()) place(index, '', key, first, 100 + 10 * at);
  place(index, 'n2', 'a', first, 40);
  place(index, '', 'e', second, 500);
  const walk = { share: share(), clock: testClock };
  const found = await liveOffsets(index, [first, third], walk);
  assert.deepEqual([...found.keys()], [first, third]);
  assert.deepEqual([...(found.get(first) ?? [])], [40, 100, 110, 120, 130]);
  assert.deepEqual([...(found.get(third) ?? [])], []);
  assert.equal((await liveOffsets(index, [], walk)).size, 0);
});

test('a walk through many keys misses none that stays, whatever comes and goes between its turns', async () => {
  const { index, segments } = await fixture();
  const [first, second] = segments;
  const count = 4 * limits.compactionSlotsSeenPerTurn;
  for (let key = 0; key < count; key++) place(index, '', `key ${key}`, first, 10 * key);
  const staying = new Set(Array.from({ length: count }, (_, key) => 10 * key));
  let turns = 0;
  const clock: Pick<Clock, 'nextTurn'> = {
    nextTurn: (callback) => {
      // Slots before and behind the walk go away, and others push theirs to a side.
      for (let change = 0; change < 300; change++) {
        const gone = (turns * 300 + change) * 7;
        const { key, token } = recordOf({ key: `key ${gone}` });
        const table = index.own.table(token);
        const slot = index.find(index.own, key, token);
        if (slot >= 0) index.removeSlot(index.own, table, slot);
        staying.delete(10 * gone);
        place(index, '', `new ${turns} ${change}`, second, 10 * change);
      }
      turns++;
      queueMicrotask(callback);
    },
  };
  const found =
    (await liveOffsets(index, [first], { share: share(), clock })).get(first) ?? new Uint32Array();
  assert.ok(turns >= 4, `${turns} turns`);
  for (const offset of found) staying.delete(offset);
  assert.equal(staying.size, 0, 'all that stayed was found');
  assert.deepEqual(found, Uint32Array.from(found).sort());
});

test('a walk ends, however many keys have one token', async () => {
  const { index, segments } = await fixture();
  const [first] = segments;
  const table = index.own.tables[0];
  assert.ok(table !== undefined);
  const one: SlotEntry = {
    ...{ tokenHigh: 5, tokenLow: 5, wallMs: 5, counter: 0, checksum: 0, actorOrdinal: 0 },
    ...{
      segmentOrdinal: first.ordinal,
      offset: 0,
      length: 10,
      tombstone: false,
      expires: false,
      damaged: false,
    },
  };
  const count = 2 * limits.compactionSlotsSeenPerTurn;
  const single = new PartitionIndex({ partitionBits: 2 });
  single.insert(one);
  const slot = single.dump();
  const packed = new Uint32Array(count * slot.length);
  for (let at = 0; at < packed.length; at += slot.length) packed.set(slot, at);
  table.loadSorted(packed, count);
  const found = await liveOffsets(index, [first], { share: share(), clock: testClock });
  assert.ok((found.get(first)?.length ?? 0) >= count);
});
