/**
 * The sums of the log engine on a disk that rots: a version is in the sum of its partition if, and only
 * if, it can be read. Then what is damaged shows as a difference between owners, and is healed like one.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';

import { isNodeId } from '../core/config.ts';
import { errorCodeOf } from '../core/errors.ts';
import type { StoredRecord } from '../core/record.ts';
import { RunningSum, type VersionSum } from '../core/version-sum.ts';
import { LogStoreHarness } from './log-store-harness-contract.ts';
import type { LogStore } from './log-store.ts';
import { collidingKeys, keyText, recordOf, wholeRing, wholeSum } from './store-contract-records.ts';

/** So small that a run fills segments, writes checkpoints and compacts. */
const small = {
  segmentBytesMax: 4_096,
  checkpointAfterBytes: 6_000,
  compactionBytesPerSecond: 1e9,
  compactionDeadBytesMin: 0,
};

const keys: readonly (string | Uint8Array)[] = [
  ...Array.from({ length: 12 }, (_, index) => `key ${index}`),
  ...collidingKeys(3),
];

const key = fc.nat({ max: keys.length - 1 });
const step = fc.oneof(
  {
    weight: 10,
    arbitrary: fc.record({
      kind: fc.constant('merge' as const),
      key,
      wallMs: fc.integer({ min: 1, max: 40 }),
      valueBytes: fc.constantFrom(0, 10, 1_800),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('rot' as const), key, at: fc.nat() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('reopen' as const, 'crash' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('checkpoint' as const) }) },
);
type Step = typeof step extends fc.Arbitrary<infer Value> ? Value : never;

/** Flips a bit of what is stored under a key, wherever in the log it lies. */
async function rot(harness: LogStoreHarness, store: LogStore, key: number, at: number): Promise<boolean> {
  const { key: bytes, token } = recordOf({ key: keys[key] ?? '' });
  const held = await Promise.resolve(store.get(bytes, token)).catch(() => undefined);
  if (held === undefined) return false;
  for (const path of harness.disk.paths().filter((each) => each.endsWith('.seg'))) {
    const content = Buffer.from(harness.disk.readNow(path) ?? []);
    const offset = content.lastIndexOf(Buffer.from(held.bytes));
    if (offset < 0) continue;
    harness.disk.corrupt(path, offset + (at % held.bytes.length), 1 << (at % 8));
    return true;
  }
  return false;
}

/** Every key that can be read, and how many cannot. */
async function readable(
  store: LogStore,
): Promise<{ readonly records: readonly StoredRecord[]; readonly damaged: number }> {
  const records: StoredRecord[] = [];
  let damaged = 0;
  for (const each of keys) {
    const { key, token } = recordOf({ key: each });
    try {
      const record = await store.get(key, token);
      if (record !== undefined) records.push(record);
    } catch (error) {
      assert.equal(errorCodeOf(error), 'RECORD_CORRUPT');
      damaged++;
    }
  }
  return { records, damaged };
}

function sumOf(records: readonly StoredRecord[]): VersionSum {
  const sum = new RunningSum();
  for (const { token, version } of records) {
    const { wallMs, counter } = version.dot;
    sum.add({ token, wallMs, counter, checksum: version.checksum });
  }
  return sum.value();
}

/**
 * What can be read, what is listed and what the sums say are one and the same; returns how many cannot be read. A compaction that
 * copied a record before it rotted heals it when it takes the place of the old file: in the midst of a look, that is looked at again.
 */
async function check(store: LogStore): Promise<number> {
  const { compactions } = store.status();
  try {
    return await checkNow(store);
  } catch (error) {
    for (let turn = 0; turn < 100; turn++) await new Promise((resolve) => setImmediate(resolve));
    if (store.status().compactions === compactions) throw error;
    return await check(store);
  }
}

async function checkNow(store: LogStore): Promise<number> {
  const { records, damaged } = await readable(store);
  const sum = sumOf(records);
  assert.deepEqual(await wholeSum(store), sum);
  const counts = Array.from({ length: 16 }, (_, partition) => store.partitionSum(partition).count);
  assert.equal(
    counts.reduce((total, count) => total + count),
    sum.count,
  );
  const { versions } = await store.listVersions(wholeRing, 1_000);
  assert.deepEqual(
    new Set(versions.map(({ checksum }) => checksum)),
    new Set(records.map(({ version }) => version.checksum)),
  );
  const page = await store.readRange(wholeRing, 1_000_000);
  assert.deepEqual(
    page.records.map((record) => keyText(record.key)).toSorted(),
    records.map((record) => keyText(record.key)).toSorted(),
  );
  return damaged;
}

test('what can be read is in the sums, and nothing else, whatever rots, crashes or is compacted', async () => {
  let damagedMax = 0;
  let compactions = 0;
  const take = async (harness: LogStoreHarness, store: LogStore, step: Step): Promise<LogStore> => {
    switch (step.kind) {
      case 'merge': {
        const { kind: _, valueBytes, ...fields } = step;
        await store.merge(recordOf({ ...fields, key: keys[step.key] ?? '', value: 'v'.repeat(valueBytes) }));
        return store;
      }
      case 'rot':
        await rot(harness, store, step.key, step.at);
        return store;
      case 'reopen':
        return await harness.reopen();
      case 'crash':
        return await harness.crash();
      case 'checkpoint':
        await store.checkpoint();
        return store;
    }
  };
  const property = fc.asyncProperty(
    fc.array(step, { minLength: 5, maxLength: 50, size: 'max' }),
    async (steps) => {
      const harness = new LogStoreHarness(small);
      let store = await harness.open();
      try {
        for (const step of steps) {
          store = await take(harness, store, step);
          compactions = Math.max(compactions, store.status().compactions);
          damagedMax = Math.max(damagedMax, await check(store));
        }
        // An owner that has them all heals every key.
        await Promise.all(keys.map((key) => store.merge(recordOf({ key, wallMs: 41, value: 'healed' }))));
        assert.equal(await check(store), 0);
        assert.equal((await wholeSum(store)).count, keys.length);
      } finally {
        await harness.dispose();
      }
    },
  );
  await fc.assert(property, { numRuns: 30 });
  assert.ok(damagedMax > 1, 'some run has several damaged keys at once');
  assert.ok(compactions > 0, 'some run compacts');
});

test('the very version that is damaged heals it, and the sum is what it was', async () => {
  const harness = new LogStoreHarness();
  const store = await harness.open();
  const record = recordOf({ key: keys[0] ?? '', value: 'precious' });
  await store.merge(record);
  const before = await wholeSum(store);
  assert.ok(await rot(harness, store, 0, record.bytes.length - 1));
  assert.equal(await check(store), 1);
  assert.equal((await wholeSum(store)).count, 0);
  assert.equal((await store.merge(record)).changed, true);
  assert.deepEqual(await wholeSum(store), before);
  await harness.dispose();
});

test('a page of records leaves a damaged one out, and the sum then shows that it is missing', async () => {
  const harness = new LogStoreHarness();
  const store = await harness.open();
  await Promise.all(keys.map((key) => store.merge(recordOf({ key, value: 'v'.repeat(100) }))));
  assert.ok(await rot(harness, store, 3, 1_000));
  assert.equal((await wholeSum(store)).count, keys.length, 'nobody has looked yet');
  const { records } = await store.readRange(wholeRing, 1_000_000);
  assert.equal(records.length, keys.length - 1);
  assert.equal((await wholeSum(store)).count, keys.length - 1);
  assert.equal((await store.listVersions(wholeRing, 100)).versions.length, keys.length - 1);
  await harness.dispose();
});

test('a scrub finds what rotted, copies it aside, and the version that it was heals it', async () => {
  const harness = new LogStoreHarness();
  const store = await harness.open();
  await Promise.all(keys.map((key) => store.merge(recordOf({ key, value: 'v'.repeat(100) }))));
  const target = 'n2';
  assert.ok(isNodeId(target));
  await store.putHint(target, recordOf({ key: 'hinted' }));
  const before = await wholeSum(store);
  assert.ok(await rot(harness, store, 3, 1_000));
  const found = await store.scrub({ bytesPerSecond: 1e12 });
  assert.deepEqual([found.records, found.corrupt, found.sumMismatches], [keys.length + 1, 1, 0]);
  assert.equal((await wholeSum(store)).count, keys.length - 1);
  assert.equal(store.status().quarantined.length, 1);
  assert.ok(
    harness.disk.paths().some((path) => path.startsWith('quarantine/log_')),
    'its bytes are kept',
  );
  assert.equal(store.status().evidenceLost, 'fresh', 'what is known to be damaged is not lost evidence');
  await store.merge(recordOf({ key: keys[3] ?? '', value: 'v'.repeat(100) }));
  assert.deepEqual(await wholeSum(store), before);
  assert.equal((await store.scrub({ bytesPerSecond: 1e12 })).corrupt, 0);
  await harness.dispose();
});
