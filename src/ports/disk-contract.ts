/**
 * What every `Disk` does, as a test suite: run against the real one in `platform/` and against the
 * simulated one in `sim/`. Here is what can be asserted without cutting the power; what survives a
 * crash is asserted by the simulator's own tests.
 */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  isStoreError,
  names,
  readFile,
  readText,
  rejectsWith,
  text,
  writeFile,
} from './disk-contract-assertions.ts';
import { testDiskNames } from './disk-contract-names.ts';
import type { Disk } from './disk.ts';

/**
 * Runs `body` with a fresh, empty disk, and cleans up after it. A simulated disk turns its scheduler
 * until the returned promise is settled.
 */
export type WithDisk = (body: (disk: Disk) => Promise<void>) => Promise<void>;

/** Registers the suite under `name`. */
export function testDiskContract(name: string, withDisk: WithDisk): void {
  const contract = (title: string, body: (disk: Disk) => Promise<void>): void => {
    test(title, () => withDisk(body));
  };

  describe(`${name}: files`, () => {
    contract('what was written is read back, by either way of reading', async (disk) => {
      const file = await disk.open('a', 'create');
      await file.write([text('hello world')], 0);
      assert.equal(await file.size(), 11);
      assert.equal(await readText(file, 6, 5), 'world');
      const target = new Uint8Array(5);
      assert.equal(file.readSync(target, 0), 5);
      assert.deepEqual(target, text('hello'));
      assert.equal(file.path, 'a');
      await file.close();
    });

    contract('chunks are written one after the other, empty ones included', async (disk) => {
      const file = await disk.open('a', 'create');
      await file.write([text('one '), new Uint8Array(0), text('two '), text('three')], 0);
      await file.write([], 0);
      await file.write([new Uint8Array(0)], 3);
      assert.equal(await readText(file, 0, 100), 'one two three');
      await file.close();
    });

    contract('several thousand chunks and several mebibytes go out in one write', async (disk) => {
      const file = await disk.open('a', 'create');
      const chunks = Array.from({ length: 5_000 }, (_, index) => new Uint8Array(700).fill(index % 251));
      await file.write(chunks, 0);
      assert.equal(await file.size(), 3_500_000);
      const target = new Uint8Array(3_500_000);
      assert.equal(await file.read(target, 0), target.length);
      for (let index = 0; index < 5_000; index++) {
        assert.equal(target[index * 700], index % 251);
        assert.equal(target[index * 700 + 699], index % 251);
      }
      await file.close();
    });

    contract('a chunk that is a view into a larger buffer is written as that view', async (disk) => {
      const file = await disk.open('a', 'create');
      await file.write([text('0123456789').subarray(3, 6)], 0);
      assert.equal(await readText(file, 0, 100), '345');
      const target = new Uint8Array(5).fill(0x2e);
      assert.equal(await file.read(target.subarray(1, 4), 0), 3);
      assert.deepEqual(target, text('.345.'));
      assert.equal(file.readSync(target.subarray(2, 5), 0), 3);
      assert.deepEqual(target, text('.3345'));
      await file.close();
    });

    contract('writing over the middle keeps the rest', async (disk) => {
      const file = await disk.open('a', 'create');
      await file.write([text('aaaaaaaa')], 0);
      await file.write([text('bb')], 3);
      assert.equal(await readText(file, 0, 100), 'aaabbaaa');
      await file.close();
    });

    contract('writing past the end leaves zeroes in between', async (disk) => {
      const file = await disk.open('a', 'create');
      await file.write([text('x')], 4);
      assert.equal(await file.size(), 5);
      assert.equal(await readText(file, 0, 100), '\0\0\0\0x');
      await file.close();
    });

    contract('a read is short only at the end of the file, and zero past it', async (disk) => {
      const file = await disk.open('a', 'create');
      await file.write([text('12345')], 0);
      const target = new Uint8Array(10).fill(0x2e);
      assert.equal(await file.read(target, 3), 2);
      assert.deepEqual(target, text('45........'));
      assert.equal(file.readSync(target, 4), 1);
      assert.equal(await file.read(target, 5), 0);
      assert.equal(file.readSync(target, 5_000), 0);
      assert.equal(await file.read(new Uint8Array(0), 0), 0);
      await file.close();
    });

    contract('truncating cuts the end off, or fills up with zeroes', async (disk) => {
      const file = await disk.open('a', 'create');
      await file.write([text('12345')], 0);
      await file.truncate(2);
      assert.equal(await file.size(), 2);
      await file.truncate(4);
      assert.equal(await readText(file, 0, 100), '12\0\0');
      await file.write([text('z')], 4);
      assert.equal(await readText(file, 0, 100), '12\0\0z');
      await file.close();
    });

    contract('syncing changes nothing that is read', async (disk) => {
      const file = await disk.open('a', 'create');
      await file.sync();
      await file.write([text('12345')], 0);
      await file.sync();
      await disk.syncDirectory('');
      assert.equal(await readText(file, 0, 100), '12345');
      await file.close();
    });

    contract('writes and reads that overlap in time are all carried out', async (disk) => {
      const file = await disk.open('a', 'create');
      await Promise.all(
        Array.from({ length: 40 }, (_, index) => file.write([new Uint8Array(100).fill(index)], index * 100)),
      );
      const reads = Array.from({ length: 40 }, async (_, index) => {
        const target = new Uint8Array(100);
        assert.equal(await file.read(target, index * 100), 100);
        assert.deepEqual(target, new Uint8Array(100).fill(index));
      });
      await Promise.all([...reads, file.sync()]);
      await file.close();
    });

    contract('two handles of one file see the same content', async (disk) => {
      const writer = await disk.open('a', 'create');
      await writer.write([text('first')], 0);
      const reader = await disk.open('a', 'read');
      await writer.write([text('F')], 0);
      assert.equal(await readText(reader, 0, 100), 'First');
      await writer.close();
      assert.equal(await readText(reader, 0, 100), 'First');
      await reader.close();
    });
  });

  describe(`${name}: opening and closing`, () => {
    contract('create makes an empty file, and empties one that exists', async (disk) => {
      await writeFile(disk, 'a', 'old content');
      const file = await disk.open('a', 'create');
      assert.equal(await file.size(), 0);
      await file.close();
      assert.equal(await readFile(disk, 'a'), '');
    });

    contract('readwrite keeps what is there', async (disk) => {
      await writeFile(disk, 'a', 'old content');
      const file = await disk.open('a', 'readwrite');
      await file.write([text('OLD')], 0);
      await file.close();
      assert.equal(await readFile(disk, 'a'), 'OLD content');
    });

    contract('opening what does not exist is DISK_NOT_FOUND and names it', async (disk) => {
      await rejectsWith(disk.open('absent-file', 'read'), 'DISK_NOT_FOUND', /absent-file/);
      await rejectsWith(disk.open('absent-file', 'readwrite'), 'DISK_NOT_FOUND', /absent-file/);
      await rejectsWith(disk.open('no-folder/a', 'create'), 'DISK_NOT_FOUND', /no-folder/);
      assert.deepEqual(await names(disk, 'no-folder'), []);
    });

    contract('a file opened for reading refuses to be written', async (disk) => {
      await writeFile(disk, 'a', 'content');
      const file = await disk.open('a', 'read');
      await rejectsWith(file.write([text('x')], 0), 'DISK_WRITE_FAILED', /a\b/);
      await rejectsWith(file.truncate(0), 'DISK_WRITE_FAILED', /a\b/);
      await file.close();
      assert.equal(await readFile(disk, 'a'), 'content');
    });

    contract('after closing every operation is an error, except closing again', async (disk) => {
      const file = await disk.open('a', 'create');
      await file.close();
      await file.close();
      await rejectsWith(file.read(new Uint8Array(1), 0), 'DISK_READ_FAILED', /closed/);
      assert.throws(() => file.readSync(new Uint8Array(1), 0), isStoreError('DISK_READ_FAILED', /closed/));
      await rejectsWith(file.size(), 'DISK_READ_FAILED', /closed/);
      await rejectsWith(file.write([text('x')], 0), 'DISK_WRITE_FAILED', /closed/);
      await rejectsWith(file.truncate(0), 'DISK_WRITE_FAILED', /closed/);
      await rejectsWith(file.sync(), 'DISK_SYNC_FAILED', /closed/);
    });

    contract('closing lets what is under way finish', async (disk) => {
      const file = await disk.open('a', 'create');
      const written = file.write([text('12345')], 0);
      const closed = file.close();
      await Promise.all([written, closed]);
      assert.equal(await readFile(disk, 'a'), '12345');
    });
  });

  testDiskNames(name, contract);
}
