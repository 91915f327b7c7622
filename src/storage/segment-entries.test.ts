/** How compaction and hint files walk the log: completely, in order, and without holding up the event loop or the disk. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { writeUint32 } from '../core/bytes.ts';
import { crc32 } from '../core/crc32.ts';
import { errorCodeOf } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import type { Clock } from '../ports/clock.ts';
import type { DiskFile } from '../ports/disk.ts';
import { SimDisk } from '../sim/sim-disk.ts';
import { CompactionFile } from './compaction-file.ts';
import { segmentParts, segmentPartsAt } from './segment-entries.ts';
import { asciiBytes, entryHeaderBytes, recordKind, writeEntryHead } from './segment-format.ts';
import { Segment } from './segment.ts';

const header = { firstId: 1, lastId: 1, generation: 1, batchMark: 77, sequence: 0 };

function entryOf(payload: string): Uint8Array {
  const entry = new Uint8Array(entryHeaderBytes + payload.length);
  const start = writeEntryHead(entry, 0, {
    length: entry.length,
    kind: recordKind,
    spaceName: new Uint8Array(0),
  });
  entry.set(asciiBytes(payload), start);
  writeUint32(entry, 4, crc32(entry, 0, 8));
  return entry;
}

/** A segment with batches of so many entries each. */
async function segmentWith(batches: readonly number[]): Promise<Segment> {
  const file = await new SimDisk().open('segment', 'create');
  const output = new CompactionFile({ file, header, checksum: crc32 });
  await output.start();
  let sequence = 0;
  for (const entries of batches) {
    for (let entry = 0; entry < entries; entry++) output.add(entryOf(`entry ${sequence}`), sequence++);
    await output.flush();
  }
  await output.finish(sequence);
  return new Segment({ ...header, file, end: output.end });
}

test('a long batch, or many short ones, are handed out in parts with turns of the event loop between', async () => {
  const batches = [1_500, ...Array.from({ length: 400 }, () => 3), 700];
  const segment = await segmentWith(batches);
  let turns = 0;
  const clock: Pick<Clock, 'nextTurn'> = {
    nextTurn: (callback) => {
      turns++;
      queueMicrotask(callback);
    },
  };
  const texts: string[] = [];
  let [inTurn, most, turnsBefore] = [0, 0, 0];
  for await (const part of segmentParts(segment, { checksum: crc32, clock })) {
    if (turns > turnsBefore) inTurn = 0;
    turnsBefore = turns;
    most = Math.max(most, (inTurn += part.entries.length));
    for (const [index, entry] of part.entries.entries()) {
      const payload = part.bytes.subarray(entry.payloadStart, entry.start + entry.length);
      const text = Buffer.from(payload).toString();
      assert.equal(
        text,
        `entry ${part.sequence + index}`,
        'the sequence of a part is that of its first entry',
      );
      texts.push(text);
    }
  }
  const total = batches.reduce((sum, entries) => sum + entries, 0);
  assert.equal(texts.length, total);
  assert.ok(most <= limits.maintenanceEntriesPerTurn, `${most} entries in a turn`);
  assert.equal(turns, Math.floor(total / limits.maintenanceEntriesPerTurn));
});

test('a long file is synced a little at a time as it is written', async () => {
  const file = await new SimDisk().open('segment', 'create');
  let [unsynced, most] = [0, 0];
  const watched: Pick<DiskFile, 'write' | 'sync'> = {
    write: async (chunks, position) => {
      for (const chunk of chunks) unsynced += chunk.length;
      most = Math.max(most, unsynced);
      await file.write(chunks, position);
    },
    sync: async () => {
      unsynced = 0;
      await file.sync();
    },
  };
  const output = new CompactionFile({ file: watched, header, checksum: crc32 });
  await output.start();
  const entry = entryOf('x'.repeat(10_000));
  for (let sequence = 0; sequence < 1_000; sequence++) {
    output.add(entry, sequence);
    if (output.isFull) await output.flush();
  }
  await output.finish(1_000);
  assert.equal(unsynced, 0);
  assert.ok(most <= limits.maintenanceSyncBytes + 2 * limits.maintenanceReadBytes, `${most} bytes at once`);
});

test('entries are handed out by their offsets alone, each once, with turns of the event loop between', async () => {
  const segment = await segmentWith([1_500, 3, 700]);
  let turns = 0;
  const clock: Pick<Clock, 'nextTurn'> = {
    nextTurn: (callback) => {
      turns++;
      queueMicrotask(callback);
    },
  };
  const walk = { checksum: crc32, clock };
  const offsets: number[] = [];
  for await (const part of segmentParts(segment, walk)) {
    for (const { start } of part.entries) offsets.push(part.fileOffset + start);
  }
  turns = 0;
  const wanted = offsets.filter((_, index) => index % 3 === 0);
  const found: number[] = [];
  let sequenceBefore = 0;
  const twice = Uint32Array.from(wanted.flatMap((offset) => [offset, offset]));
  for await (const part of segmentPartsAt(segment, twice, walk)) {
    assert.ok(part.sequence >= sequenceBefore && part.sequence <= found.length * 3);
    sequenceBefore = part.sequence + part.entries.length;
    assert.ok(part.entries.length <= limits.maintenanceEntriesPerTurn);
    for (const { start } of part.entries) found.push(part.fileOffset + start);
  }
  assert.deepEqual(found, wanted);
  assert.ok(turns >= Math.floor(wanted.length / limits.maintenanceEntriesPerTurn), `${turns} turns`);
});

test('an offset at which no whole, intact entry lies damages the segment', async () => {
  for (const shift of [1, -1, 1_000_000]) {
    const segment = await segmentWith([3]);
    const clock: Pick<Clock, 'nextTurn'> = { nextTurn: (callback) => queueMicrotask(callback) };
    const walk = { checksum: crc32, clock };
    let offset = 0;
    for await (const part of segmentParts(segment, walk)) {
      offset = part.fileOffset + (part.entries.at(-1)?.start ?? 0);
    }
    const draining = async (): Promise<void> => {
      for await (const part of segmentPartsAt(segment, Uint32Array.of(offset + shift), walk)) {
        assert.fail(`${part.entries.length} entries at a place where none is`);
      }
    };
    await assert.rejects(draining(), (error) => errorCodeOf(error) === 'LOG_CORRUPT');
    assert.equal(segment.damaged, true);
  }
});
