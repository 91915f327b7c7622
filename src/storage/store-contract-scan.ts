/**
 * Store contract, scans: every key of the own space exactly once, in token order, page by page.
 *
 * Anti-entropy and handover rest on it: a key that a scan passes over is a key that never heals.
 */

import assert from 'node:assert/strict';

import { isNodeId } from '../core/config.ts';
import type { StoredRecord } from '../core/record.ts';
import { compareTokens, partitionOf } from '../core/token.ts';
import { bytesOf, collidingKeys, digestOf, keyText, recordOf, scanAll } from './store-contract-records.ts';
import type { WithStore } from './store-contract.ts';
import type { ScanEntry } from './store.ts';

const keyCount = 300;

function manyRecords(prefix: string): readonly StoredRecord[] {
  return Array.from({ length: keyCount }, (_, index) =>
    recordOf({
      key: `${prefix} ${index}`,
      value: 'v'.repeat(index),
      tombstone: index % 10 === 0,
      expiresAtMs: index % 7 === 0 ? 9_000 + index : 0,
    }),
  );
}

export function contractOfScans(withStore: WithStore): void {
  withStore('an empty store scans as one empty page', async (store) => {
    assert.deepEqual(await store.scan({ limit: 10 }), { entries: [], next: undefined });
    assert.deepEqual(await store.scan({ limit: 10, partition: 0 }), { entries: [], next: undefined });
  });

  for (const limit of [1, 7, keyCount, keyCount * 2]) {
    withStore(`pages of ${limit} hold every key once, in token order`, async (store) => {
      const records = manyRecords('key');
      await Promise.all(records.map((record) => store.merge(record)));
      const byKey = new Map(records.map((record) => [keyText(record.key), record]));
      const entries = await scanAll(store, { limit });
      assert.equal(entries.length, records.length);
      for (const [index, entry] of entries.entries()) {
        const record = byKey.get(keyText(entry.key));
        assert.ok(record !== undefined, 'the key was written, and not seen before');
        byKey.delete(keyText(entry.key));
        assert.deepEqual(entry.token, record.token);
        assert.deepEqual(digestOf(entry.digest), digestOf(record.version));
        assert.equal(entry.recordBytes, record.bytes.length);
        const before = entries[index - 1];
        assert.ok(before === undefined || compareTokens(before.token, entry.token) <= 0);
      }
    });
  }

  withStore('no page is longer than its limit', async (store) => {
    await Promise.all(manyRecords('key').map((record) => store.merge(record)));
    let page = await store.scan({ limit: 50 });
    while (page.next !== undefined) {
      assert.ok(page.entries.length > 0 && page.entries.length <= 50);
      page = await store.scan({ limit: 50, after: page.next });
    }
  });

  withStore('the partitions together hold every key once, each its own', async (store, harness) => {
    const records = manyRecords('key');
    await Promise.all(records.map((record) => store.merge(record)));
    const seen = new Set<string>();
    for (let partition = 0; partition < harness.partitions; partition++) {
      for (const entry of await scanAll(store, { limit: 3, partition })) {
        assert.equal(partitionOf(entry.token, harness.partitions), partition);
        assert.ok(!seen.has(keyText(entry.key)));
        seen.add(keyText(entry.key));
      }
    }
    assert.equal(seen.size, records.length);
  });

  withStore('keys of one token are neither lost nor doubled at a page border', async (store, harness) => {
    const records = collidingKeys(23).map((key) => recordOf({ key }));
    await Promise.all([...records, ...manyRecords('other')].map((record) => store.merge(record)));
    const token = records[0]?.token;
    assert.ok(token !== undefined);
    const partition = partitionOf(token, harness.partitions);
    for (const limit of [1, 2, 5]) {
      const entries = await scanAll(store, { limit, partition });
      const colliding: readonly ScanEntry[] = entries.filter(
        (entry) => compareTokens(entry.token, token) === 0,
      );
      assert.equal(colliding.length, records.length);
      assert.equal(new Set(colliding.map((entry) => keyText(entry.key))).size, records.length);
    }
  });

  withStore('an overwritten key is scanned once, with its newest version', async (store) => {
    const newest = recordOf({ key: 'a', value: 'two', wallMs: 2_000 });
    await store.merge(recordOf({ key: 'a', value: 'one', wallMs: 1_000 }));
    await store.merge(newest);
    const entries = await scanAll(store, { limit: 10 });
    assert.deepEqual(
      entries.map((entry) => digestOf(entry.digest)),
      [digestOf(newest.version)],
    );
  });

  withStore('keys that are there throughout are seen once while others are written', async (store) => {
    const records = manyRecords('old');
    await Promise.all(records.map((record) => store.merge(record)));
    const seen: string[] = [];
    let page = await store.scan({ limit: 20 });
    for (let round = 0; ; round++) {
      seen.push(...page.entries.map((entry) => keyText(entry.key)));
      if (page.next === undefined) break;
      const fresh = Array.from({ length: 20 }, (_, index) => recordOf({ key: `new ${round} ${index}` }));
      await Promise.all(fresh.map((record) => store.merge(record)));
      page = await store.scan({ limit: 20, after: page.next });
    }
    assert.equal(new Set(seen).size, seen.length, 'no key is seen twice');
    for (const record of records) assert.ok(seen.includes(keyText(record.key)));
  });

  withStore('a scan goes on from a cursor whose key was overwritten', async (store) => {
    const records = manyRecords('key').slice(0, 20);
    await Promise.all(records.map((record) => store.merge(record)));
    const first = await store.scan({ limit: 10 });
    for (const entry of first.entries) {
      await store.merge(recordOf({ key: entry.key, value: 'newer and longer', wallMs: 2_000 }));
    }
    const second = await store.scan({ limit: 10, after: first.next });
    const seen = [...first.entries, ...second.entries].map((entry) => keyText(entry.key));
    assert.equal(new Set(seen).size, records.length);
  });

  withStore('the order and the pages are the same after a reopen', async (store, harness) => {
    const records = [...manyRecords('key'), ...collidingKeys(5).map((key) => recordOf({ key }))];
    await Promise.all(records.map((record) => store.merge(record)));
    const before = await scanAll(store, { limit: 11 });
    const after = await scanAll(await harness.reopen(), { limit: 11 });
    const tokens = (entries: typeof before) => entries.map((entry) => entry.token);
    const keys = (entries: typeof before) => entries.map((entry) => keyText(entry.key)).sort();
    assert.deepEqual(tokens(after), tokens(before));
    assert.deepEqual(keys(after), keys(before));
  });

  withStore('hints are no part of a scan', async (store) => {
    const target = 'n2';
    assert.ok(isNodeId(target));
    await store.putHint(target, recordOf({ key: bytesOf('hinted') }));
    assert.deepEqual((await store.scan({ limit: 10 })).entries, []);
  });
}
