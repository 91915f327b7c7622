/** Many records of one message: each is judged by itself, and the one that is refused is the one that is named. */

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { SimDisk } from '../sim/sim-disk.ts';
import { openTestStore } from '../storage/log-store-harness-contract.ts';
import { recordOf } from '../storage/store-contract-records.ts';
import { replicaOn, wallMs } from './replica-harness-contract.ts';

test('what is refused is named, whether the replica or its store refused it, and the rest is stored', async () => {
  const store = await openTestStore(new SimDisk().session(), { valueBytesMax: 64 });
  const replica = replicaOn(store);
  const records = [
    recordOf({ key: 'ahead', wallMs: wallMs + 1_000_000 }),
    recordOf({ key: 'first', wallMs }),
    recordOf({ key: 'too long', wallMs, value: 'x'.repeat(10_000) }),
    recordOf({ key: 'ahead too', wallMs: wallMs + 1_000_000 }),
    recordOf({ key: 'second', wallMs }),
  ];
  const refusals = await replica.putAll(records, 0);
  assert.deepEqual(refusals.map(({ index, code }) => `${index} ${code}`).toSorted(), [
    '0 CLOCK_SKEW',
    '2 VALUE_TOO_LARGE',
    '3 CLOCK_SKEW',
  ]);
  const held = await Promise.all(records.map(({ key, token }) => store.get(key, token)));
  assert.deepEqual(
    held.map((record) => record !== undefined),
    [false, true, false, false, true],
  );
  assert.deepEqual(await replica.storeAll(records.slice(1, 2), 0), []);
  await store.close();
});
