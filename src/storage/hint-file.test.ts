import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { crc32 } from '../core/crc32.ts';
import { StoreError } from '../core/errors.ts';
import { SimDisk } from '../sim/sim-disk.ts';
import {
  loadHintFile,
  writeHintFile,
  type HintEntry,
  type HintFileLoad,
  type HintedSegment,
} from './hint-file.ts';
import { SectionWriter } from './section-file.ts';

const segment: HintedSegment = {
  firstId: 4,
  lastId: 6,
  generation: 2,
  batchMark: 0xdeadbeef,
  sequence: 2 ** 33,
};
const extent = { end: 64 * 2 ** 20, endSequence: 2 ** 33 + 500 };
const path = 'log/00000004-00000006.2.hint';

function recordEntry(fields: {
  readonly key: string;
  readonly spaceName?: string;
  readonly actor?: string;
}): HintEntry {
  return {
    kind: 'record',
    spaceName: fields.spaceName ?? '',
    key: new TextEncoder().encode(fields.key),
    offset: 60,
    length: 180,
    version: {
      dot: { wallMs: 1_790_000_000_123, counter: 9, actor: fields.actor ?? 'n1.k3' },
      tombstone: false,
      expiresAtMs: 0,
      checksum: 0xcafebabe,
    },
  };
}

const few: readonly HintEntry[] = [
  recordEntry({ key: 'a' }),
  recordEntry({ key: 'b', spaceName: 'n2', actor: 'n3.q' }),
  {
    kind: 'drop',
    spaceName: 'n2',
    key: Uint8Array.of(0xff, 0xfe),
    offset: 240,
    length: 40,
    dot: { wallMs: 5, counter: 0xffff, actor: 'n1.k3' },
  },
];

async function* each<Item>(items: readonly Item[]): AsyncGenerator<Item> {
  for (const item of items) {
    await Promise.resolve();
    yield item;
  }
}

async function written(pages: readonly (readonly HintEntry[])[]): Promise<SimDisk> {
  const disk = new SimDisk();
  await disk.makeDirectory('log');
  await writeHintFile(disk, { checksum: crc32, segment, extent, pages: each(pages) });
  return disk;
}

async function load(
  disk: SimDisk,
  wanted = segment,
): Promise<{ result: HintFileLoad; entries: HintEntry[] }> {
  const entries: HintEntry[] = [];
  const result = await loadHintFile(disk, {
    checksum: crc32,
    segment: wanted,
    visit: (section) => {
      for (const entry of section) entries.push({ ...entry, key: entry.key.slice() });
    },
  });
  return { result, entries };
}

function reasonOf(result: HintFileLoad): string {
  return result.kind === 'rejected' ? result.reason : '';
}

const anyEntry: fc.Arbitrary<HintEntry> = fc
  .record({
    isDrop: fc.boolean(),
    tombstone: fc.boolean(),
    spaceName: fc.constantFrom('', 'n1', 'other-node'),
    actor: fc.constantFrom('n1.a', 'n2.b', 'x'.repeat(255)),
    key: fc.uint8Array({ minLength: 1, maxLength: 60 }),
    offset: fc.nat({ max: 0xffff_ffff }),
    length: fc.nat({ max: 2 ** 28 - 1 }),
    wallMs: fc.nat({ max: 2 ** 48 - 1 }),
    counter: fc.nat({ max: 0xffff }),
    expiresAtMs: fc.nat({ max: 2 ** 48 - 1 }),
    checksum: fc.nat({ max: 0xffff_ffff }),
  })
  .map((fields): HintEntry => {
    const { spaceName, key, offset, length, wallMs, counter, actor } = fields;
    const dot = { wallMs, counter, actor };
    if (fields.isDrop) return { kind: 'drop', spaceName, key, offset, length, dot };
    const { tombstone, expiresAtMs, checksum } = fields;
    return {
      kind: 'record',
      spaceName,
      key,
      offset,
      length,
      version: { dot, tombstone, expiresAtMs, checksum },
    };
  });

test('entries come back in order, whatever they hold and however they were paged', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.array(anyEntry, { maxLength: 20 }), { maxLength: 6 }), async (pages) => {
      const { result, entries } = await load(await written(pages));
      assert.deepEqual(entries, pages.flat());
      assert.deepEqual(result, { kind: 'loaded', extent, entries: entries.length });
    }),
    { numRuns: 60 },
  );
});

test('entries of many sections come back in order', async () => {
  const pages = Array.from({ length: 20 }, (_, page) =>
    Array.from({ length: 1_000 }, (_, index) =>
      recordEntry({ key: `key ${page} ${index}`, actor: `n${page}.${index % 7}`, spaceName: `t${page % 3}` }),
    ),
  );
  const disk = await written(pages);
  const { result, entries } = await load(disk);
  assert.equal(result.kind, 'loaded');
  assert.deepEqual(entries, pages.flat());
});

test('a hint file is rejected with any bit of any byte changed', async () => {
  const disk = await written([few]);
  const bytes = disk.readNow(path)?.length ?? 0;
  assert.ok(bytes > 200);
  for (let offset = 0; offset < bytes; offset++) {
    for (const mask of [1, 0x80, 0xff]) {
      disk.corrupt(path, offset, mask);
      assert.equal((await load(disk)).result.kind, 'rejected', `byte ${offset} changed by ${mask}`);
      disk.corrupt(path, offset, mask);
    }
  }
  assert.deepEqual((await load(disk)).entries, few);
});

test('a hint file is rejected when cut anywhere or followed by anything', async () => {
  const disk = await written([few]);
  const whole = disk.readNow(path) ?? new Uint8Array(0);
  for (let length = 0; length < whole.length; length++) {
    disk.writeNow(path, whole.subarray(0, length));
    assert.equal((await load(disk)).result.kind, 'rejected', `cut to ${length}`);
  }
  disk.writeNow(path, Uint8Array.of(...whole, 0));
  assert.match(reasonOf((await load(disk)).result), /goes on after its end/);
});

test('nothing is taken from the hint file of another segment under the same name', async () => {
  const disk = await written([few]);
  for (const other of [{ batchMark: 1 }, { sequence: 1 }]) {
    const { result, entries } = await load(disk, { ...segment, ...other });
    assert.match(reasonOf(result), /another segment/);
    assert.deepEqual(entries, []);
  }
  await disk.rename(path, 'log/00000004-00000007.2.hint');
  assert.match(reasonOf((await load(disk, { ...segment, lastId: 7 })).result), /another segment/);
});

test('a missing or unreadable hint file is rejected with the reason', async () => {
  const empty = new SimDisk();
  assert.match(reasonOf((await load(empty)).result), /log\/00000004-00000006\.2\.hint/);
  const disk = await written([few]);
  disk.failNext({ operation: 'read' });
  assert.match(reasonOf((await load(disk)).result), /log\/00000004-00000006\.2\.hint/);
});

test('an entry that uses a name before it came is rejected although its checksum is right', async () => {
  const whole = await written([few]);
  const headSection = (whole.readNow(path) ?? new Uint8Array(0)).slice(20, 54);
  const disk = new SimDisk();
  await disk.makeDirectory('log');
  const file = await disk.open(path, 'create');
  const writer = new SectionWriter({ file, checksum: crc32, format: { magic: 0x4d444849, format: 1 } });
  writer.append(1, headSection);
  writer.append(3, new Uint8Array(33));
  await writer.finish();
  assert.match(reasonOf((await load(disk)).result), /name 0 of 0/);
});

test('a segment with more names than ordinals goes without a hint file', async () => {
  const disk = new SimDisk();
  await disk.makeDirectory('log');
  const page = Array.from({ length: 0x1_0000 }, (_, index) => recordEntry({ key: 'k', actor: `n${index}` }));
  const writing = writeHintFile(disk, { checksum: crc32, segment, extent, pages: each([page]) });
  await assert.rejects(writing, (error) => error instanceof StoreError && error.code === 'LIMIT_EXCEEDED');
  assert.deepEqual(disk.paths(), []);
});
