import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { silentObserver, type Observer } from '../ports/observer.ts';
import { SimulatedCrash } from '../sim/disk-faults.ts';
import { SimDisk } from '../sim/sim-disk.ts';
import { VouchedPartitions, vouchedPartitionsPath } from './vouched-partitions.ts';

function open(
  disk: SimDisk,
  owned: readonly number[],
  observer: Observer = silentObserver,
): Promise<VouchedPartitions> {
  return VouchedPartitions.open({ disk: disk.session(), observer, owned });
}

async function gainedBy(disk: SimDisk, owned: readonly number[]): Promise<readonly number[]> {
  return [...(await open(disk, owned)).gained];
}

describe('partitions that a node vouches for', () => {
  test('a first start has gained nothing, and neither has one with the same partitions', async () => {
    const disk = new SimDisk();
    assert.deepEqual(await gainedBy(disk, [0, 1, 2]), []);
    disk.crash({ unsynced: 'lose' });
    assert.deepEqual(await gainedBy(disk, [0, 1, 2]), []);
  });

  test('what is owned beyond is gained, over every restart until it is vouched for', async () => {
    const disk = new SimDisk();
    await open(disk, [0, 1]);
    assert.deepEqual(await gainedBy(disk, [0, 1, 7]), [7]);
    disk.crash({ unsynced: 'lose' });
    const again = await open(disk, [0, 1, 7]);
    assert.deepEqual([...again.gained], [7]);
    await again.vouchForAll();
    disk.crash({ unsynced: 'lose' });
    assert.deepEqual(await gainedBy(disk, [0, 1, 7]), []);
  });

  test('what was given away and comes back is gained again', async () => {
    const disk = new SimDisk();
    await open(disk, [0, 1]);
    await open(disk, [0]);
    disk.crash({ unsynced: 'lose' });
    assert.deepEqual(await gainedBy(disk, [0, 1]), [1]);
  });

  test('nothing is vouched for because something else was given away', async () => {
    const disk = new SimDisk();
    await open(disk, [0, 1]);
    assert.deepEqual(await gainedBy(disk, [0, 7]), [7]);
    disk.crash({ unsynced: 'lose' });
    assert.deepEqual(await gainedBy(disk, [0, 7]), [7]);
  });

  test('any set of partitions is read back as it was', async () => {
    const sets = fc.uniqueArray(fc.nat(400), { maxLength: 60 }).map((all) => all.toSorted((a, b) => a - b));
    await fc.assert(
      fc.asyncProperty(sets, sets, async (before, now) => {
        const disk = new SimDisk();
        await open(disk, before);
        const expected = now.filter((partition) => !before.includes(partition));
        assert.deepEqual(await gainedBy(disk, now), expected);
      }),
    );
  });

  test('a file that was damaged vouches for nothing', async () => {
    const disk = new SimDisk();
    await open(disk, [0, 1, 2]);
    const texts = ['', '{"format":1,"crc":"00000000","partitions":"0-2"}\n', '{"format":2}\n'];
    for (const text of texts) {
      disk.writeNow(vouchedPartitionsPath, new TextEncoder().encode(text));
      const warned: string[] = [];
      const observer = { ...silentObserver, log: (_: string, event: string) => void warned.push(event) };
      const vouched = await open(disk, [0, 1, 2], observer);
      assert.deepEqual([...vouched.gained], [0, 1, 2]);
      assert.deepEqual(warned, ['vouched-partitions.rejected']);
    }
  });

  test('a power cut at any operation leaves what was vouched for before or after', async () => {
    for (let at = 0; ; at++) {
      const disk = new SimDisk();
      await open(disk, [0, 1]);
      const gained = await open(disk, [0, 1, 2]);
      const start = disk.operations;
      disk.beforeOperation = (_operation, _path, index) => {
        if (index === start + at) throw new SimulatedCrash();
      };
      const crashed = disk.whenCrashed().then(() => 'crashed');
      const saved = gained.vouchForAll().then(() => 'saved');
      const outcome = await Promise.race([saved, crashed]);
      disk.beforeOperation = undefined;
      const later = (await gainedBy(disk, [0, 1, 2])).join();
      assert.ok(later === '' || (later === '2' && outcome === 'crashed'), `operation ${at}: gained ${later}`);
      if (outcome === 'saved') return;
    }
  });
});
