import assert from 'node:assert/strict';
import { test } from 'node:test';
import { writeUint16, writeUint32 } from '../core/bytes.ts';
import { crc32 } from '../core/crc32.ts';
import { limits } from '../core/limits.ts';
import type { DiskFile } from '../ports/disk.ts';
import { SimDisk } from '../sim/sim-disk.ts';
import { readSections, SectionWriter, type SectionsRead } from './section-file.ts';

const format = { magic: 0x54455354, format: 3 };
const path = 'file';

interface Section {
  readonly kind: number;
  readonly payload: Uint8Array;
}

async function writerOn(disk: SimDisk, ofFormat = format): Promise<SectionWriter> {
  return new SectionWriter({ file: await disk.open(path, 'create'), checksum: crc32, format: ofFormat });
}

async function readAll(disk: SimDisk): Promise<{ result: SectionsRead; sections: Section[] }> {
  const sections: Section[] = [];
  const result = await readSections(disk, path, {
    checksum: crc32,
    format,
    visit: (kind, payload) => void sections.push({ kind, payload: payload.slice() }),
  });
  return { result, sections };
}

function rejectionOf({ result }: { readonly result: SectionsRead }): string {
  assert.equal(result.kind, 'rejected');
  return result.kind === 'rejected' ? result.reason : '';
}

test('records of one kind share a section, and a section ends where the kind changes or it is full', async () => {
  const disk = new SimDisk();
  const writer = await writerOn(disk);
  writer.append(1, Uint8Array.of(1, 2));
  writer.append(1, Uint8Array.of(3));
  writer.append(2, Uint8Array.of(4));
  writer.append(1, Uint8Array.of(5));
  assert.equal(writer.roomFor(1), limits.sectionBytesMax - 1);
  assert.equal(writer.roomFor(2), limits.sectionBytesMax);
  writer.append(1, new Uint8Array(limits.sectionBytesMax));
  const bytes = await writer.finish();
  const { result, sections } = await readAll(disk);
  assert.deepEqual(result, { kind: 'read', bytes });
  assert.deepEqual(
    sections.map(({ kind, payload }) => [kind, payload.length, payload[0]]),
    [
      [1, 3, 1],
      [2, 1, 4],
      [1, 1, 5],
      [1, limits.sectionBytesMax, 0],
    ],
  );
});

test('room for a record is zeroed, whatever was in the buffer before', async () => {
  const writer = await writerOn(new SimDisk());
  writer.reserve(1, 100).fill(0xff);
  assert.deepEqual(writer.reserve(2, 100), new Uint8Array(100));
});

test('a record longer than a section is a bug of the writer', async () => {
  const writer = await writerOn(new SimDisk());
  assert.throws(() => writer.reserve(1, limits.sectionBytesMax + 1), { code: 'INTERNAL' });
});

test('how much of the file is left is told with each section', async () => {
  const disk = new SimDisk();
  const writer = await writerOn(disk);
  writer.append(1, new Uint8Array(10));
  writer.append(2, new Uint8Array(20));
  await writer.finish();
  const left: number[] = [];
  const visit = (_kind: number, _payload: Uint8Array, bytesLeft: number): void => void left.push(bytesLeft);
  await readSections(disk, path, { checksum: crc32, format, visit });
  assert.deepEqual(left, [12 + 20 + 12, 12]);
});

test('a file of another kind or format is rejected, however whole it is', async () => {
  for (const other of [
    { ...format, magic: 1 },
    { ...format, format: 4 },
  ]) {
    const disk = new SimDisk();
    await (await writerOn(disk, other)).finish();
    assert.match(rejectionOf(await readAll(disk)), /does not start as a file of format 3/);
  }
});

test('sections that changed places, are missing or come twice are rejected', async () => {
  const disk = new SimDisk();
  const writer = await writerOn(disk);
  for (let number = 0; number < 3; number++) {
    // The kind in between keeps the others in sections of their own.
    writer.append(1, Uint8Array.of(number));
    writer.append(2, Uint8Array.of(9));
  }
  await writer.finish();
  const whole = disk.readNow(path) ?? new Uint8Array(0);
  const header = whole.subarray(0, 8);
  const parts = Array.from({ length: 6 }, (_, part) => whole.subarray(8 + part * 13, 8 + (part + 1) * 13));
  const end = whole.subarray(8 + 6 * 13);
  const arranged = (order: readonly number[]): Uint8Array =>
    Uint8Array.of(...header, ...order.flatMap((part) => [...(parts[part] ?? [])]), ...end);
  disk.writeNow(path, arranged([0, 1, 2, 3, 4, 5]));
  assert.equal((await readAll(disk)).result.kind, 'read');
  for (const order of [[2, 1, 0, 3, 4, 5], [0, 1, 4, 5], [2, 3, 4, 5], [0, 0, 1, 2, 3, 4, 5], []]) {
    disk.writeNow(path, arranged(order));
    assert.match(rejectionOf(await readAll(disk)), /damaged section/, order.join());
  }
});

test('a section longer than the limit is rejected before it is read, although its checksum is right', async () => {
  const payloadBytes = limits.sectionBytesMax + 1;
  const file = new Uint8Array(8 + 12 + payloadBytes + 12);
  writeUint32(file, 0, format.magic);
  writeUint16(file, 4, format.format);
  const seal = (start: number, kind: number, length: number, running: number): number => {
    writeUint32(file, start, kind);
    writeUint32(file, start + 4, length);
    const body = file.subarray(start + 12, start + 12 + length);
    const sum = crc32(body, crc32(file.subarray(start, start + 8), running));
    writeUint32(file, start + 8, sum);
    return sum;
  };
  const first = seal(8, 1, payloadBytes, crc32(file.subarray(0, 8)));
  seal(20 + payloadBytes, 0, 0, first);
  const disk = new SimDisk();
  disk.writeNow(path, file);
  const read = await readAll(disk);
  assert.match(rejectionOf(read), /262145 bytes at 8, which is too long/);
  assert.deepEqual(read.sections, []);
});

test('a length of four gigabytes allocates nothing', async () => {
  const disk = new SimDisk();
  const writer = await writerOn(disk);
  writer.append(1, Uint8Array.of(1));
  await writer.finish();
  const file = disk.readNow(path) ?? new Uint8Array(0);
  writeUint32(file, 12, 0xffff_ffff);
  disk.writeNow(path, file);
  assert.match(rejectionOf(await readAll(disk)), /4294967295 bytes at 8, which is too long/);
});

test('a long file is synced a little at a time as it is written', async () => {
  let [unsynced, most] = [0, 0];
  const file: Pick<DiskFile, 'write' | 'sync'> = {
    write: (chunks) => {
      for (const chunk of chunks) unsynced += chunk.length;
      most = Math.max(most, unsynced);
      return Promise.resolve();
    },
    sync: () => {
      unsynced = 0;
      return Promise.resolve();
    },
  };
  const writer = new SectionWriter({ file, checksum: () => 0, format });
  const record = new Uint8Array(limits.sectionBytesMax / 4);
  for (let written = 0; written < 3 * limits.maintenanceSyncBytes; written += record.length) {
    writer.append(1, record);
    await writer.drain();
  }
  await writer.finish();
  assert.ok(most <= limits.maintenanceSyncBytes + 2 * limits.sectionBytesMax, `${most} bytes at once`);
});
