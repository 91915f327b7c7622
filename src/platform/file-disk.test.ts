import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtemp, readdir, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { StoreError, type ErrorCode } from '../core/errors.ts';
import { testDiskContract } from '../ports/disk-contract.ts';
import { diskError } from './disk-error.ts';
import { FileDisk } from './file-disk.ts';

async function withRoot(body: (root: string) => Promise<void>): Promise<void> {
  const root = await mkdtemp(join(tmpdir(), 'mini-dynamo-disk-'));
  try {
    await body(root);
  } finally {
    await rm(root, { recursive: true });
  }
}

testDiskContract('FileDisk', (body) => withRoot((root) => body(new FileDisk({ root }))));

function isStoreError(code: ErrorCode, message: RegExp): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof StoreError);
    assert.equal(error.code, code, error.message);
    assert.match(error.message, message);
    return true;
  };
}

test('locking makes a missing data directory with its parents', async () => {
  await withRoot(async (root) => {
    const disk = new FileDisk({ root: join(root, 'a/b') });
    const release = await disk.lock();
    assert.equal((await readdir(join(root, 'a/b'))).length, 1);
    await release();
    assert.deepEqual(await disk.list(''), []);
  });
});

test('a write to a full device is DISK_FULL, may be tried again, and names file, offset and remedy', async () => {
  await withRoot(async (root) => {
    await symlink('/dev/full', join(root, 'full'));
    const file = await new FileDisk({ root }).open('full', 'readwrite');
    await assert.rejects(file.write([new Uint8Array(10)], 4096), (error) => {
      assert.ok(isStoreError('DISK_FULL', /offset 4096 of .*full: ENOSPC; free some space/)(error));
      return error instanceof StoreError && error.retryable;
    });
    await file.close();
  });
});

test('a file that reaches its size limit is DISK_FULL, and what fitted is in it', async () => {
  await withRoot(async (root) => {
    const script = `
      import { FileDisk } from ${JSON.stringify(new URL('./file-disk.ts', import.meta.url).href)};
      const file = await new FileDisk({ root: process.argv[1] }).open('a', 'create');
      await file.write([new Uint8Array(3000)], 0);
      const outcome = await file.write([new Uint8Array(3000), new Uint8Array(3000)], 3000).then(
        () => 'written', (error) => error.code);
      process.stdout.write(outcome + ' ' + (await file.size()));`;
    const child = spawnSync('prlimit', [
      '--fsize=8192',
      process.execPath,
      '--input-type=module-typescript',
      '--eval',
      script,
      root,
    ]);
    assert.equal(child.stdout.toString(), 'DISK_FULL 8192', child.stderr.toString());
  });
});

test('a failed sync is DISK_SYNC_FAILED, and stays so', async () => {
  await withRoot(async (root) => {
    // A character device cannot be synced: fdatasync answers EINVAL.
    await symlink('/dev/null', join(root, 'device'));
    const file = await new FileDisk({ root }).open('device', 'readwrite');
    const first = await file.sync().catch((error: unknown) => error);
    assert.ok(isStoreError('DISK_SYNC_FAILED', /sync .*device/)(first));
    assert.equal(await file.sync().catch((error: unknown) => error), first);
    await file.close();
  });
});

test('reading what is not a file is DISK_READ_FAILED and names it', async () => {
  await withRoot(async (root) => {
    const disk = new FileDisk({ root });
    await disk.makeDirectory('folder');
    const file = await disk.open('folder', 'read');
    await assert.rejects(
      file.read(new Uint8Array(8), 16),
      isStoreError('DISK_READ_FAILED', /16 of .*folder: EISDIR/),
    );
    assert.throws(
      () => file.readSync(new Uint8Array(8), 16),
      isStoreError('DISK_READ_FAILED', /16 of .*folder/),
    );
    await file.close();
  });
});

test('each system error has its code', () => {
  const codeOf = (operation: 'read' | 'write' | 'sync', errno: string): ErrorCode =>
    diskError(operation, 'try', Object.assign(new Error(errno), { code: errno })).code;
  for (const errno of ['ENOSPC', 'EDQUOT', 'EFBIG']) {
    assert.equal(codeOf('write', errno), 'DISK_FULL');
    assert.equal(codeOf('sync', errno), 'DISK_SYNC_FAILED', 'a failed sync is never something to wait out');
  }
  assert.equal(codeOf('read', 'ENOENT'), 'DISK_NOT_FOUND');
  assert.equal(codeOf('read', 'EIO'), 'DISK_READ_FAILED');
  assert.equal(codeOf('write', 'EIO'), 'DISK_WRITE_FAILED');
  assert.equal(codeOf('write', 'EROFS'), 'DISK_WRITE_FAILED');
  assert.equal(codeOf('sync', 'EIO'), 'DISK_SYNC_FAILED');
});

test('closing waits for every operation under way', async () => {
  await withRoot(async (root) => {
    const disk = new FileDisk({ root });
    const file = await disk.open('a', 'create');
    const chunk = new Uint8Array(1 << 20).fill(7);
    const order: string[] = [];
    const operations = Array.from({ length: 12 }, (_, index) =>
      file.write([chunk], index * chunk.length).then(() => order.push('written')),
    );
    const closed = file.close().then(() => order.push('closed'));
    await Promise.all([...operations, closed]);
    assert.equal(order.indexOf('closed'), 12);
  });
});
