/**
 * Store contract, stability floors: what a floor lets the store forget, and what it refuses from then on.
 *
 * Floors are raised for all partitions alike unless a test is about one: what lies where is the token's business.
 */

import assert from 'node:assert/strict';

import { isNodeId, type NodeId } from '../core/config.ts';
import { errorCodeOf } from '../core/errors.ts';
import type { StoredRecord } from '../core/record.ts';
import { partitionOf } from '../core/token.ts';
import { collidingKeys, recordOf, type RecordSketch } from './store-contract-records.ts';
import type { WithStore } from './store-contract.ts';
import type { FloorResult, Store } from './store.ts';

const partitions = 16;
const target = nodeId('n2');

const value = recordOf({ key: 'value', value: 'v', wallMs: 1_000 });
const tombstone = recordOf({ key: 'deleted', tombstone: true, wallMs: 2_000 });
const expiring = recordOf({ key: 'expiring', value: 'x', wallMs: 2_000, expiresAtMs: 5_000 });

async function raise(store: Store, floorMs: number): Promise<FloorResult> {
  return await store.raiseFloors(
    Array.from({ length: partitions }, (_, partition) => ({ partition, floorMs })),
  );
}

function refill(store: Store, refilling: boolean): void {
  for (let partition = 0; partition < partitions; partition++) store.setRefill(partition, refilling);
}

async function assertHeld(store: Store, record: StoredRecord): Promise<void> {
  const held = await store.get(record.key, record.token);
  assert.deepEqual(Buffer.from(held?.bytes ?? []), Buffer.from(record.bytes));
}

async function assertNothing(store: Store, { key, token }: StoredRecord): Promise<void> {
  assert.equal(await store.get(key, token), undefined);
  assert.equal(await store.digest(key, token), undefined);
}

async function assertStale(attempt: Promise<unknown>): Promise<void> {
  await assert.rejects(attempt, (error) => {
    assert.equal(errorCodeOf(error), 'STALE_VERSION');
    return true;
  });
}

/** The key's record with other fields. */
function versionOf(key: string, fields: Omit<RecordSketch, 'key'>): StoredRecord {
  return recordOf({ key, ...fields });
}

export function contractOfFloors(withStore: WithStore): void {
  withStore('without a floor everything is taken, and nothing forgotten', async (store) => {
    assert.equal(store.floorOf(3), 0);
    await store.merge(recordOf({ key: 'old', tombstone: true, wallMs: 0 }));
    assert.deepEqual(await raise(store, 0), { dropped: 0, droppedBytes: 0 });
    await assertHeld(store, recordOf({ key: 'old', tombstone: true, wallMs: 0 }));
  });

  withStore('a floor lets tombstones be forgotten, and nothing above it', async (store, harness) => {
    const above = recordOf({ key: 'deleted later', tombstone: true, wallMs: 2_001 });
    await Promise.all([value, tombstone, above].map((record) => store.merge(record)));
    const result = await raise(store, 2_000);
    assert.equal(result.dropped, 1);
    assert.ok(result.droppedBytes >= tombstone.bytes.length);
    for (const life of [() => store, () => harness.reopen(), () => harness.crash()]) {
      const opened = await life();
      await assertNothing(opened, tombstone);
      await assertHeld(opened, value);
      await assertHeld(opened, above);
      assert.equal(opened.status().keys, 2);
      assert.equal(opened.floorOf(0), 2_000);
    }
    assert.equal(store.status().collectedKeys, 1);
    assert.equal(store.status().floorMinMs, 2_000);
  });

  withStore(
    'a value is forgotten once the floor has passed its expiry, not before',
    async (store, harness) => {
      const later = recordOf({ key: 'expires later', value: 'y', wallMs: 2_000, expiresAtMs: 7_000 });
      await Promise.all([expiring, later].map((record) => store.merge(record)));
      assert.equal((await raise(store, 4_999)).dropped, 0);
      await assertHeld(store, expiring);
      assert.equal((await raise(store, 6_000)).dropped, 1);
      await assertNothing(store, expiring);
      await assertHeld(store, later);
      const written = recordOf({ key: 'expires at once', value: 'z', wallMs: 6_500, expiresAtMs: 6_600 });
      await store.merge(written);
      assert.equal((await raise(store, 6_700)).dropped, 1);
      await assertNothing(store, written);
      const reopened = await harness.crash();
      assert.equal((await raise(reopened, 7_000)).dropped, 1);
      await assertNothing(reopened, later);
    },
  );

  withStore('below the floor nothing comes in that is not there', async (store, harness) => {
    await Promise.all([value, tombstone].map((record) => store.merge(record)));
    await raise(store, 2_000);
    for (const life of [() => store, () => harness.crash()]) {
      const opened = await life();
      await assertStale(opened.merge(recordOf({ key: 'stray', value: 's', wallMs: 2_000 })));
      await assertStale(opened.merge(versionOf('deleted', { value: 'back', wallMs: 1_500 })));
      await assertStale(
        opened.merge(versionOf('value', { value: 'newer, but not agreed on', wallMs: 1_500 })),
      );
      await assertStale(opened.merge(versionOf('value', { tombstone: true, wallMs: 1_500 })));
      await assertNothing(opened, tombstone);
      await assertHeld(opened, value);
    }
    const reopened = await harness.reopen();
    const above = versionOf('deleted', { value: 'written again', wallMs: 2_001 });
    assert.equal((await reopened.merge(above)).changed, true);
    await assertHeld(reopened, above);
  });

  withStore('what is held already, or older than that, still changes nothing', async (store) => {
    await store.merge(value);
    await raise(store, 2_000);
    assert.equal((await store.merge(value)).changed, false);
    assert.equal((await store.merge(versionOf('value', { value: 'old', wallMs: 500 }))).changed, false);
    await assertHeld(store, value);
  });

  withStore('what could be forgotten at once is taken for absent, and not kept', async (store, harness) => {
    await raise(store, 5_000);
    for (const refilling of [false, true]) {
      refill(store, refilling);
      for (const record of [tombstone, expiring]) {
        assert.equal((await store.merge(record)).changed, false);
        await assertNothing(store, record);
      }
    }
    assert.equal(store.status().keys, 0);
    await assertNothing(await harness.crash(), tombstone);
  });

  withStore(
    'a partition that is being refilled takes versions from below its floor',
    async (store, harness) => {
      await raise(store, 2_000);
      refill(store, true);
      assert.equal((await store.merge(value)).changed, true);
      refill(store, false);
      await assertStale(store.merge(recordOf({ key: 'stray', value: 's', wallMs: 1_000 })));
      const reopened = await harness.crash();
      await assertHeld(reopened, value);
      await assertStale(reopened.merge(recordOf({ key: 'stray', value: 's', wallMs: 1_000 })));
    },
  );

  withStore('an expiring value that came in by a refill is forgotten in its time', async (store) => {
    await raise(store, 3_000);
    refill(store, true);
    assert.equal((await store.merge(expiring)).changed, true);
    refill(store, false);
    assert.equal((await raise(store, 4_000)).dropped, 0);
    assert.equal((await raise(store, 5_000)).dropped, 1);
    await assertNothing(store, expiring);
  });

  withStore('a hint at or below the floor is refused, and those that are kept stay', async (store) => {
    const kept = recordOf({ key: 'kept', value: 'k', wallMs: 1_900 });
    await store.putHint(target, kept);
    await raise(store, 2_000);
    await assertStale(store.putHint(target, recordOf({ key: 'late', value: 'l', wallMs: 2_000 })));
    await store.putHint(target, recordOf({ key: 'fresh', value: 'f', wallMs: 2_001 }));
    assert.equal(store.hints()[0]?.count, 2);
    assert.equal((await store.readHints(target, 10)).length, 2);
  });

  withStore('floors never sink, and each partition has its own', async (store, harness) => {
    const partition = partitionOf(tombstone.token, partitions);
    const other = (partition + 1) % partitions;
    await store.merge(tombstone);
    await store.raiseFloors([
      { partition: other, floorMs: 9_000 },
      { partition, floorMs: 1_999 },
    ]);
    await store.raiseFloors([{ partition: other, floorMs: 8_000 }]);
    await assertHeld(store, tombstone);
    for (const life of [() => store, () => harness.crash(), () => harness.reopen()]) {
      const opened = await life();
      assert.deepEqual([opened.floorOf(partition), opened.floorOf(other)], [1_999, 9_000]);
      assert.deepEqual([opened.status().floorMinMs, opened.status().floorMaxMs], [0, 9_000]);
    }
  });

  withStore('a floor of no partition, or of no time, is refused', async (store) => {
    for (const floor of [
      { partition: partitions, floorMs: 1 },
      { partition: -1, floorMs: 1 },
      { partition: 0, floorMs: 2 ** 48 },
      { partition: 0, floorMs: 1.5 },
    ]) {
      await assert.rejects(store.raiseFloors([floor]), (error) => errorCodeOf(error) === 'BAD_REQUEST');
    }
    assert.equal(store.floorOf(0), 0);
  });

  withStore(
    'tombstones that are under way while the floor rises are forgotten with the others',
    async (store) => {
      const tombstones = Array.from({ length: 50 }, (_, index) =>
        recordOf({ key: `deleted ${index}`, tombstone: true, wallMs: 1_000 }),
      );
      await Promise.all([...tombstones.map((record) => store.merge(record)), raise(store, 2_000)]);
      for (const record of tombstones) await assertNothing(store, record);
      assert.equal(store.status().keys, 0);
    },
  );

  withStore('a key that was forgotten can be written and deleted again', async (store, harness) => {
    for (let wallMs = 1_000; wallMs < 1_010; wallMs += 2) {
      await store.merge(versionOf('again', { value: `at ${wallMs}`, wallMs }));
      await store.merge(versionOf('again', { tombstone: true, wallMs: wallMs + 1 }));
      await raise(store, wallMs + 1);
    }
    await assertNothing(store, versionOf('again', {}));
    await assertNothing(await harness.crash(), versionOf('again', {}));
  });

  withStore(
    'rewriting all that can be rewritten keeps what is held, and what is forgotten away',
    async (store, harness) => {
      const records = Array.from({ length: 60 }, (_, index) =>
        recordOf({ key: `key ${index}`, value: 'x'.repeat(200), wallMs: 1_000 }),
      );
      await Promise.all(records.map((record) => store.merge(record)));
      await store.putHint(target, recordOf({ key: 'hint', wallMs: 5_000 }));
      for (const index of [0, 1, 2, 30, 59]) {
        await store.merge(recordOf({ key: `key ${index}`, tombstone: true, wallMs: 1_001 }));
      }
      await raise(store, 2_000);
      await store.compactNow();
      assert.equal(store.status().collectedBytes, 0);
      for (const life of [() => store, () => harness.crash()]) {
        const opened = await life();
        for (const [index, record] of records.entries()) {
          if ([0, 1, 2, 30, 59].includes(index)) await assertNothing(opened, record);
          else await assertHeld(opened, record);
        }
        assert.equal(opened.hints()[0]?.count, 1);
      }
    },
  );

  withStore('strays that a refill has left are dropped, and stay away', async (store, harness) => {
    const stray = recordOf({ key: 'stray', value: 's', wallMs: 1_500 });
    const [left, right] = collidingKeys(2).map((key) => recordOf({ key, value: 'c', wallMs: 1_600 }));
    assert.ok(left !== undefined && right !== undefined);
    const above = recordOf({ key: 'above', value: 'a', wallMs: 3_000 });
    await Promise.all([value, stray, left, right, above].map((record) => store.merge(record)));
    await raise(store, 2_000);
    for (const record of [stray, left, above]) {
      const { token, version } = record;
      const listed = { token, wallMs: version.dot.wallMs, counter: 0, checksum: version.checksum };
      const partition = partitionOf(token, partitions);
      assert.equal(await store.dropStrays((partition + 1) % partitions, [listed]), 0);
      assert.equal(await store.dropStrays(partition, [{ ...listed, checksum: 7 }]), 0);
      assert.equal(await store.dropStrays(partition, [listed]), record === above ? 0 : 1);
    }
    await store.compactNow();
    for (const life of [() => store, () => harness.crash(), () => harness.reopen()]) {
      const opened = await life();
      for (const record of [value, right, above]) await assertHeld(opened, record);
      for (const record of [stray, left]) await assertNothing(opened, record);
      assert.equal(opened.status().keys, 3);
    }
  });

  withStore('the oldest hint is that with the earliest stamp, for whomever', async (store) => {
    assert.equal(await store.oldestHint(), undefined);
    const put = [
      store.putHint(target, recordOf({ key: 'younger', wallMs: 2_000 })),
      store.putHint(nodeId('n3'), recordOf({ key: 'older', wallMs: 1_500 })),
    ];
    await store.sync();
    assert.deepEqual(await store.oldestHint(), { target: 'n3', wallMs: 1_500 });
    await Promise.all(put);
    await store.removeHint(nodeId('n3'), recordOf({ key: 'older', wallMs: 1_500 }));
    assert.deepEqual(await store.oldestHint(), { target, wallMs: 2_000 });
  });

  withStore('a backup has the floors', async (store, harness) => {
    await store.merge(tombstone);
    await raise(store, 2_000);
    await store.backup('backups/one');
    const copy = await harness.openBackup('backups/one');
    try {
      assert.equal(copy.floorOf(5), 2_000);
      await assertNothing(copy, tombstone);
      await assertStale(copy.merge(versionOf('deleted', { value: 'back', wallMs: 1_000 })));
    } finally {
      await copy.close();
    }
  });
}

function nodeId(text: string): NodeId {
  assert.ok(isNodeId(text));
  return text;
}
