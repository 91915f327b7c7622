import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { errorCodeOf } from '../core/errors.ts';
import type { Disk, DiskFile } from '../ports/disk.ts';
import { SimulatedCrash } from './disk-faults.ts';
import { SimDisk } from './sim-disk.ts';

const abc = Uint8Array.of(97, 98, 99);

/** A small generator of our own, so that this test stands on nothing but the disk. */
function dice(seed: number): { below(bound: number): number } {
  let state = seed;
  return {
    below(bound) {
      state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
      return (state >>> 8) % bound;
    },
  };
}

async function createDurably(disk: Disk, path: string, bytes: Uint8Array): Promise<DiskFile> {
  const file = await disk.open(path, 'create');
  await file.write([bytes], 0);
  await file.sync();
  await disk.syncDirectory('');
  return file;
}

function rejectsWith(code: string): (error: unknown) => boolean {
  return (error) => errorCodeOf(error) === code;
}

describe('SimDisk', () => {
  test('synced bytes under a synced name survive a crash', async () => {
    const disk = new SimDisk();
    await createDurably(disk, 'a', abc);
    disk.crash();
    assert.deepEqual(disk.readNow('a'), abc);
  });

  test('unsynced bytes are lost by a crash', async () => {
    const disk = new SimDisk();
    const file = await createDurably(disk, 'a', abc);
    await file.write([abc], 3);
    assert.equal(disk.readNow('a')?.length, 6);
    disk.crash();
    assert.deepEqual(disk.readNow('a'), abc);
  });

  test('a name whose folder was not synced is lost by a crash', async () => {
    const disk = new SimDisk();
    const file = await disk.open('a', 'create');
    await file.write([abc], 0);
    await file.sync();
    disk.crash();
    assert.deepEqual(disk.paths(), []);
  });

  test('an unsynced rename is undone by a crash and both files are whole', async () => {
    const disk = new SimDisk();
    await createDurably(disk, 'new', abc);
    await createDurably(disk, 'old', Uint8Array.of(1));
    await disk.rename('new', 'old');
    assert.deepEqual(disk.readNow('old'), abc);
    disk.crash();
    assert.deepEqual(disk.readNow('old'), Uint8Array.of(1));
    assert.deepEqual(disk.readNow('new'), abc);
  });

  test('an unsynced removal is undone by a crash', async () => {
    const disk = new SimDisk();
    await createDurably(disk, 'a', abc);
    await disk.remove('a');
    assert.deepEqual(disk.paths(), []);
    disk.crash();
    assert.deepEqual(disk.readNow('a'), abc);
  });

  test('a killed process leaves its unsynced writes to the operating system, which a power cut takes', async () => {
    const disk = new SimDisk();
    const file = await createDurably(disk, 'a', abc);
    await file.write([abc], 3);
    disk.crash({ unsynced: 'keep' });
    assert.equal(disk.readNow('a')?.length, 6);
    disk.crash();
    assert.equal(disk.readNow('a')?.length, 3);
  });

  test('a write that was not awaited is not covered by the next sync', async () => {
    const disk = new SimDisk();
    const file = await createDurably(disk, 'a', abc);
    const writing = file.write([abc], 3);
    await file.sync();
    await writing;
    disk.crash();
    assert.equal(disk.readNow('a')?.length, 3);
  });

  test('a torn crash keeps every byte or the old content, never other bytes', async () => {
    const lengths = new Set<number>();
    for (let seed = 0; seed < 200; seed++) {
      const disk = new SimDisk({ random: dice(seed) });
      const file = await createDurably(disk, 'a', abc);
      await file.write([Uint8Array.of(1, 2), Uint8Array.of(3, 4)], 3);
      await file.write([Uint8Array.of(5, 6)], 7);
      disk.crash({ unsynced: 'tear' });
      const left = disk.readNow('a') ?? new Uint8Array();
      const whole = [97, 98, 99, 1, 2, 3, 4, 5, 6];
      left.forEach((byte, index) => assert.ok(byte === whole[index] || (index >= 3 && byte === 0)));
      assert.deepEqual(left.subarray(0, 3), abc);
      lengths.add(left.length);
    }
    assert.deepEqual(
      [...lengths].sort((left, right) => left - right),
      [3, 4, 5, 6, 7, 8, 9],
    );
  });

  test('files, locks and sessions of before a crash are dead', async () => {
    const disk = new SimDisk();
    const session = disk.session();
    const file = await createDurably(disk, 'a', abc);
    await disk.lock();
    await assert.rejects(disk.lock(), rejectsWith('DIRECTORY_LOCKED'));
    disk.crash();
    await assert.rejects(file.write([abc], 0), rejectsWith('STORE_CLOSED'));
    await assert.rejects(session.open('a', 'read'), rejectsWith('STORE_CLOSED'));
    assert.throws(() => file.readSync(new Uint8Array(1), 0), rejectsWith('STORE_CLOSED'));
    const release = await disk.lock();
    await release();
    await disk.lock();
  });

  test('an operation under way at the crash never settles', async () => {
    const disk = new SimDisk();
    let settled = false;
    const file = await disk.open('a', 'create');
    const settle = (): void => {
      settled = true;
    };
    file.write([abc], 0).then(settle, settle);
    disk.crash();
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(settled, false);
  });

  test('the hook can put out the power before any operation', async () => {
    const disk = new SimDisk();
    disk.beforeOperation = (operation) => {
      if (operation === 'sync') throw new SimulatedCrash();
    };
    const crashed = disk.whenCrashed().then(() => 'crashed');
    assert.equal(await Promise.race([createDurably(disk, 'a', abc), crashed]), 'crashed');
    assert.deepEqual(disk.paths(), []);
  });

  test('a failed sync is never made good by a later one', async () => {
    const disk = new SimDisk();
    const file = await createDurably(disk, 'a', abc);
    await file.write([abc], 3);
    disk.failNext({ operation: 'sync' });
    await assert.rejects(file.sync(), rejectsWith('DISK_SYNC_FAILED'));
    await file.sync();
    assert.equal(disk.readNow('a')?.length, 6);
    disk.crash();
    assert.equal(disk.readNow('a')?.length, 3);
  });

  test('a full disk takes part of a write and says so, until there is room', async () => {
    const disk = new SimDisk({ capacityBytes: 4 });
    const file = await createDurably(disk, 'a', abc);
    await assert.rejects(file.write([abc], 3), rejectsWith('DISK_FULL'));
    assert.deepEqual(disk.readNow('a'), Uint8Array.of(97, 98, 99, 97));
    await file.write([abc], 0);
    disk.capacityBytes = 100;
    await file.write([abc], 3);
    assert.equal(disk.usedBytes, 6);
  });

  test('planned faults hit the named operation and path so many times', async () => {
    const disk = new SimDisk();
    const a = await createDurably(disk, 'a', abc);
    const b = await createDurably(disk, 'b', abc);
    disk.failNext({ operation: 'write', pathIncludes: 'b', times: 2, code: 'DISK_FULL', bytesWritten: 1 });
    await a.write([abc], 3);
    await assert.rejects(b.write([abc], 3), rejectsWith('DISK_FULL'));
    await assert.rejects(b.write([abc], 3), rejectsWith('DISK_FULL'));
    assert.equal(disk.readNow('b')?.length, 4);
    await b.write([abc], 3);
  });

  test('a sync that lies succeeds and makes nothing durable, until an honest one does', async () => {
    const disk = new SimDisk();
    const file = await createDurably(disk, 'a', abc);
    disk.lyingFolder = '';
    await file.write([abc], 3);
    await file.sync();
    assert.equal(disk.readNow('a')?.length, 6);
    assert.equal(disk.readDurable('a')?.length, 3);
    disk.lyingFolder = undefined;
    await file.sync();
    disk.crash();
    assert.equal(disk.readNow('a')?.length, 6);
  });

  test('it is known since when something is not durable, also after a failed sync has given it up', async () => {
    let nowMicros = 0;
    const disk = new SimDisk({ nowMicros: () => nowMicros });
    await disk.makeDirectory('log');
    const file = await disk.open('log/a', 'create');
    assert.equal(disk.unsyncedSinceMicros('log/'), undefined);
    for (nowMicros = 5; nowMicros < 8; nowMicros++) await file.write([abc], nowMicros);
    assert.equal(disk.unsyncedSinceMicros('log/'), 5);
    assert.equal(disk.unsyncedSinceMicros('other/'), undefined);
    await file.sync();
    assert.equal(disk.unsyncedSinceMicros('log/'), undefined);
    await file.write([abc], 0);
    disk.failNext({ operation: 'sync' });
    await assert.rejects(file.sync(), rejectsWith('DISK_SYNC_FAILED'));
    await file.sync();
    assert.equal(disk.unsyncedSinceMicros('log/'), 8, 'no later sync makes it durable');
    disk.crash();
    assert.equal(disk.unsyncedSinceMicros('log/'), undefined);
  });

  test('two names of one file show the same bytes', async () => {
    const disk = new SimDisk();
    const file = await createDurably(disk, 'a', abc);
    await disk.makeDirectory('backup');
    await disk.link('a', 'backup/a');
    await file.write([Uint8Array.of(1)], 0);
    assert.deepEqual(disk.readNow('backup/a'), Uint8Array.of(1, 98, 99));
    assert.equal(disk.usedBytes, 3);
    await disk.remove('a');
    assert.deepEqual(disk.paths(), ['backup/a']);
  });

  test('a snapshot holds what a power cut would leave, and a disk set back to it holds that durably', async () => {
    const disk = new SimDisk();
    const file = await createDurably(disk, 'a', abc);
    await disk.makeDirectory('backup');
    await disk.syncDirectory('');
    await disk.link('a', 'backup/a');
    await disk.syncDirectory('backup');
    await disk.open('unsynced', 'create');
    await file.write([Uint8Array.of(1)], 0);
    const snapshot = disk.snapshot();
    await file.sync();
    await createDurably(disk, 'later', abc);
    const session = disk.session();
    disk.replace(snapshot);
    await assert.rejects(session.list(''), rejectsWith('STORE_CLOSED'));
    disk.crash();
    assert.deepEqual(disk.paths(), ['a', 'backup/a']);
    assert.deepEqual(disk.readNow('a'), abc);
    assert.equal(disk.usedBytes, 3, 'two names of one file are still one file');
    disk.corrupt('a', 0, 0xff);
    disk.replace(snapshot);
    assert.deepEqual(disk.readNow('a'), abc, 'a snapshot serves more than once');
    disk.replace();
    assert.deepEqual(disk.paths(), []);
  });

  test('damage is written and durable at once', async () => {
    const disk = new SimDisk();
    disk.writeNow('segments/1', abc);
    disk.corrupt('segments/1', 1, 0xff);
    disk.truncateNow('segments/1', 2);
    disk.crash();
    assert.deepEqual(disk.readNow('segments/1'), Uint8Array.of(97, 98 ^ 0xff));
  });

  test('writes across pages and holes read back', async () => {
    const disk = new SimDisk();
    const file = await disk.open('a', 'create');
    const long = Uint8Array.from({ length: 10_000 }, (_, index) => index % 251);
    await file.write([long], 5_000);
    const target = new Uint8Array(20_000);
    assert.equal(await file.read(target, 0), 15_000);
    assert.deepEqual(target.subarray(5_000, 15_000), long);
    assert.ok(target.subarray(0, 5_000).every((byte) => byte === 0));
    await file.truncate(6_000);
    await file.truncate(9_000);
    assert.equal(file.readSync(target, 5_999), 3_001);
    assert.deepEqual(target.subarray(0, 2), Uint8Array.of(999 % 251, 0));
  });
});
