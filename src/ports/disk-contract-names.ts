/** The part of the disk contract that is about names, folders and the lock. */

import assert from 'node:assert/strict';
import { describe } from 'node:test';
import {
  entries,
  isStoreError,
  names,
  readFile,
  readText,
  rejectsWith,
  text,
  writeFile,
} from './disk-contract-assertions.ts';
import type { Disk } from './disk.ts';

/** Registers this part under `name`; `contract` registers one test. */
export function testDiskNames(
  name: string,
  contract: (title: string, body: (disk: Disk) => Promise<void>) => void,
): void {
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
