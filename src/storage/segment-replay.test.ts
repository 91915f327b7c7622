import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { SimDisk } from '../sim/sim-disk.ts';
import { openTestStore } from './log-store-harness-contract.ts';
import { recordOf } from './store-contract-records.ts';
import type { Store } from './store.ts';

const records = Array.from({ length: 12 }, (_, index) =>
  recordOf({ key: `key ${index}`, value: 'x'.repeat(40) }),
);

async function diskWithRecords(): Promise<SimDisk> {
  const disk = new SimDisk();
  const store = await openTestStore(disk.session(), { segmentBytesMax: 400 });
  for (const record of records) await store.merge(record);
  disk.crash();
  for (const path of disk.paths()) if (!path.endsWith('.seg')) disk.removeNow(path);
  return disk;
}

async function readable(store: Store): Promise<number> {
  const found = await Promise.all(records.map(({ key, token }) => store.get(key, token)));
  return found.filter((record) => record !== undefined).length;
}

describe('a read of the log that fails at a start', () => {
  test('is tried again, and costs nothing when it then succeeds', async () => {
    // Each segment's header is read at its opening, where a failure ends the start; the contents are read after.
    for (let times = 1; times <= 3; times++) {
      const disk = await diskWithRecords();
      const seen = new Set<string>();
      disk.beforeOperation = (operation, path) => {
        if (operation !== 'read' || !path.endsWith('.seg')) return;
        if (seen.has(path)) disk.beforeOperation = undefined;
        if (seen.has(path)) disk.failNext({ operation: 'read', pathIncludes: path, times });
        seen.add(path);
      };
      const store = await openTestStore(disk.session(), { segmentBytesMax: 400 });
      assert.equal(await readable(store), records.length, `${times} failures`);
      assert.ok(!store.status().evidenceLost);
      assert.deepEqual(store.status().quarantined, []);
    }
  });
});
