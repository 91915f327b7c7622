/**
 * Store contract, durability: what was acknowledged under `always` is there after a crash, and what
 * was read is too, because a read must not show what could still be lost.
 */

import assert from 'node:assert/strict';
import fc from 'fast-check';

import { supersedes } from '../core/merge.ts';
import type { StoredRecord } from '../core/record.ts';
import { digestOf, keyText, recordOf, scanAll } from './store-contract-records.ts';
import type { WithStore } from './store-contract.ts';
import type { Store } from './store.ts';

async function assertNotOlder(store: Store, record: StoredRecord): Promise<void> {
  const held = await store.digest(record.key, record.token);
  assert.ok(held !== undefined, `${keyText(record.key)} is held`);
  assert.ok(!supersedes(record.version, held), `${keyText(record.key)} is not older than acknowledged`);
  const read = await store.get(record.key, record.token);
  assert.deepEqual(digestOf(read?.version ?? record.version), digestOf(held));
}

export function contractOfDurability(withStore: WithStore): void {
  withStore('every acknowledged merge survives a crash', async (store, harness) => {
    const records = Array.from({ length: 300 }, (_, index) =>
      recordOf({ key: `key ${index % 100}`, value: `value ${index}`, wallMs: 1_000 + index }),
    );
    for (const record of records.slice(0, 50)) await store.merge(record);
    await Promise.all(records.slice(50).map((record) => store.merge(record)));
    const after = await harness.crash();
    for (const record of records) await assertNotOlder(after, record);
    assert.equal((await scanAll(after, { limit: 30 })).length, 100);
  });

  withStore('what was acknowledged before a crash in mid-stream is there', async (store, harness) => {
    const acknowledged: StoredRecord[] = [];
    const outcomes: Promise<void>[] = [];
    for (let index = 0; index < 200; index++) {
      const record = recordOf({ key: `key ${index}`, value: 'v'.repeat(index * 10) });
      const merged = store.merge(record).then(
        () => void acknowledged.push(record),
        // Whatever is still under way when the store dies may reject: it was never acknowledged.
        () => undefined,
      );
      outcomes.push(merged);
      if (index % 20 === 19) await outcomes[index - 19];
    }
    const promised = [...acknowledged];
    assert.ok(promised.length > 0);
    const after = await harness.crash();
    for (const record of promised) await assertNotOlder(after, record);
  });

  withStore(
    'what lost against a held version is acknowledged only when that is durable',
    async (store, harness) => {
      const newer = recordOf({ key: 'a', value: 'newer', wallMs: 2_000 });
      const older = recordOf({ key: 'a', value: 'older', wallMs: 1_000 });
      // The newer one is never awaited: the older one's answer alone promises that it is there.
      store.merge(newer).catch(() => undefined);
      const result = await store.merge(older);
      const after = await harness.crash();
      const held = await after.digest(older.key, older.token);
      assert.ok(held !== undefined && !supersedes(result.held, held));
    },
  );

  withStore('a read shows nothing that a crash could take back', async (store, harness) => {
    const records = Array.from({ length: 40 }, (_, index) =>
      recordOf({ key: 'hot', value: `value ${index}`, wallMs: 1_000 + index }),
    );
    const { key, token } = recordOf({ key: 'hot' });
    for (const record of records) store.merge(record).catch(() => undefined);
    let seen = await store.digest(key, token);
    for (let reads = 0; reads < 200 && seen === undefined; reads++) seen = await store.digest(key, token);
    const after = await harness.crash();
    const held = await after.digest(key, token);
    if (seen !== undefined) assert.ok(held !== undefined && !supersedes(seen, held));
  });

  withStore('crash after crash loses nothing', async (store, harness) => {
    const acknowledged = new Map<string, StoredRecord>();
    let opened = store;
    for (let round = 0; round < 6; round++) {
      const records = Array.from({ length: 40 }, (_, index) =>
        recordOf({ key: `key ${(round * 13 + index) % 60}`, wallMs: 1_000 + round, value: `${round}` }),
      );
      await Promise.all(records.map((record) => opened.merge(record)));
      for (const record of records) acknowledged.set(keyText(record.key), record);
      if (round % 3 === 1) await opened.checkpoint();
      opened = round % 2 === 0 ? await harness.crash() : await harness.reopen();
      for (const record of acknowledged.values()) await assertNotOlder(opened, record);
      assert.equal(opened.status().keys, acknowledged.size);
    }
  });

  withStore('random writes, reopens and crashes keep the acknowledged state', async (store, harness) => {
    let opened = store;
    const expected = new Map<string, StoredRecord>();
    let wallMs = 1_000;
    const step = fc.oneof(
      {
        weight: 8,
        arbitrary: fc.record({ kind: fc.constant('merge'), key: fc.integer({ min: 0, max: 9 }) }),
      },
      { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('crash', 'reopen'), key: fc.constant(0) }) },
    );
    const property = fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 30 }), async (steps) => {
      for (const { kind, key } of steps) {
        if (kind === 'merge') {
          const record = recordOf({ key: `key ${key}`, wallMs: wallMs++, tombstone: wallMs % 5 === 0 });
          await opened.merge(record);
          expected.set(keyText(record.key), record);
        } else {
          opened = kind === 'crash' ? await harness.crash() : await harness.reopen();
        }
      }
      for (const record of expected.values()) {
        const held = await opened.get(record.key, record.token);
        assert.deepEqual(Buffer.from(held?.bytes ?? []), Buffer.from(record.bytes));
      }
    });
    // No shrinking: the store's past cannot be undone between two runs.
    await fc.assert(property, { numRuns: 10, endOnFailure: true });
  });

  for (const durability of [{ mode: 'interval', intervalMs: 5 }, { mode: 'never' }] as const) {
    withStore(
      `durability ${durability.mode} keeps everything over a clean close`,
      async (store, harness) => {
        const records = Array.from({ length: 100 }, (_, index) => recordOf({ key: `key ${index}` }));
        await Promise.all(records.map((record) => store.merge(record)));
        for (const record of records) await assertNotOlder(store, record);
        const after = await harness.reopen();
        for (const record of records) await assertNotOlder(after, record);
      },
      { durability },
    );

    withStore(
      `durability ${durability.mode} keeps over a crash what was synced by hand`,
      async (store, harness) => {
        const records = Array.from({ length: 100 }, (_, index) => recordOf({ key: `key ${index}` }));
        await Promise.all(records.map((record) => store.merge(record)));
        await store.sync();
        const after = await harness.crash();
        for (const record of records) await assertNotOlder(after, record);
      },
      { durability },
    );
  }

  withStore(
    'a backup opens as a store and holds all that was acknowledged before it',
    async (store, harness) => {
      const before = Array.from({ length: 100 }, (_, index) =>
        recordOf({ key: `key ${index}`, value: 'before' }),
      );
      await Promise.all(before.map((record) => store.merge(record)));
      const during = Array.from({ length: 50 }, (_, index) => recordOf({ key: `during ${index}` }));
      await Promise.all([store.backup('backup/first'), ...during.map((record) => store.merge(record))]);
      const later = recordOf({ key: 'key 0', value: 'later', wallMs: 9_000 });
      await store.merge(later);

      const backup = await harness.openBackup('backup/first');
      try {
        for (const record of before) {
          const held = await backup.get(record.key, record.token);
          assert.deepEqual(Buffer.from(held?.bytes ?? []), Buffer.from(record.bytes));
        }
        // The copy lives on by itself: a write to it is not a write to the original.
        const apart = recordOf({ key: 'apart' });
        await backup.merge(apart);
        assert.equal(await store.get(apart.key, apart.token), undefined);
      } finally {
        await backup.close();
      }
      for (const record of [...during, later]) await assertNotOlder(store, record);
      await assertNotOlder(await harness.reopen(), later);
    },
  );
}
