import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { crc32 } from '../core/crc32.ts';
import { StoreError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import { SimDisk } from '../sim/sim-disk.ts';
import {
  checkpointPath,
  loadCheckpoint,
  parseCheckpointName,
  writeCheckpoint,
  type CheckpointLoad,
} from './checkpoint-file.ts';
import {
  encodeHead,
  encodeTail,
  partOverheadBytes,
  writePart,
  type CheckpointHead,
  type CheckpointSegment,
  type CheckpointTable,
  type CheckpointTail,
} from './checkpoint-records.ts';
import { slotWords } from './index-slot.ts';
import { SectionWriter } from './section-file.ts';

const head: CheckpointHead = {
  number: 12,
  partitions: 256,
  position: { segmentId: 7, offset: 123_456 },
  sequence: 9_000_000_000,
};

const segment: CheckpointSegment = {
  ordinal: 3,
  fileName: '00000001-00000004.2.seg',
  batchMark: 0xfedcba98,
  sequence: 2 ** 40,
  end: 2 ** 26,
  liveBytes: 1_000,
  dropBytes: 20,
  collectedBytes: 17,
  cleanSequence: 2 ** 40 + 5,
  sealed: true,
  mayHoldHints: false,
  damaged: true,
};

const tail: CheckpointTail = {
  actors: ['n1.k3f9xa', 'n2.q8'],
  segments: [segment, { ...segment, ordinal: 65_535, sealed: false, mayHoldHints: true, damaged: false }],
  evidenceLost: true,
};

function tableOf(spaceName: string, table: number, slots: number): CheckpointTable {
  const words = Uint32Array.from({ length: slots * slotWords }, (_, index) =>
    Math.imul(index + table, 0x9e3779b9),
  );
  return { spaceName, table, words };
}

async function* each<Item>(items: readonly Item[]): AsyncGenerator<Item> {
  for (const item of items) {
    await Promise.resolve();
    yield item;
  }
}

async function written(
  tables: readonly CheckpointTable[],
  tailOf = tail,
): Promise<{ disk: SimDisk; bytes: number }> {
  const disk = new SimDisk();
  await disk.makeDirectory('snapshot');
  const bytes = await writeCheckpoint(disk, {
    checksum: crc32,
    head,
    tables: each(tables),
    finish: () => Promise.resolve(tailOf),
  });
  return { disk, bytes };
}

async function load(disk: SimDisk): Promise<{ result: CheckpointLoad; tables: CheckpointTable[] }> {
  const tables: CheckpointTable[] = [];
  const result = await loadCheckpoint(disk, {
    number: head.number,
    checksum: crc32,
    visit: (table) => void tables.push(table),
  });
  return { result, tables };
}

/** A file whose checksums are right, with whatever sections a test puts into it. */
async function crafted(fill: (writer: SectionWriter) => void): Promise<SimDisk> {
  const disk = new SimDisk();
  await disk.makeDirectory('snapshot');
  const file = await disk.open(checkpointPath(head.number), 'create');
  const writer = new SectionWriter({ file, checksum: crc32, format: { magic: 0x4d44434b, format: 2 } });
  fill(writer);
  await writer.finish();
  return disk;
}

function reasonOf(result: CheckpointLoad): string {
  assert.equal(result.kind, 'rejected');
  return result.kind === 'rejected' ? result.reason : '';
}

const path = checkpointPath(head.number);
const smallTables = [tableOf('', 0, 3), tableOf('', 255, 1), tableOf('n2', 0, 2)];

test('a checkpoint comes back as it was written, and its length is known', async () => {
  const { disk, bytes } = await written(smallTables);
  const { result, tables } = await load(disk);
  assert.deepEqual(result, { kind: 'loaded', checkpoint: { ...head, ...tail, bytes } });
  assert.deepEqual(tables, smallTables);
  assert.equal(disk.readDurable(path)?.length, bytes);
});

test('tables of any size come back, however they fall into sections', async () => {
  const slotsOf = fc.array(
    fc.oneof(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 8_000, max: 18_000 })),
    {
      maxLength: 6,
    },
  );
  await fc.assert(
    fc.asyncProperty(slotsOf, async (slots) => {
      const tables = slots.map((count, index) => tableOf(index % 2 === 0 ? '' : 'n-other', index, count));
      const { disk } = await written(tables);
      const loaded = await load(disk);
      assert.equal(loaded.result.kind, 'loaded');
      assert.deepEqual(loaded.tables, tables);
    }),
    { numRuns: 10 },
  );
});

test('an empty index has a checkpoint too', async () => {
  const nothing = { actors: [], segments: [], evidenceLost: false };
  const { disk } = await written([], nothing);
  const { result, tables } = await load(disk);
  assert.equal(result.kind, 'loaded');
  assert.deepEqual(tables, []);
});

test('more actors and segments than one section holds come back in order', async () => {
  const many = {
    actors: Array.from({ length: 1_500 }, (_, index) => `n${index}.${'x'.repeat(200)}`),
    segments: Array.from({ length: 5_000 }, (_, index) => ({ ...segment, ordinal: index, batchMark: index })),
    evidenceLost: false,
  };
  const { disk } = await written(smallTables, many);
  const { result } = await load(disk);
  assert.equal(result.kind, 'loaded');
  if (result.kind !== 'loaded') return;
  assert.deepEqual(result.checkpoint.actors, many.actors);
  assert.deepEqual(result.checkpoint.segments, many.segments);
});

test('a checkpoint is rejected with any bit of any byte changed', async () => {
  const { disk, bytes } = await written(smallTables);
  for (let offset = 0; offset < bytes; offset++) {
    for (const mask of [1, 0x80, 0xff]) {
      disk.corrupt(path, offset, mask);
      const { result } = await load(disk);
      assert.equal(result.kind, 'rejected', `byte ${offset} changed by ${mask}`);
      disk.corrupt(path, offset, mask);
    }
  }
  assert.equal((await load(disk)).result.kind, 'loaded');
});

test('a checkpoint is rejected when cut anywhere or followed by anything', async () => {
  const { disk, bytes } = await written(smallTables);
  const whole = disk.readNow(path) ?? new Uint8Array(0);
  for (let length = 0; length < bytes; length++) {
    disk.writeNow(path, whole.subarray(0, length));
    assert.equal((await load(disk)).result.kind, 'rejected', `cut to ${length}`);
  }
  disk.writeNow(path, Uint8Array.of(...whole, 0));
  assert.match(reasonOf((await load(disk)).result), /goes on after its end/);
});

test('a missing, unreadable or renamed checkpoint is rejected with the reason', async () => {
  const empty = new SimDisk();
  assert.match(reasonOf((await load(empty)).result), /snapshot\/00000012\.ckpt/);

  const { disk } = await written(smallTables);
  disk.failNext({ operation: 'read' });
  assert.match(reasonOf((await load(disk)).result), /snapshot\/00000012\.ckpt/);

  await disk.rename(path, checkpointPath(13));
  const renamed = await loadCheckpoint(disk, { number: 13, checksum: crc32, visit: () => undefined });
  assert.match(reasonOf(renamed), /checkpoint 12 under another name/);
});

test('what takes the tables may reject the checkpoint', async () => {
  const { disk } = await written(smallTables);
  const result = await loadCheckpoint(disk, {
    number: head.number,
    checksum: crc32,
    visit: () => {
      throw new StoreError('LOG_CORRUPT', 'slots are out of order');
    },
  });
  assert.match(reasonOf(result), /slots are out of order/);
});

test('a table that claims more slots than the file could hold is not allocated', async () => {
  const table = tableOf('', 0, 2);
  const disk = await crafted((writer) => {
    writer.append(1, encodeHead(head));
    const record = writer.reserve(2, partOverheadBytes(table) + 64);
    writePart(record, table, 0, 2);
    record.fill(0xff, 4, 8);
  });
  assert.match(reasonOf((await load(disk)).result), /longer than the file/);
});

test('sections in another order, of another kind or in another number are rejected', async () => {
  const table = tableOf('', 0, 2);
  const counts = { slots: 0, actors: 0, segments: 0, evidenceLost: false };
  const part = (writer: SectionWriter, slot: number): void =>
    writePart(writer.reserve(2, partOverheadBytes(table) + 32), table, slot, slot + 1);
  const cases: readonly [RegExp, (writer: SectionWriter) => void][] = [
    [/lacks its head/, () => undefined],
    [/lacks its head or its tail/, (writer) => writer.append(1, encodeHead(head))],
    [/out of order/, (writer) => writer.append(5, encodeTail(counts))],
    [
      /unknown/,
      (writer) => {
        writer.append(1, encodeHead(head));
        writer.append(9, Uint8Array.of(1));
      },
    ],
    [
      /not as many/,
      (writer) => {
        writer.append(1, encodeHead(head));
        writer.append(5, encodeTail({ ...counts, actors: 1 }));
      },
    ],
    [
      /not as many/,
      (writer) => {
        writer.append(1, encodeHead(head));
        part(writer, 0);
        writer.append(5, encodeTail(counts));
      },
    ],
    [
      /does not follow/,
      (writer) => {
        writer.append(1, encodeHead(head));
        part(writer, 0);
        const other = tableOf('', 1, 2);
        writePart(writer.reserve(2, partOverheadBytes(other) + 32), other, 1, 2);
      },
    ],
    [
      /another byte order/,
      (writer) => {
        const record = encodeHead(head);
        record.subarray(24, 28).reverse();
        writer.append(1, record);
      },
    ],
    [
      /wants/,
      (writer) => {
        writer.append(1, encodeHead(head));
        writer.append(3, Uint8Array.of(5, 65));
      },
    ],
  ];
  for (const [reason, fill] of cases) {
    assert.match(reasonOf((await load(await crafted(fill))).result), reason);
  }
});

test('the tail is asked for after the last table, and tables are drawn one at a time', async () => {
  const disk = new SimDisk();
  await disk.makeDirectory('snapshot');
  const steps: string[] = [];
  async function* tables(): AsyncGenerator<CheckpointTable> {
    for (const number of [0, 1]) {
      await Promise.resolve();
      steps.push(`table ${number} after ${disk.readNow(`${path}.tmp`)?.length ?? 0} bytes`);
      yield tableOf('', number, 2 * (limits.sectionBytesMax / 32));
    }
  }
  const finish = (): Promise<CheckpointTail> => {
    steps.push('tail');
    return Promise.resolve(tail);
  };
  await writeCheckpoint(disk, { checksum: crc32, head, tables: tables(), finish });
  assert.equal(steps[0], 'table 0 after 0 bytes');
  assert.match(steps[1] ?? '', /^table 1 after \d{6} bytes$/);
  assert.equal(steps[2], 'tail');
});

test('a write that fails leaves the old checkpoint and no leftover', async () => {
  const { disk } = await written(smallTables);
  for (const operation of ['write', 'sync', 'rename'] as const) {
    disk.failNext({ operation, code: operation === 'write' ? 'DISK_FULL' : 'DISK_WRITE_FAILED' });
    const again = writeCheckpoint(disk, {
      checksum: crc32,
      head: { ...head, sequence: 1 },
      tables: each(smallTables),
      finish: () => Promise.resolve(tail),
    });
    await assert.rejects(again, StoreError);
    assert.deepEqual(disk.paths(), [path]);
    const { result } = await load(disk);
    assert.equal(result.kind === 'loaded' && result.checkpoint.sequence, head.sequence);
  }
});

test('the name of a checkpoint is its number and nothing else', () => {
  assert.equal(parseCheckpointName('00000012.ckpt'), 12);
  assert.equal(parseCheckpointName('4294967295.ckpt'), 0xffff_ffff);
  for (const name of ['12.ckpt', '4294967296.ckpt', '00000012.ckpt.tmp', '000000012.ckpt', 'x.ckpt', '']) {
    assert.equal(parseCheckpointName(name), undefined, name);
  }
});
