/** What gives way in the log engine, and what does not; the rest is in the store contract. */

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { LogStoreHarness } from './log-store-harness-contract.ts';
import { collidingKeys, recordOf, wholeRing } from './store-contract-records.ts';

test('what can be read after all while an older record is on its way stays', async () => {
  const harness = new LogStoreHarness();
  const store = await harness.open();
  const older = recordOf({ key: 'k', value: 'older', wallMs: 1_500 });
  const newer = recordOf({ key: 'k', value: 'newer', wallMs: 1_600 });
  await store.merge(newer);
  const path = harness.disk.paths().find((each) => each.endsWith('.seg'));
  assert.ok(path !== undefined);
  const at = Buffer.from(harness.disk.readNow(path) ?? []).lastIndexOf(Buffer.from(newer.bytes));
  const flip = (): void => harness.disk.corrupt(path, at + newer.bytes.length - 1, 1);
  flip();
  await assert.rejects(Promise.resolve(store.get(newer.key, newer.token)), { code: 'RECORD_CORRUPT' });
  const [damaged] = await store.listDamaged(wholeRing, 1);
  assert.ok(damaged !== undefined);
  const replaced = store.replaceDamaged(damaged, [older]);
  // The disk hands it out now, after it was looked at once more and before the older record is durable.
  for (let hop = 0; hop < 20; hop++) await Promise.resolve();
  flip();
  const read = await store.get(newer.key, newer.token);
  assert.equal(read?.version.dot.wallMs, 1_600);
  await replaced;
  assert.equal((await store.get(newer.key, newer.token))?.version.dot.wallMs, 1_600);
  await harness.dispose();
});

test('another key of the same token stays, and each gets its own record', async () => {
  const harness = new LogStoreHarness();
  const store = await harness.open();
  const [left, right] = collidingKeys(2);
  assert.ok(left !== undefined && right !== undefined);
  const rotten = recordOf({ key: left, value: 'rotten', wallMs: 1_600 });
  const intact = recordOf({ key: right, value: 'intact', wallMs: 1_600 });
  await store.merge(rotten);
  await store.merge(intact);
  await harness.rot(rotten);
  await assert.rejects(Promise.resolve(store.get(rotten.key, rotten.token)), { code: 'RECORD_CORRUPT' });
  const [damaged] = await store.listDamaged(wholeRing, 1);
  assert.ok(damaged !== undefined);
  const theirs = [left, right].map((key) => recordOf({ key, value: 'older', wallMs: 1_500 }));
  assert.equal(await store.replaceDamaged(damaged, theirs), true);
  assert.equal((await store.get(rotten.key, rotten.token))?.version.dot.wallMs, 1_500);
  assert.equal((await store.get(intact.key, intact.token))?.version.dot.wallMs, 1_600);
  await harness.dispose();
});

test('what the disk does not hand out stays, and what it hands out again is intact', async () => {
  const harness = new LogStoreHarness();
  const store = await harness.open();
  const older = recordOf({ key: 'k', value: 'older', wallMs: 1_500 });
  const newer = recordOf({ key: 'k', value: 'newer', wallMs: 1_600 });
  await store.merge(newer);
  const recover = harness.disk.failNext({ operation: 'read', pathIncludes: 'log/', times: Infinity });
  await assert.rejects(Promise.resolve(store.get(newer.key, newer.token)), { code: 'DISK_READ_FAILED' });
  const [damaged] = await store.listDamaged(wholeRing, 1);
  assert.ok(damaged !== undefined);
  assert.equal(await store.replaceDamaged(damaged, [older]), false);
  assert.equal((await store.listDamaged(wholeRing, 1)).length, 1);
  recover();
  assert.equal(await store.replaceDamaged(damaged, [older]), false);
  assert.deepEqual(await store.listDamaged(wholeRing, 1), []);
  assert.equal((await store.get(newer.key, newer.token))?.version.dot.wallMs, 1_600);
  await harness.dispose();
});
