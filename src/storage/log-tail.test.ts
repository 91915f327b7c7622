/** The end of the log in memory: whatever it hands out is what was written there. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { crc32 } from '../core/crc32.ts';
import { errorCodeOf } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import { SimDisk } from '../sim/sim-disk.ts';
import { EntryReader } from './entry-reader.ts';
import { openTestStore } from './log-store-harness-contract.ts';
import { LogTail } from './log-tail.ts';
import { batchHeaderBytes, segmentHeaderBytes } from './segment-format.ts';
import { Segment } from './segment.ts';
import { recordOf } from './store-contract-records.ts';

const segmentPath = 'log/00000001-00000001.1.seg';

async function segmentNumber(id: number): Promise<Segment> {
  const file = await new SimDisk().session().open(`segment-${id}`, 'create');
  return new Segment({ firstId: id, lastId: id, generation: 1, batchMark: 1, sequence: 0, file, end: 0 });
}

/** Bytes that tell where they were written. */
function written(segment: Segment, position: number, length: number): Uint8Array {
  return Uint8Array.from(
    { length },
    (_, index) => (segment.firstId * 101 + (position + index) * 7 + ((position + index) >>> 8)) & 0xff,
  );
}

test('what was written last is read from memory, and what it pushed out is not', async () => {
  const tail = new LogTail(100);
  const segment = await segmentNumber(1);
  tail.keep(segment, 10, [written(segment, 10, 30), written(segment, 40, 40)]);
  const target = new Uint8Array(70);
  assert.ok(tail.read(segment, 10, target));
  assert.deepEqual(target, written(segment, 10, 70));
  tail.keep(segment, 80, [written(segment, 80, 60)]);
  assert.equal(tail.read(segment, 39, new Uint8Array(1)), false);
  const rest = new Uint8Array(100);
  assert.ok(tail.read(segment, 40, rest));
  assert.deepEqual(rest, written(segment, 40, 100));
});

test('what it never had it does not hand out', async () => {
  const tail = new LogTail(1_000);
  const [first, second, third] = [await segmentNumber(1), await segmentNumber(2), await segmentNumber(3)];
  tail.keep(first, 500, [written(first, 500, 100)]);
  // Behind the end, before what was first kept, and of a segment that was never written to.
  assert.equal(tail.read(first, 550, new Uint8Array(51)), false);
  assert.equal(tail.read(first, 499, new Uint8Array(1)), false);
  assert.equal(tail.read(second, 500, new Uint8Array(1)), false);
  // Another segment's bytes follow in the ring.
  tail.keep(second, 0, [written(second, 0, 100)]);
  assert.equal(tail.read(first, 550, new Uint8Array(51)), false);
  // A batch that is longer than all of it, or than a batch of short entries gets, leaves a gap.
  tail.keep(first, 600, [new Uint8Array(1_001)]);
  tail.keep(first, 1_601, [written(first, 1_601, 10)]);
  assert.equal(tail.read(first, 1_600, new Uint8Array(2)), false);
  assert.ok(tail.read(first, 1_601, new Uint8Array(10)));
  assert.equal(tail.read(first, 550, new Uint8Array(1)), false);
  const large = new LogTail(4 * limits.batchBytesMax);
  large.keep(third, 0, [new Uint8Array(limits.batchBytesMax + 1)]);
  assert.equal(large.read(third, 0, new Uint8Array(1)), false);
});

test('whatever is written where, what is read is what was written', async () => {
  const segments = await Promise.all([1, 2, 3].map(segmentNumber));
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 200_000 }),
      fc.array(
        fc.tuple(
          fc.nat(2),
          fc.array(fc.integer({ min: 1, max: 90_000 }), { minLength: 1, maxLength: 3 }),
          fc.nat(3),
        ),
      ),
      fc.array(fc.tuple(fc.nat(2), fc.nat(400_000), fc.integer({ min: 1, max: 5_000 })), { minLength: 20 }),
      async (capacity, writes, reads) => {
        const tail = new LogTail(capacity);
        const ends = [0, 0, 0];
        const own = await Promise.all(segments.map(({ firstId }) => segmentNumber(firstId)));
        const latest: { segment: number; from: number; to: number }[] = [];
        for (const [which, lengths, gap] of writes) {
          const segment = own[which];
          assert.ok(segment !== undefined);
          const from = (ends[which] ?? 0) + gap;
          let to = from;
          const chunks = lengths.map((length) => {
            to += length;
            return written(segment, to - length, length);
          });
          tail.keep(segment, from, chunks);
          ends[which] = to;
          if (to - from <= capacity) latest.push({ segment: which, from, to });
        }
        const last = latest.at(-1);
        const asked = [...reads];
        if (last !== undefined) asked.push([last.segment, last.from, last.to - last.from]);
        for (const [which, offset, length] of asked) {
          const segment = own[which];
          assert.ok(segment !== undefined);
          const target = new Uint8Array(length);
          const isThere = tail.read(segment, offset, target);
          if (isThere) assert.deepEqual(target, written(segment, offset, length));
          if (which === last?.segment && offset === last.from && length === last.to - last.from) {
            assert.ok(isThere, 'the last write is there');
          }
        }
      },
    ),
    { numRuns: 60 },
  );
});

test('a client is answered from memory, and a scrub looks at the disk', async () => {
  const disk = new SimDisk();
  const store = await openTestStore(disk.session(), { tailBytes: 1024 });
  const record = recordOf({ key: 'a', value: 'rots' });
  await store.merge(record);
  disk.corrupt(segmentPath, (disk.readNow(segmentPath)?.length ?? 0) - 1, 1);
  assert.deepEqual((await store.get(record.key, record.token))?.bytes, record.bytes);
  const report = await store.scrub({ bytesPerSecond: 1e9 });
  assert.equal(report.corrupt, 1);
  // Once something was unreadable the disk alone is believed, for clients too.
  await assert.rejects(
    async () => await store.get(record.key, record.token),
    (error) => errorCodeOf(error) === 'RECORD_CORRUPT',
  );
  await store.close();
});

test('what is wrong in memory is read from the disk, and says nothing against it', async () => {
  const disk = new SimDisk();
  const store = await openTestStore(disk.session());
  const record = recordOf({ key: 'a', value: 'right' });
  await store.merge(record);
  await store.close();
  const file = await disk.session().open(segmentPath, 'read');
  const end = await file.size();
  const segment = new Segment({ firstId: 1, lastId: 1, generation: 1, batchMark: 1, sequence: 0, file, end });
  const damaged: string[] = [];
  const reader = new EntryReader({ checksum: crc32, onDamage: (_, reason) => damaged.push(reason) });
  const offset = segmentHeaderBytes + batchHeaderBytes;
  const wrong = {
    read: (_segment: Segment, _offset: number, target: Uint8Array): boolean => {
      target.fill(7);
      return true;
    },
  };
  const found = reader.recordSync({ segment, offset, length: end - offset }, 0, wrong);
  assert.deepEqual(found.bytes, record.bytes);
  assert.deepEqual(damaged, []);
});
