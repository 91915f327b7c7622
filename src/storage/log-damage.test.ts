/** What a start makes of a log that was cut or changed: bar by bar, byte by byte. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { errorCodeOf } from '../core/errors.ts';
import type { StoredRecord } from '../core/record.ts';
import { SimDisk } from '../sim/sim-disk.ts';
import { openTestStore, type TestOptions } from './log-store-harness-contract.ts';
import type { LogStore } from './log-store.ts';
import { batchHeaderBytes, readBatchHeader, segmentHeaderBytes } from './segment-format.ts';
import { digestOf, keyText, recordOf } from './store-contract-records.ts';

const firstSegment = 'log/00000001-00000001.1.seg';

/** A log, byte by byte, and what each of its batches acknowledged. */
interface WrittenLog {
  readonly files: ReadonlyMap<string, Uint8Array>;
  /** In the order in which they were acknowledged, one batch each. */
  readonly batches: readonly (readonly StoredRecord[])[];
}

interface BatchExtent {
  readonly offset: number;
  readonly end: number;
}

/** Writes batches one after the other, and takes the files as a crash leaves them. */
async function writeLog(batches: WrittenLog['batches'], options: TestOptions = {}): Promise<WrittenLog> {
  const disk = new SimDisk();
  const store = await openTestStore(disk.session(), options);
  for (const batch of batches) await Promise.all(batch.map((record) => store.merge(record)));
  disk.crash();
  return { files: filesOf(disk), batches };
}

function filesOf(disk: SimDisk): Map<string, Uint8Array> {
  return new Map(disk.paths().map((path) => [path, disk.readNow(path) ?? new Uint8Array(0)]));
}

function diskWith(files: ReadonlyMap<string, Uint8Array>): SimDisk {
  const disk = new SimDisk();
  for (const [path, bytes] of files) disk.writeNow(path, bytes);
  return disk;
}

function batchesIn(bytes: Uint8Array): BatchExtent[] {
  const extents: BatchExtent[] = [];
  for (let offset = segmentHeaderBytes; offset < bytes.length;) {
    const end = offset + batchHeaderBytes + readBatchHeader(bytes, offset).payloadBytes;
    extents.push({ offset, end });
    offset = end;
  }
  return extents;
}

/** Keys that are overwritten in later batches, and some that are not. */
function smallLog(): StoredRecord[][] {
  return Array.from({ length: 5 }, (_, batch) => [
    recordOf({ key: 'hot', value: `hot ${batch}`, wallMs: 1_000 + batch }),
    recordOf({ key: `only ${batch}`, value: `once ${batch}`, wallMs: 1_000 }),
  ]);
}

/**
 * Every record of the first `intact` batches is there, or a later one of its key; no key has a value that
 * was never written under it, and an error is `RECORD_CORRUPT`, never a guess.
 */
async function assertHolds(store: LogStore, log: WrittenLog, intact: number): Promise<void> {
  const written = new Map<string, StoredRecord[]>();
  for (const [position, batch] of log.batches.entries()) {
    for (const record of batch) {
      const versions = written.get(keyText(record.key)) ?? [];
      versions.push(record);
      written.set(keyText(record.key), versions);
      if (position >= intact) continue;
      const held = await store.get(record.key, record.token);
      assert.ok(held !== undefined && held.version.dot.wallMs >= record.version.dot.wallMs);
    }
  }
  for (const versions of written.values()) {
    const [first] = versions;
    assert.ok(first !== undefined);
    const held = await Promise.resolve(store.get(first.key, first.token)).catch((error: unknown) => {
      assert.equal(errorCodeOf(error), 'RECORD_CORRUPT');
      return undefined;
    });
    if (held === undefined) continue;
    const original = versions.find((version) => version.version.dot.wallMs === held.version.dot.wallMs);
    assert.deepEqual(Buffer.from(held.bytes), Buffer.from(original?.bytes ?? []));
  }
}

describe('a log cut short', () => {
  test('at any byte of its last two batches it starts with all the batches before', async () => {
    const log = await writeLog(smallLog());
    const bytes = log.files.get(firstSegment) ?? new Uint8Array(0);
    const extents = batchesIn(bytes);
    assert.equal(extents.length, log.batches.length);
    const from = extents.at(-2)?.offset ?? 0;
    for (let length = from; length <= bytes.length; length++) {
      const disk = diskWith(log.files);
      disk.truncateNow(firstSegment, length);
      const store = await openTestStore(disk.session());
      const intact = extents.filter((extent) => extent.end <= length).length;
      const end = extents[intact - 1]?.end ?? segmentHeaderBytes;
      await assertHolds(store, log, intact);
      assert.equal(store.status().logEntries, intact * 2);
      const torn = store.status().quarantined.map(({ file, offset }) => ({ file, offset }));
      assert.deepEqual(torn, end === length ? [] : [{ file: firstSegment, offset: end }]);
      assert.equal(store.status().evidenceLost, 'fresh', 'a torn tail was never acknowledged');
      // It goes on where it was cut, and the next start finds nothing to complain about.
      await store.merge(recordOf({ key: 'later', wallMs: 5_000 }));
      disk.crash();
      const again = await openTestStore(disk.session());
      assert.deepEqual(again.status().quarantined, []);
      assert.equal(again.status().logEntries, intact * 2 + 1);
    }
  });

  test('within the header of its only segment it starts empty', async () => {
    const log = await writeLog(smallLog().slice(0, 1));
    for (let length = 0; length < segmentHeaderBytes; length++) {
      const disk = diskWith(log.files);
      disk.truncateNow(firstSegment, length);
      const store = await openTestStore(disk.session());
      assert.equal(store.status().keys, 0);
      await store.merge(recordOf({ key: 'a' }));
      disk.crash();
      assert.equal((await openTestStore(disk.session())).status().keys, 1);
    }
  });

  test('below what a checkpoint had seen it says that evidence is lost', async () => {
    const disk = new SimDisk();
    const store = await openTestStore(disk.session());
    const log = { files: new Map<string, Uint8Array>(), batches: smallLog() };
    for (const batch of log.batches) await Promise.all(batch.map((record) => store.merge(record)));
    await store.close();
    const bytes = disk.readNow(firstSegment) ?? new Uint8Array(0);
    const extents = batchesIn(bytes);
    const files = filesOf(disk);
    for (let length = extents.at(-1)?.offset ?? 0; length < bytes.length; length++) {
      const cut = diskWith(files);
      cut.truncateNow(firstSegment, length);
      const opened = await openTestStore(cut.session());
      await assertHolds(opened, log, log.batches.length - 1);
      assert.equal(opened.status().evidenceLost, 'damaged');
      // The log grows past where the checkpoint had seen it: that must not make it good again.
      const later = Array.from({ length: 4 }, (_, index) =>
        recordOf({ key: `later ${index}`, value: 'x'.repeat(50 + index), wallMs: 7_000 }),
      );
      for (const record of later) await opened.merge(record);
      cut.crash();
      const again = await openTestStore(cut.session());
      await assertHolds(again, { ...log, batches: [...log.batches, later] }, log.batches.length - 1);
      for (const record of later) {
        const held = await again.get(record.key, record.token);
        assert.deepEqual(Buffer.from(held?.bytes ?? []), Buffer.from(record.bytes));
      }
      assert.equal(again.status().evidenceLost, 'damaged', 'the loss is remembered');
      assert.deepEqual(again.status().quarantined, []);
    }
  });
});

describe('a flipped bit', () => {
  test('at any byte of a log is found, named by file and offset, and never served', async () => {
    const log = await writeLog(smallLog());
    const bytes = log.files.get(firstSegment) ?? new Uint8Array(0);
    const extents = batchesIn(bytes);
    for (let offset = 0; offset < bytes.length; offset++) {
      const disk = diskWith(log.files);
      disk.corrupt(firstSegment, offset, 1 << (offset % 8));
      const store = await openTestStore(disk.session());
      const status = store.status();
      const damaged = extents.findIndex((extent) => offset < extent.end);
      await assertHolds(store, log, offset < segmentHeaderBytes ? log.batches.length : damaged);
      const from = offset < segmentHeaderBytes ? 0 : (extents[damaged]?.offset ?? 0);
      const named = status.quarantined.filter((range) => range.file === firstSegment);
      assert.ok(
        named.some((range) => range.offset >= from && range.offset <= offset),
        `offset ${offset} is named: ${JSON.stringify(status.quarantined)}`,
      );
      const isLast = damaged === extents.length - 1;
      if (!isLast) {
        // A batch in the middle costs at most the entry that was hit.
        assert.ok(status.keys >= log.batches.length, `offset ${offset}: ${status.keys} keys`);
        assert.equal(
          status.evidenceLost,
          offset >= segmentHeaderBytes && isInEntry(extents, damaged, offset) ? 'damaged' : 'fresh',
        );
      }
      assert.ok(disk.paths().some((path) => path.startsWith('quarantine/log_')));
    }
  });

  test('under a checkpoint is found when the record is read, and healed by the version it was', async () => {
    const records = [recordOf({ key: 'a', value: 'one' }), recordOf({ key: 'b', value: 'two' })];
    const disk = new SimDisk();
    const store = await openTestStore(disk.session());
    for (const record of records) await store.merge(record);
    await store.close();
    const bytes = disk.readNow(firstSegment) ?? new Uint8Array(0);
    const files = filesOf(disk);
    for (let offset = segmentHeaderBytes; offset < bytes.length; offset++) {
      const flipped = diskWith(files);
      flipped.corrupt(firstSegment, offset, 0x10);
      const opened = await openTestStore(flipped.session());
      for (const record of records) {
        const held = await Promise.resolve(opened.get(record.key, record.token)).catch((error: unknown) => {
          assert.equal(errorCodeOf(error), 'RECORD_CORRUPT');
          const [range] = opened.status().quarantined;
          assert.equal(range?.file, firstSegment);
          assert.ok(range.offset <= offset && offset < range.offset + range.bytes);
          return undefined;
        });
        if (held !== undefined) assert.deepEqual(Buffer.from(held.bytes), Buffer.from(record.bytes));
        else assert.equal((await opened.merge(record)).changed, true);
        assert.deepEqual(
          Buffer.from((await opened.get(record.key, record.token))?.bytes ?? []),
          Buffer.from(record.bytes),
        );
      }
      assert.equal(opened.status().keys, 2);
    }
  });

  test('in a damaged record keeps an older version from counting as the newest', async () => {
    const disk = new SimDisk();
    const store = await openTestStore(disk.session());
    const newest = recordOf({ key: 'a', value: 'newest', wallMs: 2_000 });
    await store.merge(newest);
    disk.corrupt(firstSegment, (disk.readNow(firstSegment)?.length ?? 0) - 1, 1);
    await assert.rejects(Promise.resolve(store.get(newest.key, newest.token)), { code: 'RECORD_CORRUPT' });
    const older = await store.merge(recordOf({ key: 'a', value: 'older', wallMs: 1_000 }));
    assert.equal(older.changed, false);
    assert.deepEqual(digestOf(older.held), digestOf(newest.version));
    await assert.rejects(Promise.resolve(store.get(newest.key, newest.token)), { code: 'RECORD_CORRUPT' });
    await store.merge(newest);
    assert.equal((await store.get(newest.key, newest.token))?.version.checksum, newest.version.checksum);
  });
});

function isInEntry(extents: readonly BatchExtent[], batch: number, offset: number): boolean {
  const start = extents[batch]?.offset ?? 0;
  return offset >= start + batchHeaderBytes;
}
