/**
 * What every `Disk` does, as a test suite: run against the real one in `platform/` and against the
 * simulated one in `sim/`. Here is what can be asserted without cutting the power; what survives a
 * crash is asserted by the simulator's own tests.
 */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { StoreError, type ErrorCode } from '../core/errors.ts';
import type { Disk, DiskFile } from './disk.ts';

/**
 * Runs `body` with a fresh, empty disk, and cleans up after it. A simulated disk turns its scheduler
 * until the returned promise is settled.
 */
export type WithDisk = (body: (disk: Disk) => Promise<void>) => Promise<void>;

const text = (content: string): Uint8Array => new TextEncoder().encode(content);

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

  describe(`${name}: names`, () => {
    contract('folders are made with their parents, and twice is fine', async (disk) => {
      await disk.makeDirectory('x/y/z');
      await disk.makeDirectory('x/y/z');
      await disk.makeDirectory('x');
      await writeFile(disk, 'x/y/z/file', 'content');
      assert.deepEqual(await entries(disk, 'x/y'), [{ name: 'z', isDirectory: true }]);
      assert.deepEqual(await entries(disk, 'x/y/z'), [{ name: 'file', isDirectory: false }]);
      await disk.syncDirectory('x/y/z');
      await disk.syncDirectory('x');
    });

    contract('a folder lists its own entries and not those below or beside', async (disk) => {
      await disk.makeDirectory('one/below');
      await disk.makeDirectory('one-more');
      await writeFile(disk, 'one/a', '');
      await writeFile(disk, 'one/b', '');
      await writeFile(disk, 'one/below/c', '');
      await writeFile(disk, 'one-more/d', '');
      assert.deepEqual(await names(disk, 'one'), ['a', 'b', 'below']);
      assert.deepEqual((await names(disk, '')).includes('one-more'), true);
      assert.deepEqual(await names(disk, 'absent'), []);
      assert.deepEqual(await names(disk, 'absent/deeper'), []);
    });

    contract('renaming moves a file, and replaces what was there', async (disk) => {
      await disk.makeDirectory('folder');
      await writeFile(disk, 'a', 'new');
      await writeFile(disk, 'folder/b', 'old');
      await disk.rename('a', 'folder/b');
      assert.equal(await readFile(disk, 'folder/b'), 'new');
      await rejectsWith(disk.open('a', 'read'), 'DISK_NOT_FOUND', /a\b/);
      assert.deepEqual(await names(disk, 'folder'), ['b']);
    });

    contract('an open file goes on working under its new name', async (disk) => {
      const file = await disk.open('a', 'create');
      await file.write([text('12')], 0);
      await disk.rename('a', 'b');
      await file.write([text('34')], 2);
      await file.sync();
      await file.close();
      assert.equal(await readFile(disk, 'b'), '1234');
    });

    contract('renaming what does not exist is DISK_NOT_FOUND and changes nothing', async (disk) => {
      await writeFile(disk, 'b', 'kept');
      await rejectsWith(disk.rename('absent-file', 'b'), 'DISK_NOT_FOUND', /absent-file/);
      assert.equal(await readFile(disk, 'b'), 'kept');
    });

    contract('a link is a second name for the same content', async (disk) => {
      await disk.makeDirectory('backup');
      await writeFile(disk, 'a', 'content');
      await disk.link('a', 'backup/a');
      await disk.remove('a');
      assert.equal(await readFile(disk, 'backup/a'), 'content');
    });

    contract(
      'a link shares later writes, and a file created anew under the first name does not',
      async (disk) => {
        await writeFile(disk, 'a', 'content');
        await disk.link('a', 'b');
        const file = await disk.open('a', 'readwrite');
        await file.write([text('CON')], 0);
        await file.close();
        assert.equal(await readFile(disk, 'b'), 'CONtent');
        await disk.remove('a');
        await writeFile(disk, 'a', 'other');
        assert.equal(await readFile(disk, 'b'), 'CONtent');
      },
    );

    contract('a link never replaces a file, and needs one to point to', async (disk) => {
      await writeFile(disk, 'a', 'content a');
      await writeFile(disk, 'b', 'content b');
      await rejectsWith(disk.link('a', 'b'), 'DISK_WRITE_FAILED', /b\b/);
      assert.equal(await readFile(disk, 'b'), 'content b');
      await rejectsWith(disk.link('absent-file', 'c'), 'DISK_NOT_FOUND', /absent-file/);
    });

    contract('removing removes, and a missing file is fine', async (disk) => {
      await writeFile(disk, 'a', 'content');
      await disk.remove('a');
      await disk.remove('a');
      await disk.remove('no-folder/a');
      await rejectsWith(disk.open('a', 'read'), 'DISK_NOT_FOUND', /a\b/);
    });

    contract('an open file can be read after its name was removed', async (disk) => {
      await writeFile(disk, 'a', 'content');
      const file = await disk.open('a', 'read');
      await disk.remove('a');
      assert.equal(await readText(file, 0, 100), 'content');
      await file.close();
    });

    contract('a path that leaves the data directory is refused whatever the operation', async (disk) => {
      const climbing = [
        '../a',
        'x/../../a',
        '/etc/passwd',
        'x/..',
        './a',
        'x//a',
        'a/',
        'a\0b',
        'x\\..\\a',
        'C:a',
      ];
      for (const path of climbing) {
        const refused = (outcome: Promise<unknown>): Promise<void> =>
          rejectsWith(outcome, 'BAD_REQUEST', /path/);
        await refused(disk.open(path, 'create'));
        await refused(disk.open(path, 'read'));
        await refused(disk.makeDirectory(path));
        await refused(disk.list(path));
        await refused(disk.rename('a', path));
        await refused(disk.rename(path, 'a'));
        await refused(disk.link('a', path));
        await refused(disk.link(path, 'a'));
        await refused(disk.remove(path));
        await refused(disk.syncDirectory(path));
      }
    });

    contract('syncing a folder that does not exist is DISK_NOT_FOUND', async (disk) => {
      await rejectsWith(disk.syncDirectory('absent-folder'), 'DISK_NOT_FOUND', /absent-folder/);
    });
  });

  describe(`${name}: lock`, () => {
    contract('the data directory is held by one at a time', async (disk) => {
      const release = await disk.lock();
      await rejectsWith(disk.lock(), 'DIRECTORY_LOCKED', /held/);
      await release();
      const releaseAgain = await disk.lock();
      await releaseAgain();
    });

    contract('of two that lock at once at most one gets it', async (disk) => {
      const outcomes = await Promise.allSettled([disk.lock(), disk.lock()]);
      const taken = outcomes.filter((outcome) => outcome.status === 'fulfilled');
      assert.ok(taken.length <= 1);
      for (const outcome of outcomes) {
        if (outcome.status === 'rejected')
          assert.ok(isStoreError('DIRECTORY_LOCKED', /held/)(outcome.reason));
      }
      for (const outcome of taken) await outcome.value();
    });

    contract('releasing twice does not release the next holder', async (disk) => {
      const release = await disk.lock();
      await release();
      const releaseNext = await disk.lock();
      await release();
      await rejectsWith(disk.lock(), 'DIRECTORY_LOCKED', /held/);
      await releaseNext();
    });
  });
}

async function readText(file: DiskFile, position: number, length: number): Promise<string> {
  const target = new Uint8Array(length);
  const read = await file.read(target, position);
  return new TextDecoder().decode(target.subarray(0, read));
}

async function writeFile(disk: Disk, path: string, content: string): Promise<void> {
  const file = await disk.open(path, 'create');
  await file.write([text(content)], 0);
  await file.close();
}

async function readFile(disk: Disk, path: string): Promise<string> {
  const file = await disk.open(path, 'read');
  const content = await readText(file, 0, await file.size());
  await file.close();
  return content;
}

async function entries(disk: Disk, path: string): Promise<unknown> {
  return (await disk.list(path)).map(({ name, isDirectory }) => ({ name, isDirectory }));
}

async function names(disk: Disk, path: string): Promise<readonly string[]> {
  return (await disk.list(path)).map((entry) => entry.name).sort();
}

function isStoreError(code: ErrorCode, message: RegExp): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof StoreError, `expected a StoreError, got ${String(error)}`);
    assert.equal(error.code, code, error.message);
    assert.match(error.message, message);
    return true;
  };
}

async function rejectsWith(outcome: Promise<unknown>, code: ErrorCode, message: RegExp): Promise<void> {
  await assert.rejects(outcome, isStoreError(code, message));
}
