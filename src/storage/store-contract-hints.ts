/**
 * Store contract, hints: records kept for absent owners, apart from the store's own.
 *
 * A hint is a promise that was made to a client, so it is as durable as a merge; it is forgotten
 * only for the very version that was delivered.
 */

import assert from 'node:assert/strict';

import { isNodeId, type NodeId } from '../core/config.ts';
import type { StoredRecord } from '../core/record.ts';
import { bytesOf, collidingKeys, digestOf, keyText, recordOf } from './store-contract-records.ts';
import type { WithStore } from './store-contract.ts';
import type { HintSummary, Store } from './store.ts';

function nodeId(text: string): NodeId {
  assert.ok(isNodeId(text));
  return text;
}

const n2 = nodeId('n2');
const n3 = nodeId('n3');
/** Sorts and reads so that a careless key layout would mix it up with `n2`. */
const n22 = nodeId('n22');

async function hintValues(store: Store, target: NodeId): Promise<readonly string[]> {
  const records = await store.readHints(target, 1_000);
  return records.map((record) => `${keyText(record.key)}=${keyText(record.version.value)}`).sort();
}

function valuesOf(...records: readonly StoredRecord[]): readonly string[] {
  return records.map((record) => `${keyText(record.key)}=${keyText(record.version.value)}`).sort();
}

function summaryOf(store: Store, target: NodeId): HintSummary | undefined {
  return store.hints().find((summary) => summary.target === target);
}

export function contractOfHints(withStore: WithStore): void {
  withStore('there are no hints at first', async (store) => {
    const { key, token } = recordOf({ key: 'a' });
    assert.deepEqual(store.hints(), []);
    assert.deepEqual(await store.readHints(n2, 10), []);
    assert.equal(await store.findHinted(key, token), undefined);
  });

  withStore('a hint is kept byte for byte, and apart from the own records', async (store) => {
    const record = recordOf({ key: 'a', value: 'for n2', contentType: 'text/plain' });
    await store.putHint(n2, record);
    const [hint, ...others] = await store.readHints(n2, 10);
    assert.deepEqual(Buffer.from(hint?.bytes ?? []), Buffer.from(record.bytes));
    assert.equal(others.length, 0);
    assert.equal(await store.get(record.key, record.token), undefined);
    assert.equal(await store.digest(record.key, record.token), undefined);
    assert.equal(store.status().keys, 0);
  });

  withStore('each target has its own hints', async (store) => {
    const forN2 = recordOf({ key: 'a', value: '2', wallMs: 3_000 });
    const forN3 = recordOf({ key: 'a', value: '3', wallMs: 1_000 });
    const forN22 = recordOf({ key: 'a', value: '22', wallMs: 2_000 });
    await Promise.all([store.putHint(n2, forN2), store.putHint(n3, forN3), store.putHint(n22, forN22)]);
    assert.deepEqual(await hintValues(store, n2), valuesOf(forN2));
    assert.deepEqual(await hintValues(store, n3), valuesOf(forN3));
    assert.deepEqual(await hintValues(store, n22), valuesOf(forN22));
    await store.removeHint(n2, forN2);
    assert.deepEqual(await hintValues(store, n2), []);
    assert.deepEqual(await hintValues(store, n22), valuesOf(forN22));
  });

  withStore('only the newest version of a key is kept', async (store) => {
    const versions = [2_000, 3_000, 1_000].map((wallMs) =>
      recordOf({ key: 'a', value: `${wallMs}`, wallMs }),
    );
    for (const version of versions) await store.putHint(n2, version);
    assert.deepEqual(await hintValues(store, n2), valuesOf(recordOf({ key: 'a', value: '3000' })));
    assert.equal(summaryOf(store, n2)?.count, 1);
    await Promise.all(versions.map((version) => store.putHint(n3, version)));
    assert.deepEqual(await hintValues(store, n3), valuesOf(recordOf({ key: 'a', value: '3000' })));
  });

  withStore('a delivered hint is forgotten', async (store) => {
    const [first, second] = [recordOf({ key: 'a' }), recordOf({ key: 'b', tombstone: true })];
    await Promise.all([store.putHint(n2, first), store.putHint(n2, second)]);
    await store.removeHint(n2, first);
    assert.deepEqual(await hintValues(store, n2), valuesOf(second));
    await store.removeHint(n2, second);
    assert.deepEqual(await store.readHints(n2, 10), []);
    assert.equal(summaryOf(store, n2)?.count ?? 0, 0);
  });

  withStore('removing does not touch a newer version that took the place', async (store) => {
    const delivered = recordOf({ key: 'a', value: 'delivered', wallMs: 1_000 });
    const newer = recordOf({ key: 'a', value: 'newer', wallMs: 2_000 });
    await store.putHint(n2, delivered);
    await Promise.all([store.putHint(n2, newer), store.removeHint(n2, delivered)]);
    assert.deepEqual(await hintValues(store, n2), valuesOf(newer));
    await store.removeHint(n2, delivered);
    assert.deepEqual(await hintValues(store, n2), valuesOf(newer));
  });

  withStore('removing a newer version than is kept forgets the older one', async (store) => {
    await store.putHint(n2, recordOf({ key: 'a', wallMs: 1_000 }));
    await store.removeHint(n2, recordOf({ key: 'a', wallMs: 2_000 }));
    assert.deepEqual(await store.readHints(n2, 10), []);
  });

  withStore('removing what is not there does nothing', async (store) => {
    const kept = recordOf({ key: 'a' });
    await store.putHint(n2, kept);
    await store.removeHint(n2, recordOf({ key: 'b' }));
    await store.removeHint(n3, kept);
    assert.deepEqual(await hintValues(store, n2), valuesOf(kept));
  });

  withStore('a forgotten hint can be kept again', async (store, harness) => {
    const record = recordOf({ key: 'a', value: 'again' });
    await store.putHint(n2, record);
    await store.removeHint(n2, record);
    await store.putHint(n2, record);
    assert.deepEqual(await hintValues(store, n2), valuesOf(record));
    assert.deepEqual(await hintValues(await harness.reopen(), n2), valuesOf(record));
  });

  withStore('at most the limit is read, at least one, and all in the end', async (store) => {
    const records = Array.from({ length: 50 }, (_, index) => recordOf({ key: `key ${index}` }));
    await Promise.all(records.map((record) => store.putHint(n2, record)));
    assert.equal((await store.readHints(n2, 1)).length, 1);
    const delivered = new Set<string>();
    for (;;) {
      const hints = await store.readHints(n2, 8);
      assert.ok(hints.length <= 8);
      if (hints.length === 0) break;
      for (const hint of hints) {
        delivered.add(keyText(hint.key));
        await store.removeHint(n2, hint);
      }
    }
    assert.equal(delivered.size, records.length);
  });

  withStore('the summary counts hints and their bytes', async (store, harness) => {
    const small = recordOf({ key: 'a', value: 'x' });
    const large = recordOf({ key: 'b', value: 'y'.repeat(5_000) });
    await Promise.all([store.putHint(n2, small), store.putHint(n2, large), store.putHint(n3, small)]);
    const checkSummary = (opened: Store) => {
      assert.deepEqual(
        opened
          .hints()
          .map((summary) => summary.target)
          .sort(),
        [n2, n3],
      );
      assert.equal(summaryOf(opened, n2)?.count, 2);
      assert.equal(summaryOf(opened, n3)?.count, 1);
      const bytes = summaryOf(opened, n2)?.bytes ?? 0;
      assert.ok(bytes >= small.bytes.length + large.bytes.length);
      return bytes;
    };
    const before = checkSummary(store);
    const reopened = await harness.reopen();
    assert.equal(checkSummary(reopened), before);
    await reopened.removeHint(n2, large);
    const after = summaryOf(reopened, n2)?.bytes ?? 0;
    assert.ok(after >= small.bytes.length && after <= before - large.bytes.length);
  });

  withStore('hints and their removal survive a reopen and a crash', async (store, harness) => {
    const kept = collidingKeys(3).map((key) => recordOf({ key, value: 'kept' }));
    const removed = recordOf({ key: 'removed' });
    await Promise.all([...kept, removed].map((record) => store.putHint(n2, record)));
    await store.removeHint(n2, removed);
    assert.deepEqual(await hintValues(await harness.crash(), n2), valuesOf(...kept));
    assert.deepEqual(await hintValues(await harness.reopen(), n2), valuesOf(...kept));
    const again = await harness.crash();
    assert.deepEqual(await hintValues(again, n2), valuesOf(...kept));
    assert.equal(summaryOf(again, n2)?.count, kept.length);
  });

  withStore('the newest hint of a key is found, whomever it is for', async (store) => {
    const older = recordOf({ key: 'a', value: 'older', wallMs: 1_000 });
    const newest = recordOf({ key: 'a', value: 'newest', wallMs: 2_000 });
    await Promise.all([store.putHint(n2, older), store.putHint(n3, newest)]);
    const found = await store.findHinted(older.key, older.token);
    assert.deepEqual(digestOf(found?.version ?? older.version), digestOf(newest.version));
    const only = await store.findHinted(older.key, older.token, n2);
    assert.deepEqual(Buffer.from(only?.bytes ?? []), Buffer.from(older.bytes));
    await store.removeHint(n3, newest);
    assert.equal(await store.findHinted(older.key, older.token, n3), undefined);
    const left = await store.findHinted(older.key, older.token);
    assert.deepEqual(Buffer.from(left?.bytes ?? []), Buffer.from(older.bytes));
    const other = recordOf({ key: bytesOf('b') });
    assert.equal(await store.findHinted(other.key, other.token), undefined);
  });

  withStore(
    'hints past the limit of a target are refused, and taken again once there is room',
    async (store) => {
      const [first, second] = ['a', 'b'].map((key) => recordOf({ key, value: 'x'.repeat(600) }));
      assert.ok(first !== undefined && second !== undefined);
      await store.putHint(n2, first);
      await assert.rejects(store.putHint(n2, second), { name: 'StoreError', code: 'HINTS_FULL' });
      assert.deepEqual(await hintValues(store, n2), valuesOf(first));
      await store.putHint(n3, second);
      await store.merge(second);
      await store.removeHint(n2, first);
      await store.putHint(n2, second);
      assert.deepEqual(await hintValues(store, n2), valuesOf(second));
    },
    { hintBytesPerTargetMax: 1_000 },
  );

  withStore(
    'hints past the limit of all targets together are refused',
    async (store) => {
      const record = recordOf({ key: 'a', value: 'x'.repeat(600) });
      await store.putHint(n2, record);
      await assert.rejects(store.putHint(n3, record), { name: 'StoreError', code: 'HINTS_FULL' });
    },
    { hintBytesMax: 1_000 },
  );
}
