/** What is particular to `classic-level`; what it has in common with the log engine is in the store contract. */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';

import { ClassicLevel } from 'classic-level';

import { crc32 } from '../core/crc32.ts';
import { isNodeId, type NodeId } from '../core/config.ts';
import type { StoredRecord } from '../core/record.ts';
import { digestOf, recordOf, scanAll, sumOfScan, wholeSum } from '../storage/store-contract-records.ts';
import type { Store } from '../storage/store.ts';
import { ClassicLevelHarness } from './classic-level-harness-contract.ts';
import {
  digestKind,
  encodeDigestRow,
  figuresRow,
  ownSpace,
  quarantineKind,
  recordKind,
  rowKey,
  type RowKind,
} from './classic-level-rows.ts';
import { classicLevelFolder } from './classic-level-store.ts';

type Database = ClassicLevel<Uint8Array, Uint8Array>;

const n2 = nodeId('n2');

function nodeId(text: string): NodeId {
  assert.ok(isNodeId(text));
  return text;
}

async function withHarness(body: (harness: ClassicLevelHarness) => Promise<void>): Promise<void> {
  const harness = await ClassicLevelHarness.create();
  try {
    await body(harness);
  } finally {
    await harness.dispose();
  }
}

/** Closes the store, lets the database be changed behind its back, and opens it again. */
async function reopenAfter(
  harness: ClassicLevelHarness,
  store: Store,
  change: (database: Database) => Promise<void>,
): Promise<Store> {
  await store.close();
  const database: Database = new ClassicLevel(join(harness.dataDirectory, classicLevelFolder), {
    keyEncoding: 'view',
    valueEncoding: 'view',
  });
  await change(database);
  await database.close();
  return harness.reopen();
}

function rowOf(kind: RowKind, record: StoredRecord, space: string = ownSpace): Uint8Array {
  return rowKey(kind, space, record.token, record.key);
}

/** Changes one bit of the last byte of a row's value: of a record, the last byte that its writer gave. */
async function rot(database: Database, row: Uint8Array): Promise<void> {
  const value = Uint8Array.from((await database.get(row)) ?? []);
  const last = value.length - 1;
  value[last] = (value[last] ?? 0) ^ 1;
  await database.put(row, value);
}

const damages: readonly { readonly name: string; readonly change: typeof rot }[] = [
  { name: 'a rotten record row', change: (database, row) => rot(database, recordRowOf(row)) },
  { name: 'a missing record row', change: (database, row) => database.del(recordRowOf(row)) },
  { name: 'a rotten digest row', change: (database, row) => rot(database, row) },
  { name: 'a missing digest row', change: (database, row) => database.del(row) },
  {
    name: 'a digest row of another version',
    change: (database, row) => {
      const other = recordOf({ key: 'a', value: 'other', wallMs: 500 });
      return database.put(row, encodeDigestRow(other, row, crc32));
    },
  },
];

function recordRowOf(digestRow: Uint8Array): Uint8Array {
  const row = digestRow.slice();
  row[0] = recordKind;
  return row;
}

for (const { name, change } of damages) {
  test(`${name} is an error, never a guess, and the same version heals it`, () =>
    withHarness(async (harness) => {
      const record = recordOf({ key: 'a', value: 'precious' });
      const intact = recordOf({ key: 'b', value: 'intact' });
      let store = await harness.open();
      await Promise.all([store.merge(record), store.merge(intact)]);
      store = await reopenAfter(harness, store, (database) => change(database, rowOf(digestKind, record)));
      await assert.rejects(Promise.resolve(store.get(record.key, record.token)), {
        name: 'StoreError',
        code: 'RECORD_CORRUPT',
      });
      await assert.rejects(Promise.resolve(store.get(record.key, record.token)), { code: 'RECORD_CORRUPT' });
      assert.equal(store.status().evidenceLost, 'damaged');
      assert.equal(store.status().quarantined.length, 1);
      assert.ok((await store.get(intact.key, intact.token)) !== undefined);
      await store.sync();
      assert.deepEqual(
        await wholeSum(store),
        await sumOfScan(store, { without: [record] }),
        'the owners see it missing',
      );

      assert.equal((await store.merge(record)).changed, true);
      const healed = await store.get(record.key, record.token);
      assert.deepEqual(Buffer.from(healed?.bytes ?? []), Buffer.from(record.bytes));
      assert.equal((await scanAll(store, { limit: 10 })).length, 2);
      assert.deepEqual(await wholeSum(store), await sumOfScan(store));
    }));
}

test('an older record does not slip in where only the digest row is rotten', () =>
  withHarness(async (harness) => {
    const record = recordOf({ key: 'a', value: 'newer', wallMs: 2_000 });
    let store = await harness.open();
    await store.merge(record);
    store = await reopenAfter(harness, store, (database) => rot(database, rowOf(digestKind, record)));
    const result = await store.merge(recordOf({ key: 'a', value: 'older', wallMs: 1_000 }));
    assert.equal(result.changed, false);
    assert.deepEqual(digestOf(result.held), digestOf(record.version));
  }));

test('a scan passes over a rotten digest row and says so', () =>
  withHarness(async (harness) => {
    const records = ['a', 'b', 'c'].map((key) => recordOf({ key }));
    const [rotten] = records;
    assert.ok(rotten !== undefined);
    let store = await harness.open();
    await Promise.all(records.map((record) => store.merge(record)));
    store = await reopenAfter(harness, store, (database) => rot(database, rowOf(digestKind, rotten)));
    assert.equal((await scanAll(store, { limit: 1 })).length, 2);
    assert.equal(store.status().evidenceLost, 'damaged');
  }));

test('a scrub finds a rotten record, keeps its bytes, and takes it out of the sum', () =>
  withHarness(async (harness) => {
    const records = ['a', 'b', 'c'].map((key) => recordOf({ key, value: `the value of ${key}` }));
    const [rotten] = records;
    assert.ok(rotten !== undefined);
    let store = await harness.open();
    await Promise.all(records.map((record) => store.merge(record)));
    const before = await wholeSum(store);
    store = await reopenAfter(harness, store, (database) => rot(database, rowOf(recordKind, rotten)));
    assert.deepEqual(await wholeSum(store), before, 'nobody has looked yet');
    const found = await store.scrub({ bytesPerSecond: 1e12 });
    assert.deepEqual([found.records, found.corrupt, found.sumMismatches], [3, 1, 0]);
    assert.deepEqual(await wholeSum(store), await sumOfScan(store, { without: [rotten] }));
    await store.merge(rotten);
    assert.deepEqual(await wholeSum(store), before);
    assert.equal((await store.scrub({ bytesPerSecond: 1e12 })).corrupt, 0);
    await reopenAfter(harness, store, async (database) => {
      assert.ok((await database.get(rowOf(quarantineKind, rotten))) !== undefined, 'its bytes are kept');
    });
  }));

test('a rotten hint is set aside, and the hints behind it are delivered', () =>
  withHarness(async (harness) => {
    const records = ['a', 'b', 'c'].map((key) => recordOf({ key, value: 'hint' }));
    let store = await harness.open();
    await Promise.all(records.map((record) => store.putHint(n2, record)));
    const [first] = await store.readHints(n2, 1);
    assert.ok(first !== undefined);
    store = await reopenAfter(harness, store, (database) => rot(database, rowOf(recordKind, first, n2)));
    assert.equal((await store.readHints(n2, 1)).length, 1);
    assert.equal((await store.readHints(n2, 10)).length, 2);
    assert.deepEqual(
      store.hints().map((summary) => summary.count),
      [2],
    );
    assert.equal(store.status().evidenceLost, 'damaged');
    await reopenAfter(harness, store, async (database) => {
      assert.ok((await database.get(rowOf(quarantineKind, first, n2))) !== undefined, 'its bytes are kept');
    });
  }));

test('a rotten hint does not take a newer version with it', () =>
  withHarness(async (harness) => {
    const older = recordOf({ key: 'a', value: 'older', wallMs: 1_000 });
    const newer = recordOf({ key: 'a', value: 'newer', wallMs: 2_000 });
    let store = await harness.open();
    await store.putHint(n2, older);
    store = await reopenAfter(harness, store, (database) => rot(database, rowOf(recordKind, older, n2)));
    await Promise.all([store.putHint(n2, newer), store.readHints(n2, 1)]);
    const hints = await store.readHints(n2, 1);
    assert.deepEqual(Buffer.from(hints[0]?.bytes ?? []), Buffer.from(newer.bytes));
  }));

test('a figures row that cannot be believed is counted anew', () =>
  withHarness(async (harness) => {
    const records = ['a', 'b', 'c'].map((key) => recordOf({ key }));
    const [hint] = records;
    assert.ok(hint !== undefined);
    let store = await harness.open();
    await Promise.all([...records.map((record) => store.merge(record)), store.putHint(n2, hint)]);
    const before = { ...store.status(), hints: store.hints() };
    store = await reopenAfter(harness, store, (database) => rot(database, figuresRow));
    assert.equal(store.status().keys, before.keys);
    assert.equal(store.status().liveBytes, before.liveBytes);
    assert.deepEqual(store.hints(), before.hints);
  }));

test('a log that LevelDB had to drop from is reported as lost evidence', () =>
  withHarness(async (harness) => {
    const store = await harness.open();
    // Two blocks of LevelDB's log (32 KiB each), so that what follows the damage is still read.
    for (let index = 0; index < 10; index++) {
      await store.merge(recordOf({ key: `key ${index}`, value: new Uint8Array(10_000).fill(index) }));
    }
    const folder = join(harness.dataDirectory, classicLevelFolder);
    const log = (await readdir(folder)).find((name) => name.endsWith('.log'));
    assert.ok(log !== undefined);
    const bytes = await readFile(join(folder, log));
    bytes[100] = (bytes[100] ?? 0) ^ 1;
    await writeFile(join(folder, log), bytes);
    const damaged = await harness.crash();
    assert.equal(damaged.status().evidenceLost, 'damaged');
    assert.equal(damaged.status().quarantined[0]?.file, log);
    const last = recordOf({ key: 'key 9' });
    assert.ok((await damaged.get(last.key, last.token)) !== undefined, 'what lies behind is there');
  }));

test('a second store on the same directory is refused', () =>
  withHarness(async (harness) => {
    await harness.open();
    await assert.rejects(harness.open(), { name: 'StoreError', code: 'DIRECTORY_LOCKED' });
  }));

test('a database whose manifest is damaged is refused with what to do', () =>
  withHarness(async (harness) => {
    const store = await harness.open();
    await store.merge(recordOf({ key: 'a' }));
    await store.close();
    await writeFile(join(harness.dataDirectory, classicLevelFolder, 'CURRENT'), 'nonsense');
    await assert.rejects(harness.open(), { name: 'StoreError', code: 'LOG_CORRUPT', message: /backup/ });
  }));

test('a cursor that no store gave out is refused', () =>
  withHarness(async (harness) => {
    const store = await harness.open();
    await store.merge(recordOf({ key: 'a' }));
    for (const cursor of ['', '***', 'AAAA', '../../etc/passwd']) {
      // The port brands its cursors, and HTTP clients do not.
      const after = JSON.parse(JSON.stringify(cursor)) as never;
      await assert.rejects(store.scan({ limit: 1, after }), { name: 'StoreError', code: 'BAD_REQUEST' });
    }
  }));

const skip = process.platform === 'win32' && 'Windows has no limit on the size of files';

test('a write past a full disk is refused, reads go on, and nothing acknowledged is lost', { skip }, () =>
  withHarness(async (harness) => {
    // A file size limit stands for the full disk: LevelDB's log hits it, a fresh log has room again.
    const script = join(import.meta.dirname, 'classic-level-full-contract.ts');
    const command = `ulimit -f 600; exec "${process.execPath}" "${script}" "${harness.dataDirectory}"`;
    const { status, stdout, stderr } = spawnSync('sh', ['-c', command], { encoding: 'utf8' });
    assert.equal(status, 0, stderr);
    const outcome = JSON.parse(stdout) as {
      readonly refused: string[];
      readonly lost: string[];
      readonly state: string;
    };
    assert.ok(outcome.refused.length > 0);
    assert.deepEqual([...new Set(outcome.refused)], ['DISK_FULL while full']);
    assert.equal(outcome.state, 'open');
    assert.deepEqual(outcome.lost, []);
  }),
);
