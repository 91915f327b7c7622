/**
 * Store contract, sums and ranges: what anti-entropy compares owners by, and what it fetches.
 *
 * A sum that is not that of what the store holds hides a difference for ever, or shows one that never
 * heals; a version that a page passes over is one that no owner gets.
 */

import assert from 'node:assert/strict';

import { isNodeId } from '../core/config.ts';
import { treeChildren, treeNodeOf, treeRange, treeRoot } from '../core/hash-tree.ts';
import type { StoredRecord } from '../core/record.ts';
import { compareTokens, isInRange, type Token, type TokenRange } from '../core/token.ts';
import { addSums, emptySum, type VersionSum } from '../core/version-sum.ts';
import {
  collidingKeys,
  keyText,
  recordOf,
  sumOfScan,
  wholeRing,
  wholeSum,
} from './store-contract-records.ts';
import type { WithStore } from './store-contract.ts';
import type { ListedVersion, Store } from './store.ts';

const always = Number.POSITIVE_INFINITY;

/** Keys with all that a version may have, some of them of one token, with values from nothing to 9 KB. */
function variedRecords(): readonly StoredRecord[] {
  const plain = Array.from({ length: 120 }, (_, index) => `key ${index}`);
  return [...plain, ...collidingKeys(7)].map((key, index) =>
    recordOf({
      key,
      value: 'v'.repeat(index % 11 === 0 ? 9_000 : index),
      wallMs: 1_000 + (index % 5),
      counter: index % 3,
      tombstone: index % 10 === 0,
      expiresAtMs: index % 7 === 0 ? 9_000 + index : 0,
    }),
  );
}

async function mergeAll(store: Store, records: readonly StoredRecord[]): Promise<void> {
  await Promise.all(records.map((record) => store.merge(record)));
}

/** What the store must list of a record. */
function listedOf({ token, version }: StoredRecord): ListedVersion {
  const { dot, checksum, tombstone, expiresAtMs } = version;
  return { token, wallMs: dot.wallMs, counter: dot.counter, checksum, tombstone, expires: expiresAtMs !== 0 };
}

function byTokenAndChecksum(left: ListedVersion, right: ListedVersion): number {
  return compareTokens(left.token, right.token) || left.checksum - right.checksum;
}

/** All versions of a range, page by page; each page is checked against what pages promise. */
async function listAll(store: Store, range: TokenRange, limit: number): Promise<readonly ListedVersion[]> {
  const all: ListedVersion[] = [];
  for (let first: Token | undefined = range.first; first !== undefined;) {
    const { versions, next } = await store.listVersions({ first, last: range.last }, limit);
    const isOneToken = versions.every(({ token }) => compareTokens(token, versions[0]?.token ?? token) === 0);
    assert.ok(versions.length <= limit || isOneToken, 'only versions of one token exceed the limit');
    checkPage(versions, next);
    all.push(...versions);
    first = next;
  }
  return all;
}

async function readAll(store: Store, range: TokenRange, bytesMax: number): Promise<readonly StoredRecord[]> {
  const all: StoredRecord[] = [];
  for (let first: Token | undefined = range.first; first !== undefined;) {
    const { records, next } = await store.readRange({ first, last: range.last }, bytesMax);
    const bytes = records.reduce((sum, record) => sum + record.bytes.length, 0);
    const isOneToken = records.every(({ token }) => compareTokens(token, records[0]?.token ?? token) === 0);
    assert.ok(bytes <= bytesMax || isOneToken, 'only records of one token exceed the limit');
    checkPage(records, next);
    all.push(...records);
    first = next;
  }
  return all;
}

function checkPage(entries: readonly { readonly token: Token }[], next: Token | undefined): void {
  for (const [index, { token }] of entries.entries()) {
    const before = entries[index - 1]?.token;
    assert.ok(before === undefined || compareTokens(before, token) <= 0, 'tokens ascend');
    assert.ok(next === undefined || compareTokens(token, next) < 0, 'a token is in one page only');
  }
  assert.ok(next === undefined || entries.length > 0, 'a page that is not the last holds something');
}

function keysOf(records: readonly StoredRecord[]): readonly string[] {
  return records.map((record) => keyText(record.key)).toSorted();
}

async function checkSums(store: Store, partitions: number): Promise<void> {
  let total: VersionSum = emptySum;
  for (let partition = 0; partition < partitions; partition++) {
    const sum = store.partitionSum(partition);
    assert.deepEqual(sum, await sumOfScan(store, { partition }), `partition ${partition}`);
    total = addSums(total, sum);
  }
  assert.deepEqual(await wholeSum(store), total);
}

export function contractOfTrees(withStore: WithStore): void {
  withStore('an empty store has empty sums and empty pages', async (store, { partitions }) => {
    await checkSums(store, partitions);
    assert.deepEqual(store.partitionSum(0), emptySum);
    assert.deepEqual(await store.listVersions(wholeRing, 10), { versions: [], next: undefined });
    assert.deepEqual(await store.readRange(wholeRing, 1_000), { records: [], next: undefined });
  });

  withStore('a partition that does not exist has no sum', async (store, { partitions }) => {
    for (const partition of [-1, partitions]) {
      assert.throws(() => store.partitionSum(partition), { code: 'BAD_REQUEST' });
    }
  });

  withStore(
    'sums are those of what is held, through overwrites, a reopen and a crash',
    async (store, harness) => {
      await mergeAll(store, variedRecords());
      await checkSums(store, harness.partitions);
      const overwritten = variedRecords()
        .filter((_, index) => index % 2 === 0)
        .map(({ key }) => recordOf({ key, value: 'newer', wallMs: 5_000 }));
      await mergeAll(store, overwritten);
      await mergeAll(store, variedRecords());
      await checkSums(store, harness.partitions);
      const sum = await wholeSum(store);
      assert.equal(sum.count, 127);
      const reopened = await harness.reopen();
      await checkSums(reopened, harness.partitions);
      assert.deepEqual(await wholeSum(reopened), sum);
      const recovered = await harness.crash();
      await checkSums(recovered, harness.partitions);
      assert.deepEqual(await wholeSum(recovered), sum);
    },
  );

  withStore('a write is in the sum when it is acknowledged', async (store) => {
    const before = await wholeSum(store);
    await store.merge(recordOf({ key: 'a' }));
    const first = await wholeSum(store);
    assert.equal(first.count, before.count + 1);
    await store.merge(recordOf({ key: 'a', wallMs: 2_000 }));
    const second = await wholeSum(store);
    assert.equal(second.count, first.count);
    assert.notEqual(second.low, first.low);
  });

  withStore('hints are in no sum, list or range', async (store) => {
    const target = 'n2';
    assert.ok(isNodeId(target));
    await store.putHint(target, recordOf({ key: 'hinted' }));
    assert.deepEqual(await wholeSum(store), emptySum);
    assert.deepEqual((await store.listVersions(wholeRing, 10)).versions, []);
    assert.deepEqual((await store.readRange(wholeRing, 1_000)).records, []);
  });

  withStore('the sums of the children of a tree node add up to its own', async (store, { partitions }) => {
    const records = variedRecords();
    await mergeAll(store, records);
    const [some] = records;
    assert.ok(some !== undefined);
    for (let depth = 0; depth < 5; depth++) {
      const node = treeNodeOf(some.token, { depth, partitions });
      const ranges = [node, ...treeChildren(node)].map((each) => treeRange(each, partitions));
      const [own, ...ofChildren] = await store.sumRanges(ranges, always);
      assert.ok((own?.count ?? 0) > 0);
      assert.deepEqual(ofChildren.reduce(addSums, emptySum), own);
      if (depth === 0) assert.deepEqual(own, store.partitionSum(node.partition));
    }
  });

  withStore('a sum up to an instant leaves later versions out', async (store, { partitions }) => {
    await mergeAll(store, variedRecords());
    const ranges = [
      wholeRing,
      ...Array.from({ length: partitions }, (_, each) => treeRange(treeRoot(each), partitions)),
    ];
    for (const upToMs of [999, 1_000, 1_002, 1_004, 5_000]) {
      const [whole, ...ofPartitions] = await store.sumRanges(ranges, upToMs);
      const expected = variedRecords().filter((record) => record.version.dot.wallMs <= upToMs).length;
      assert.equal(whole?.count, expected);
      assert.deepEqual(ofPartitions.reduce(addSums, emptySum), whole);
    }
  });

  for (const limit of [1, 5, 40, 1_000]) {
    withStore(`lists of at most ${limit} versions have every version once, in token order`, async (store) => {
      const records = variedRecords();
      await mergeAll(store, records);
      const expected = records.map(listedOf).toSorted(byTokenAndChecksum);
      const listed = await listAll(store, wholeRing, limit);
      assert.deepEqual(listed.toSorted(byTokenAndChecksum), expected);
    });
  }

  for (const bytesMax of [1, 2_000, 30_000, 1_000_000]) {
    withStore(
      `reads of at most ${bytesMax} bytes bring every record once, as it was written`,
      async (store, harness) => {
        const records = variedRecords();
        await mergeAll(store, records);
        const reopened = await harness.reopen();
        const read = await readAll(reopened, wholeRing, bytesMax);
        assert.deepEqual(keysOf(read), keysOf(records));
        const byKey = new Map(records.map((record) => [keyText(record.key), record]));
        for (const record of read) {
          assert.deepEqual(
            Buffer.from(record.bytes),
            Buffer.from(byKey.get(keyText(record.key))?.bytes ?? []),
          );
        }
      },
    );
  }

  withStore('both ends of a range belong to it', async (store) => {
    const records = variedRecords().toSorted((left, right) => compareTokens(left.token, right.token));
    await mergeAll(store, records);
    for (const [from, to] of [
      [0, 0],
      [3, 9],
      [20, records.length - 1],
    ] as const) {
      const first = records[from]?.token;
      const last = records[to]?.token;
      assert.ok(first !== undefined && last !== undefined);
      const range = { first, last };
      const inside = records.filter(({ token }) => isInRange(token, range));
      assert.deepEqual(keysOf(await readAll(store, range, 5_000)), keysOf(inside));
      assert.equal((await listAll(store, range, 3)).length, inside.length);
      assert.equal((await store.sumRanges([range], always))[0]?.count, inside.length);
    }
  });

  withStore('records are read by their tokens, what there is no room for is named', async (store) => {
    const records = variedRecords();
    await mergeAll(store, records);
    const absent = recordOf({ key: 'never written' }).token;
    const tokens = [
      absent,
      ...new Map(records.map(({ token }) => [`${token.high}.${token.low}`, token])).values(),
    ];
    const read: StoredRecord[] = [];
    let rounds = 0;
    for (let rest: readonly Token[] = tokens; rest.length > 0; rounds++) {
      const page = await store.readTokens(rest, 4_000);
      assert.ok(page.rest.length < rest.length, 'each read gets on');
      assert.deepEqual(page.rest, rest.slice(rest.length - page.rest.length));
      read.push(...page.records);
      rest = page.rest;
    }
    assert.ok(rounds > 5);
    assert.deepEqual(keysOf(read), keysOf(records));
    assert.deepEqual(await store.readTokens([absent], 1_000), { records: [], rest: [] });
    assert.deepEqual(await store.readTokens([], 1_000), { records: [], rest: [] });
  });

  withStore(
    'a sum taken while others write counts what was there throughout',
    async (store, { partitions }) => {
      const records = variedRecords();
      await mergeAll(store, records);
      const writes = Array.from({ length: 200 }, (_, index) =>
        store.merge(recordOf({ key: `new ${index}` })),
      );
      const counts = Array.from({ length: 20 }, async () => (await wholeSum(store)).count);
      for (const count of await Promise.all(counts)) {
        assert.ok(count >= records.length && count <= records.length + writes.length);
      }
      await Promise.all(writes);
      await checkSums(store, partitions);
    },
  );
}
