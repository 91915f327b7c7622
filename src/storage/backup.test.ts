import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { SimulatedCrash } from '../sim/disk-faults.ts';
import { LogStoreHarness } from './log-store-harness-contract.ts';
import type { LogStore } from './log-store.ts';
import { recordOf } from './store-contract-records.ts';

async function fill(store: LogStore, prefix: string, wallMs = 1_000): Promise<void> {
  for (let index = 0; index < 20; index++) {
    await store.merge(recordOf({ key: `${prefix} ${index}`, value: 'x'.repeat(30), wallMs }));
  }
}

describe('a backup', () => {
  test('shares the finished segments, and copies the one that still grows', async () => {
    const harness = new LogStoreHarness({ segmentBytesMax: 600 });
    const store = await harness.open();
    await fill(store, 'key');
    await store.checkpoint();
    const before = harness.disk.usedBytes;
    await store.backup('backup/monday');
    const added = harness.disk.usedBytes - before;
    const last = harness.disk.paths().findLast((path) => /^log\/.*\.seg$/.test(path)) ?? '';
    const checkpoint = harness.disk.paths().findLast((path) => path.startsWith('snapshot/')) ?? '';
    const expected = [last, checkpoint].map((path) => harness.disk.readNow(path)?.length ?? 0);
    assert.ok(added <= (expected[0] ?? 0) + (expected[1] ?? 0), `${added} bytes added`);
    assert.ok(harness.disk.paths().some((path) => /^backup\/monday\/log\/.*\.hint$/.test(path)));
    await store.close();
  });

  test('and its original do not see each other, whichever is written to, restarted and compacted', async () => {
    const harness = new LogStoreHarness({ segmentBytesMax: 600, checkpointAfterBytes: 1_000 });
    let store = await harness.open();
    await fill(store, 'key');
    await store.backup('backup/monday');
    const opened = await harness.openBackup('backup/monday');
    for (let round = 0; round < 5; round++) {
      await fill(store, 'key', 2_000 + round);
      await fill(opened, 'key', 3_000 + round);
    }
    await fill(store, 'original');
    await fill(opened, 'copy');
    await opened.close();
    store = await harness.crash();
    const copy = await harness.openBackup('backup/monday');
    for (const [side, wallMs] of [
      [store, 2_004],
      [copy, 3_004],
    ] as const) {
      assert.equal(side.status().keys, 40);
      assert.deepEqual(side.status().quarantined, []);
      for (let index = 0; index < 20; index++) {
        const { key, token } = recordOf({ key: `key ${index}` });
        assert.equal((await side.get(key, token))?.version.dot.wallMs, wallMs);
      }
    }
    await copy.close();
    await store.close();
  });

  test('of an empty store opens as an empty store', async () => {
    const harness = new LogStoreHarness();
    const store = await harness.open();
    await store.backup('backup/empty');
    const opened = await harness.openBackup('backup/empty');
    assert.equal(opened.status().keys, 0);
    await opened.close();
    await store.close();
  });

  test('goes to a new folder only, and never into the store itself', async () => {
    const harness = new LogStoreHarness();
    const store = await harness.open();
    await fill(store, 'key');
    await store.backup('backup/monday');
    for (const path of ['backup/monday', 'log', 'log/backup', 'snapshot', 'quarantine/x', '', '../out']) {
      await assert.rejects(store.backup(path), { code: 'BAD_REQUEST' }, path);
    }
    await store.close();
  });

  test('that resolved is there after a power cut, and one that did not harms nothing', async () => {
    for (let at = 0; ; at++) {
      const harness = new LogStoreHarness({ segmentBytesMax: 600 });
      const store = await harness.open();
      await fill(store, 'key');
      await store.checkpoint();
      const start = harness.disk.operations;
      harness.disk.beforeOperation = (_operation, _path, index) => {
        if (index === start + at) throw new SimulatedCrash();
      };
      const crashed = harness.disk.whenCrashed().then(() => false);
      const isDone = await Promise.race([store.backup('backup/monday').then(() => true), crashed]);
      harness.disk.beforeOperation = undefined;
      const restarted = await harness.crash();
      assert.equal(restarted.status().keys, 20);
      await restarted.close();
      if (!isDone) continue;
      const opened = await harness.openBackup('backup/monday');
      assert.equal(opened.status().keys, 20);
      assert.equal(opened.status().evidenceLost, false);
      await opened.close();
      break;
    }
  });
});
