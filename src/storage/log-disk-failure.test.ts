/** A disk that is full, or fails to write, to sync or to read, while the store is open. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import type { ErrorCode } from '../core/errors.ts';
import type { StoredRecord } from '../core/record.ts';
import { partitionOf } from '../core/token.ts';
import { SimDisk } from '../sim/sim-disk.ts';
import { openTestStore, testClock } from './log-store-harness-contract.ts';
import type { Store } from './store.ts';
import { recordOf } from './store-contract-records.ts';

async function assertHeld(store: Store, ...records: readonly StoredRecord[]): Promise<void> {
  for (const record of records) {
    const held = await store.get(record.key, record.token);
    assert.deepEqual(Buffer.from(held?.bytes ?? []), Buffer.from(record.bytes));
  }
}

/** The store as the next start finds it after a power cut now. */
async function afterPowerCut(disk: SimDisk): Promise<Store> {
  disk.crash();
  return await openTestStore(disk.session());
}

describe('a full disk', () => {
  test('refuses the write, keeps reading, and takes writes again once there is room', async () => {
    const disk = new SimDisk();
    const store = await openTestStore(disk.session());
    const kept = recordOf({ key: 'kept' });
    const refused = recordOf({ key: 'refused', value: 'x'.repeat(2_000) });
    await store.merge(kept);
    disk.capacityBytes = disk.usedBytes + 100;
    await assert.rejects(store.merge(refused), { code: 'DISK_FULL', retryable: true });
    assert.equal(store.status().state, 'full');
    assert.match(store.status().reason, /no space/);
    await assertHeld(store, kept);
    assert.equal(await store.get(refused.key, refused.token), undefined);
    await assert.rejects(store.merge(refused), { code: 'DISK_FULL' });

    disk.capacityBytes = Number.POSITIVE_INFINITY;
    await store.merge(refused);
    assert.deepEqual([store.status().state, store.status().reason], ['open', '']);
    await assertHeld(store, kept, refused);
    const after = await afterPowerCut(disk);
    await assertHeld(after, kept, refused);
    assert.deepEqual(after.status().quarantined, []);
  });

  test('at any number of free bytes acknowledges nothing that is not there after a power cut', async () => {
    for (let free = 0; free < 400; free += 7) {
      const disk = new SimDisk();
      const store = await openTestStore(disk.session(), { segmentBytesMax: 300 });
      const acknowledged: StoredRecord[] = [];
      for (let index = 0; index < 8; index++) {
        if (index === 2) disk.capacityBytes = disk.usedBytes + free;
        if (index === 6) disk.capacityBytes = Number.POSITIVE_INFINITY;
        const record = recordOf({ key: `key ${index}`, value: 'x'.repeat(40) });
        await store.merge(record).then(
          () => acknowledged.push(record),
          (error: unknown) => assert.ok(hasCode(error, 'DISK_FULL')),
        );
      }
      assert.ok(acknowledged.length >= 4, 'those before and after the shortage');
      await assertHeld(store, ...acknowledged);
      const after = await afterPowerCut(disk);
      await assertHeld(after, ...acknowledged);
      assert.equal(after.status().evidenceLost, 'fresh');
    }
  });

  test('goes on in a new segment when what a failed write left cannot be cut off', async () => {
    const disk = new SimDisk();
    const store = await openTestStore(disk.session());
    const [before, after] = [recordOf({ key: 'before' }), recordOf({ key: 'after' })];
    await store.merge(before);
    disk.failNext({ operation: 'write', code: 'DISK_FULL', bytesWritten: 30 });
    disk.failNext({ operation: 'truncate' });
    await assert.rejects(store.merge(recordOf({ key: 'refused' })), { code: 'DISK_FULL' });
    await store.merge(after);
    assert.equal(store.status().segments, 2);
    const restarted = await afterPowerCut(disk);
    await assertHeld(restarted, before, after);
    assert.equal(restarted.status().evidenceLost, 'fresh');
  });

  test('costs no evidence when the new segment gets not a byte before the power is cut', async () => {
    const disk = new SimDisk();
    const store = await openTestStore(disk.session());
    const before = recordOf({ key: 'before' });
    await store.merge(before);
    disk.failNext({ operation: 'write', code: 'DISK_FULL', bytesWritten: 30 });
    disk.failNext({ operation: 'truncate' });
    await assert.rejects(store.merge(recordOf({ key: 'refused' })), { code: 'DISK_FULL' });
    disk.failNext({ operation: 'write', pathIncludes: '00000002', code: 'DISK_FULL' });
    await assert.rejects(store.merge(recordOf({ key: 'refused too' })), { code: 'DISK_FULL' });
    disk.crash({ unsynced: 'keep' });
    for (const path of disk.paths()) if (path.endsWith('.hint')) disk.removeNow(path);
    const restarted = await openTestStore(disk.session());
    await assertHeld(restarted, before);
    assert.equal(restarted.status().evidenceLost, 'fresh');
  });

  test('does not stop a close, and costs the next start a replay only', async () => {
    const disk = new SimDisk();
    const store = await openTestStore(disk.session());
    const record = recordOf({ key: 'a' });
    await store.merge(record);
    disk.capacityBytes = disk.usedBytes;
    await assert.rejects(store.checkpoint(), { code: 'DISK_FULL' });
    await store.close();
    const reopened = await openTestStore(disk.session());
    await assertHeld(reopened, record);
  });
});

describe('a failing write', () => {
  test('ends the segment at its last good batch, and the next write starts another', async () => {
    const disk = new SimDisk();
    const store = await openTestStore(disk.session());
    const [before, after] = [recordOf({ key: 'before' }), recordOf({ key: 'after' })];
    await store.merge(before);
    disk.failNext({ operation: 'write', pathIncludes: '.seg', bytesWritten: 50 });
    await assert.rejects(store.merge(recordOf({ key: 'refused' })), { code: 'DISK_WRITE_FAILED' });
    assert.equal(store.status().state, 'read-only');
    await assertHeld(store, before);
    await store.merge(after);
    assert.equal(store.status().state, 'open');
    await assertHeld(await afterPowerCut(disk), before, after);
  });

  test('of the first batch of a segment leaves nothing of it behind', async () => {
    const disk = new SimDisk();
    const store = await openTestStore(disk.session());
    for (let attempt = 0; attempt < 3; attempt++) {
      disk.failNext({ operation: 'write', pathIncludes: '.seg' });
      await assert.rejects(store.merge(recordOf({ key: 'a' })), { code: 'DISK_WRITE_FAILED' });
    }
    await store.merge(recordOf({ key: 'a' }));
    assert.equal(store.status().segments, 1);
    assert.equal((await afterPowerCut(disk)).status().keys, 1);
  });

  test('of a file that cannot even be made is refused the same way', async () => {
    const disk = new SimDisk();
    const store = await openTestStore(disk.session());
    disk.failNext({ operation: 'open', pathIncludes: '.seg', code: 'DISK_WRITE_FAILED' });
    await assert.rejects(store.merge(recordOf({ key: 'a' })), { code: 'DISK_WRITE_FAILED' });
    await store.merge(recordOf({ key: 'a' }));
    assert.equal((await afterPowerCut(disk)).status().keys, 1);
  });

  test('under durability never leaves what it ended to be synced by the next checkpoint', async () => {
    const disk = new SimDisk();
    const store = await openTestStore(disk.session(), { durability: { mode: 'never' } });
    const [before, after] = [recordOf({ key: 'before' }), recordOf({ key: 'after' })];
    await store.merge(before);
    disk.failNext({ operation: 'write', pathIncludes: '.seg' });
    await assert.rejects(store.merge(recordOf({ key: 'refused' })), { code: 'DISK_WRITE_FAILED' });
    await store.merge(after);
    await store.sync();
    await assertHeld(await afterPowerCut(disk), before, after);
  });

  test('refuses all of its batch, and none of the next', async () => {
    const disk = new SimDisk();
    const store = await openTestStore(disk.session());
    await store.merge(recordOf({ key: 'first' }));
    disk.failNext({ operation: 'write', pathIncludes: '.seg' });
    const batch = [1, 2, 3].map((index) => store.merge(recordOf({ key: `key ${index}` })));
    const older = store.merge(recordOf({ key: 'key 1', wallMs: 1 }));
    const outcomes = await Promise.allSettled([...batch, older]);
    assert.deepEqual(
      outcomes.map((outcome) => outcome.status),
      ['rejected', 'rejected', 'rejected', 'rejected'],
    );
    await store.merge(recordOf({ key: 'key 1', wallMs: 1 }));
    assert.equal(store.status().keys, 2);
  });
});

describe('a failing sync', () => {
  test('ends all writing for good, tells the node once, and reads go on', async () => {
    const disk = new SimDisk();
    const reasons: string[] = [];
    const store = await openTestStore(disk.session(), { onFailed: (reason) => reasons.push(reason) });
    const record = recordOf({ key: 'kept' });
    await store.merge(record);
    disk.failNext({ operation: 'sync', pathIncludes: '.seg' });
    const lost = [1, 2].map((index) => store.merge(recordOf({ key: `lost ${index}` })));
    for (const merge of lost) await assert.rejects(merge, { code: 'DISK_SYNC_FAILED' });
    const refusals = [
      store.merge(recordOf({ key: 'later' })),
      store.merge(record),
      store.checkpoint(),
      store.sync(),
    ];
    for (const refusal of refusals) await assert.rejects(refusal, { code: 'DISK_SYNC_FAILED' });
    assert.equal(store.status().state, 'failed');
    assert.equal(reasons.length, 1);
    assert.match(reasons[0] ?? '', /00000001-00000001\.1\.seg cannot be synced/);
    await assertHeld(store, record);
    const missing = recordOf({ key: 'lost 1' });
    assert.equal(await store.get(missing.key, missing.token), undefined);

    const syncs: string[] = [];
    disk.beforeOperation = (operation) => {
      if (operation === 'sync') syncs.push(operation);
    };
    await store.close();
    assert.deepEqual(syncs, [], 'a failed sync is never tried again');
    disk.beforeOperation = undefined;
    await assertHeld(await afterPowerCut(disk), record);
  });

  test('refuses the batches that wait behind it, and nothing is written any more', async () => {
    const disk = new SimDisk();
    const store = await openTestStore(disk.session());
    await store.merge(recordOf({ key: 'kept' }));
    disk.failNext({ operation: 'sync', pathIncludes: '.seg' });
    const operations: string[] = [];
    let waiting: Promise<unknown> = Promise.resolve();
    disk.beforeOperation = (operation) => {
      operations.push(operation);
      // It arrives while the sync that is going to fail is under way.
      if (operation === 'sync') waiting = assert.rejects(store.merge(recordOf({ key: 'behind' })));
    };
    await assert.rejects(store.merge(recordOf({ key: 'lost' })), { code: 'DISK_SYNC_FAILED' });
    await waiting;
    assert.deepEqual(operations, ['write', 'sync']);
  });

  test('of the folder, when a segment is made, is as fatal', async () => {
    const disk = new SimDisk();
    const store = await openTestStore(disk.session());
    disk.failNext({ operation: 'syncDirectory', pathIncludes: 'log' });
    await assert.rejects(store.merge(recordOf({ key: 'a' })), { code: 'DISK_SYNC_FAILED' });
    assert.equal(store.status().state, 'failed');
  });

  test('in the background, under durability interval, refuses the writes that follow', async () => {
    const disk = new SimDisk();
    let fire: () => void = () => undefined;
    const clock = {
      ...testClock,
      startTimer: (_delayMs: number, callback: () => void) => {
        fire = callback;
        return () => undefined;
      },
    };
    const failed = Promise.withResolvers<string>();
    const store = await openTestStore(disk.session(), {
      durability: { mode: 'interval', intervalMs: 10 },
      clock,
      onFailed: failed.resolve,
    });
    await store.merge(recordOf({ key: 'a' }));
    disk.failNext({ operation: 'sync' });
    fire();
    await failed.promise;
    await assert.rejects(store.merge(recordOf({ key: 'b' })), { code: 'DISK_SYNC_FAILED' });
  });
});

describe('a failing read', () => {
  test('is an error and never "nothing", and is over when the disk recovers', async () => {
    const disk = new SimDisk();
    const store = await openTestStore(disk.session());
    const record = recordOf({ key: 'a' });
    await store.merge(record);
    const recover = disk.failNext({ operation: 'read', pathIncludes: 'log/', times: Infinity });
    await assert.rejects(Promise.resolve(store.get(record.key, record.token)), { code: 'DISK_READ_FAILED' });
    const [range] = store.status().quarantined;
    assert.deepEqual([range?.file, range?.offset], ['log/00000001-00000001.1.seg', 60]);
    await assert.rejects(Promise.resolve(store.digest(record.key, record.token)), {
      code: 'DISK_READ_FAILED',
    });
    recover();
    assert.deepEqual((await store.digest(record.key, record.token))?.dot, record.version.dot);
    await assertHeld(store, record);
  });

  test('is forgotten when an older version is merged and the disk reads again', async () => {
    const disk = new SimDisk();
    const store = await openTestStore(disk.session());
    const older = recordOf({ key: 'a', value: 'older', wallMs: 1_000 });
    const newest = recordOf({ key: 'a', value: 'newest', wallMs: 2_000 });
    await store.merge(newest);
    disk.failNext({ operation: 'read' });
    await assert.rejects(Promise.resolve(store.get(newest.key, newest.token)), { code: 'DISK_READ_FAILED' });
    const partition = partitionOf(newest.token, 16);
    assert.equal(store.partitionSum(partition).count, 0, 'other owners are not told of what can not be read');
    assert.equal((await store.merge(older)).changed, false);
    assert.equal(store.partitionSum(partition).count, 1);
  });

  test('is forgotten when the record is read, also if a merge was what had failed to read it', async () => {
    const disk = new SimDisk();
    const store = await openTestStore(disk.session());
    const expiring = recordOf({ key: longKey, wallMs: 2_000, expiresAtMs: 9_000_000 });
    await store.merge(expiring);
    disk.failNext({ operation: 'read', times: 2 });
    const older = recordOf({ key: longKey, wallMs: 1_000 });
    await assert.rejects(async () => await store.merge(older), { code: 'RECORD_CORRUPT' });
    const partition = partitionOf(expiring.token, 16);
    assert.equal(store.partitionSum(partition).count, 0);
    await assertHeld(store, expiring);
    assert.equal(store.partitionSum(partition).count, 1);
  });

  test('while merging keeps the newer version', async () => {
    const disk = new SimDisk();
    const store = await openTestStore(disk.session());
    await store.merge(recordOf({ key: longKey, value: 'first', wallMs: 1_000 }));
    disk.failNext({ operation: 'read', times: 2 });
    const newest = recordOf({ key: longKey, value: 'newest', wallMs: 3_000 });
    assert.equal((await store.merge(newest)).changed, true);
    const older = recordOf({ key: longKey, value: 'older', wallMs: 2_000 });
    assert.equal((await store.merge(older)).changed, false);
    await assertHeld(store, newest);
    assert.equal(store.status().keys, 1);
  });
});

/** Too long to be remembered: to compare it, its entry is read. */
const longKey = 'a'.repeat(64);

function hasCode(error: unknown, code: ErrorCode): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
