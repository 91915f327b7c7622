/**
 * Store contract, removal: what a node does not own goes for good once its owners have it, and nothing else with it.
 */

import assert from 'node:assert/strict';

import type { StoredRecord } from '../core/record.ts';
import { addSums, emptySum } from '../core/version-sum.ts';
import { collidingKeys, recordOf, sumOfScan } from './store-contract-records.ts';
import type { WithStore } from './store-contract.ts';
import type { Store } from './store.ts';

async function held(store: Store, record: StoredRecord): Promise<number | undefined> {
  return (await store.get(record.key, record.token))?.version.dot.wallMs;
}

export function contractOfRemoval(withStore: WithStore): void {
  withStore('a record that was removed is gone, over crashes and compactions too', async (store, harness) => {
    const [left, right] = collidingKeys(2).map((key) => recordOf({ key, value: 'c', wallMs: 1_500 }));
    const [gone, kept] = ['gone', 'kept'].map((key) => recordOf({ key, value: key, wallMs: 1_500 }));
    const tombstone = recordOf({ key: 'tombstone', wallMs: 1_500, tombstone: true });
    assert.ok(left !== undefined && right !== undefined && gone !== undefined && kept !== undefined);
    for (const record of [left, right, gone, kept, tombstone]) await store.merge(record);
    const removed: readonly StoredRecord[] = [left, gone, tombstone];
    const staying: readonly StoredRecord[] = [right, kept];
    await Promise.all(removed.map((record) => store.removeRecord(record)));
    for (const life of [() => store, () => harness.crash(), () => harness.reopen()]) {
      const opened: Store = await life();
      for (const record of removed) assert.equal(await held(opened, record), undefined);
      for (const record of staying) assert.equal(await held(opened, record), 1_500);
      assert.equal(opened.status().keys, 2);
      let sum = emptySum;
      for (let partition = 0; partition < harness.partitions; partition++) {
        sum = addSums(sum, opened.partitionSum(partition));
      }
      assert.deepEqual(sum, await sumOfScan(opened));
    }
    const last = await harness.reopen();
    await last.compactNow();
    const compacted = await harness.crash();
    assert.equal(await held(compacted, gone), undefined);
    assert.equal(await held(compacted, kept), 1_500);
  });

  withStore('a newer version that took the place of a record is not removed', async (store, harness) => {
    const older = recordOf({ key: 'k', value: 'older', wallMs: 1_500 });
    const newer = recordOf({ key: 'k', value: 'newer', wallMs: 1_600 });
    await store.merge(newer);
    await store.removeRecord(older);
    assert.equal(await held(store, newer), 1_600);
    // Also when both are under way at once.
    const other = recordOf({ key: 'other', value: 'older', wallMs: 1_500 });
    await store.merge(other);
    const later = recordOf({ key: 'other', value: 'newer', wallMs: 1_600 });
    await Promise.all([store.removeRecord(other), store.merge(later)]);
    const opened = await harness.crash();
    assert.equal(await held(opened, newer), 1_600);
    assert.equal(await held(opened, later), 1_600);
  });

  withStore('a record that was removed can be stored again', async (store, harness) => {
    const record = recordOf({ key: 'k', value: 'v', wallMs: 1_500 });
    await store.merge(record);
    await store.removeRecord(record);
    await store.removeRecord(record);
    assert.equal((await store.merge(record)).changed, true);
    const opened = await harness.crash();
    assert.equal(await held(opened, record), 1_500);
  });
}
