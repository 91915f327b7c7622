/** What a node takes over from one that lets go of it then is synced, whatever the level of durability. */

import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { NodeId } from '../core/config.ts';
import { crc32 } from '../core/crc32.ts';
import { StoreError } from '../core/errors.ts';
import { encodeRecord, type StoredRecord } from '../core/record.ts';
import { SimDisk } from '../sim/sim-disk.ts';
import { openTestStore, testClock } from '../storage/log-store-harness-contract.ts';
import { replicaOn, wallMs } from './replica-harness-contract.ts';

const n2 = 'n2' as NodeId;
function recordOf(name: string): StoredRecord {
  const key = new TextEncoder().encode(name);
  return encodeRecord({ key, value: key, dot: { wallMs, counter: 0, actor: 'n2.test' } }, crc32);
}

/** Nothing is synced by and by. */
const clock = { ...testClock, startTimer: () => () => undefined };

const levels = [{ mode: 'never' }, { mode: 'interval', intervalMs: 60_000 }, { mode: 'always' }] as const;

for (const durability of levels) {
  test(`what was taken over survives a power cut at durability ${durability.mode}`, async () => {
    const disk = new SimDisk();
    const store = await openTestStore(disk.session(), { clock, durability });
    const records = ['one', 'two', 'three'].map(recordOf);
    const first = records.slice(0, 1);
    const replica = replicaOn(store);
    // Held already, and not synced: that it changes nothing does not make it durable.
    assert.deepEqual(await replica.putAll(first, 0), []);
    assert.deepEqual(await replica.takeOver(first, 0), [undefined]);
    assert.deepEqual(await replica.takeOver(records, 0), [undefined, undefined, undefined]);
    disk.crash();
    const reopened = await openTestStore(disk.session(), { clock, durability });
    for (const { key, token } of records) assert.ok((await reopened.get(key, token)) !== undefined);
    await reopened.close();
  });
}

test('what is taken over is refused for a sync that fails, not lost', async () => {
  const disk = new SimDisk();
  const store = await openTestStore(disk.session(), { clock, durability: { mode: 'never' } });
  disk.beforeOperation = (operation) => {
    if (operation === 'sync') throw new StoreError('DISK_SYNC_FAILED', 'i/o error');
  };
  const codes = await replicaOn(store).takeOver(['one', 'two'].map(recordOf), 0);
  assert.deepEqual(codes, ['DISK_SYNC_FAILED', 'DISK_SYNC_FAILED']);
});

test('a late acknowledgement takes a hint back only where it was for a synced copy', async () => {
  for (const durability of levels) {
    const store = await openTestStore(new SimDisk(), { clock, durability });
    const replica = replicaOn(store);
    const record = recordOf('one');
    await replica.store(record, n2, 0);
    await replica.cancelHint(n2, record);
    const kept = store.hints().reduce((sum, { count }) => sum + count, 0);
    assert.equal(kept, durability.mode === 'always' ? 0 : 1, durability.mode);
    await store.close();
  }
});
