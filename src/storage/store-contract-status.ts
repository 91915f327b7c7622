/** Store contract, status and close: the figures an operator sees, and what a closed store answers. */

import assert from 'node:assert/strict';

import { isNodeId } from '../core/config.ts';
import { StoreError } from '../core/errors.ts';
import { digestOf, recordOf } from './store-contract-records.ts';
import type { WithStore } from './store-contract.ts';

export function contractOfStatus(withStore: WithStore): void {
  withStore('an empty store is open, empty and undamaged', async (store) => {
    const status = store.status();
    assert.equal(status.state, 'open');
    assert.equal(status.reason, '');
    assert.equal(status.keys, 0);
    assert.equal(status.logEntries, 0);
    assert.equal(status.operations, 0);
    assert.deepEqual(status.quarantined, []);
    assert.equal(status.evidenceLost, 'fresh');
  });

  withStore(
    'keys counts every key once, tombstones included, over reopen and crash',
    async (store, harness) => {
      for (const wallMs of [1_000, 2_000, 3_000]) {
        await Promise.all(
          Array.from({ length: 30 }, (_, index) =>
            store.merge(recordOf({ key: `key ${index}`, wallMs, tombstone: index < 10 })),
          ),
        );
      }
      assert.equal(store.status().keys, 30);
      assert.equal((await harness.reopen()).status().keys, 30);
      assert.equal((await harness.crash()).status().keys, 30);
    },
  );

  withStore(
    'log entries count what was written, over restarts; operations start anew',
    async (store, harness) => {
      for (const wallMs of [1_000, 2_000, 3_000]) await store.merge(recordOf({ key: 'a', wallMs }));
      const written = store.status().logEntries;
      assert.ok(written >= 3);
      assert.equal(store.status().operations, 3);
      await store.merge(recordOf({ key: 'a', wallMs: 2_000 }));
      assert.equal(store.status().operations, 4, 'an operation that changes nothing is one too');
      assert.equal(store.status().logEntries, written);
      const reopened = await harness.reopen();
      assert.ok(reopened.status().logEntries >= written);
      assert.equal(reopened.status().operations, 0);
      await reopened.merge(recordOf({ key: 'b' }));
      // Peers hold the count against a node whose disk comes back with fewer.
      const told = reopened.status().logEntries;
      assert.ok(told > written);
      await reopened.compactNow();
      const crashed = await harness.crash();
      assert.ok(crashed.status().logEntries >= told);
    },
  );

  withStore('once writes are answered nothing of them is queued', async (store) => {
    await Promise.all(
      [1, 2, 3].map((index) => store.merge(recordOf({ key: `key ${index}`, wallMs: 1_000 }))),
    );
    assert.equal(store.status().queuedBytes, 0);
  });

  withStore('sizes and the last sync are reported', async (store) => {
    const records = Array.from({ length: 50 }, (_, index) =>
      recordOf({ key: `key ${index}`, value: 'v'.repeat(200) }),
    );
    await Promise.all(records.map((record) => store.merge(record)));
    await store.checkpoint();
    const status = store.status();
    const recordBytes = records.reduce((sum, record) => sum + record.bytes.length, 0);
    assert.ok(status.liveBytes >= recordBytes);
    assert.ok(status.logBytes > 0);
    assert.ok(status.segments >= 1);
    assert.ok(status.lastSyncWallMs !== undefined);
  });

  withStore('live bytes shrink when a large value is replaced by a small one', async (store) => {
    await store.merge(recordOf({ key: 'a', wallMs: 1_000, value: 'v'.repeat(10_000) }));
    const before = store.status().liveBytes;
    await store.merge(recordOf({ key: 'a', wallMs: 2_000, value: 'v' }));
    assert.ok(store.status().liveBytes <= before - 9_000);
  });

  withStore('closing finishes the writes that are under way', async (store, harness) => {
    const records = Array.from({ length: 100 }, (_, index) => recordOf({ key: `key ${index}` }));
    const versions = records.map((_, index) => recordOf({ key: 'hot', wallMs: 1_000 + index }));
    const merges = [...records, ...versions].map((record) => store.merge(record));
    const closed = store.close();
    await Promise.all(merges);
    await closed;
    const reopened = await harness.reopen();
    for (const record of records) assert.ok((await reopened.get(record.key, record.token)) !== undefined);
    const newest = versions.at(-1);
    assert.ok(newest !== undefined);
    const held = await reopened.digest(newest.key, newest.token);
    assert.deepEqual(held === undefined ? undefined : digestOf(held), digestOf(newest.version));
  });

  withStore('closing lets reads and a backup that are under way finish', async (store, harness) => {
    const records = Array.from({ length: 100 }, (_, index) => recordOf({ key: `key ${index}` }));
    await Promise.all(records.map((record) => store.merge(record)));
    const reads = records.map((record) => store.get(record.key, record.token));
    const scan = store.scan({ limit: 100 });
    const backup = store.backup('backup/last');
    await store.close();
    for (const read of reads) assert.ok((await read) !== undefined);
    assert.equal((await scan).entries.length, records.length);
    await backup;
    const copy = await harness.openBackup('backup/last');
    assert.equal(copy.status().keys, records.length);
    await copy.close();
  });

  withStore('a closed store refuses every use by its code, and closes twice in peace', async (store) => {
    const record = recordOf({ key: 'a' });
    const target = 'n2';
    assert.ok(isNodeId(target));
    await store.merge(record);
    await store.putHint(target, record);
    await store.close();
    await store.close();
    const uses: (() => Promise<unknown>)[] = [
      () => Promise.resolve(store.get(record.key, record.token)),
      () => Promise.resolve(store.digest(record.key, record.token)),
      () => store.merge(recordOf({ key: 'a', wallMs: 2_000 })),
      () => store.merge(record),
      () => store.scan({ limit: 1 }),
      () => store.putHint(target, record),
      () => store.readHints(target, 1),
      () => store.removeHint(target, record),
      () => store.findHinted(record.key, record.token),
      () => store.checkpoint(),
      () => store.sync(),
      () => store.backup('backup/late'),
    ];
    for (const use of uses) {
      await assert.rejects(use, { name: 'StoreError', code: 'STORE_CLOSED' }, String(use));
    }
    for (const outcome of await store.mergeAll([record, recordOf({ key: 'b' })])) {
      assert.ok(outcome instanceof StoreError && outcome.code === 'STORE_CLOSED');
    }
    assert.equal(store.status().state, 'closed');
    assert.ok(Array.isArray(store.hints()));
  });
}
