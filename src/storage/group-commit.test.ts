/** Batches as seen through the store: what shares a sync, what waits, and what reads see meanwhile. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import type { NodeId } from '../core/config.ts';
import { limits } from '../core/limits.ts';
import type { StoredRecord } from '../core/record.ts';
import type { Clock } from '../ports/clock.ts';
import { SimDisk } from '../sim/sim-disk.ts';
import { GroupCommit } from './group-commit.ts';
import { openTestStore, testClock } from './log-store-harness-contract.ts';
import type { LogStore } from './log-store.ts';
import { recordKind } from './segment-format.ts';
import { Segment } from './segment.ts';
import { digestOf, recordOf } from './store-contract-records.ts';

/** A store on a disk whose syncs wait until they are let go. */
async function openHeld(options: { readonly clock?: Clock } = {}): Promise<{
  readonly store: LogStore;
  readonly release: () => void;
  readonly waiting: () => number;
}> {
  const held: (() => void)[] = [];
  let isOpen = false;
  const disk = new SimDisk({
    schedule: (operation, _bytes, complete) => {
      if (isOpen && operation === 'sync') held.push(complete);
      else queueMicrotask(complete);
    },
  });
  const store = await openTestStore(disk.session(), options);
  isOpen = true;
  return { store, release: () => held.shift()?.(), waiting: () => held.length };
}

/** A clock whose timers fire when the test says so. */
function clockByHand(): {
  readonly clock: Clock;
  readonly timers: { readonly delayMs: number; readonly fire: () => void }[];
} {
  const timers: { readonly delayMs: number; readonly fire: () => void }[] = [];
  const clock: Clock = {
    ...testClock,
    startTimer: (delayMs, fire) => {
      timers.push({ delayMs, fire });
      return () => undefined;
    },
  };
  return { clock, timers };
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => testClock.nextTurn(resolve));
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await nextTurn();
}

function recordsOf(count: number): StoredRecord[] {
  return Array.from({ length: count }, (_, index) => recordOf({ key: `key ${index}` }));
}

describe('group commit', () => {
  test('all that one turn produced shares one write and one sync', async () => {
    const disk = new SimDisk();
    const store = await openTestStore(disk.session());
    await store.merge(recordOf({ key: 'first' }));
    const operations: string[] = [];
    disk.beforeOperation = (operation) => operations.push(operation);
    await Promise.all(recordsOf(100).map((record) => store.merge(record)));
    assert.deepEqual(operations, ['write', 'sync']);
  });

  test('what arrives while a batch is under way goes into the next one', async () => {
    const { store, release, waiting } = await openHeld();
    const first = store.merge(recordOf({ key: 'first' }));
    await until(() => waiting() === 1);
    const [second, third] = ['second', 'third'].map((key) => store.merge(recordOf({ key })));
    await nextTurn();
    assert.equal(waiting(), 1, 'one batch at a time');
    release();
    await first;
    assert.equal(store.status().keys, 1);
    await until(() => waiting() === 1);
    release();
    await Promise.all([second, third]);
    assert.equal(store.status().keys, 3);
  });

  test('a read sees a record only once its batch is durable', async () => {
    const { store, release, waiting } = await openHeld();
    const older = recordOf({ key: 'a', value: 'older', wallMs: 1_000 });
    const newer = recordOf({ key: 'a', value: 'newer', wallMs: 2_000 });
    const first = store.merge(older);
    await until(() => waiting() === 1);
    assert.equal(await store.get(older.key, older.token), undefined);
    assert.equal(await store.digest(older.key, older.token), undefined);
    assert.equal((await store.scan({ limit: 1 })).entries.length, 0);
    release();
    await first;
    const second = store.merge(newer);
    await until(() => waiting() === 1);
    assert.deepEqual((await store.get(older.key, older.token))?.version.checksum, older.version.checksum);
    release();
    await second;
    assert.deepEqual((await store.get(older.key, older.token))?.version.checksum, newer.version.checksum);
  });

  test('entries are counted when they are durable, not before: peers are told of them', async () => {
    const { store, release, waiting } = await openHeld();
    const first = store.merge(recordOf({ key: 'a' }));
    await until(() => waiting() === 1);
    assert.equal(store.status().logEntries, 0);
    release();
    await first;
    assert.equal(store.status().logEntries, 1);
  });

  test('a merge that lost is answered when what it lost against is durable, not before', async () => {
    const { store, release, waiting } = await openHeld();
    const newer = recordOf({ key: 'a', wallMs: 2_000 });
    const answered: string[] = [];
    const won = store.merge(newer).then(() => answered.push('won'));
    await until(() => waiting() === 1);
    const lost = store.merge(recordOf({ key: 'a', wallMs: 1_000 })).then((result) => {
      answered.push('lost');
      assert.equal(result.changed, false);
      assert.deepEqual(digestOf(result.held), digestOf(newer.version));
    });
    for (let turn = 0; turn < 5; turn++) await nextTurn();
    assert.deepEqual(answered, []);
    release();
    await Promise.all([won, lost]);
    assert.equal(answered.length, 2);
  });

  test('the newest of many versions in one batch is the one that is held, after a restart too', async () => {
    const disk = new SimDisk();
    const store = await openTestStore(disk.session());
    const order = [3, 1, 5, 2, 4];
    const results = await Promise.all(
      order.map((wallMs) => store.merge(recordOf({ key: 'a', value: `${wallMs}`, wallMs }))),
    );
    assert.deepEqual(
      results.map((result) => result.changed),
      [true, false, true, false, false],
    );
    const { key, token } = recordOf({ key: 'a' });
    assert.equal((await store.get(key, token))?.version.dot.wallMs, 5);
    disk.crash();
    assert.equal((await (await openTestStore(disk.session())).get(key, token))?.version.dot.wallMs, 5);
  });

  test('more entries than a batch takes go into several', async () => {
    const disk = new SimDisk();
    const store = await openTestStore(disk.session());
    await store.merge(recordOf({ key: 'first' }));
    let writes = 0;
    disk.beforeOperation = (operation) => {
      if (operation === 'write') writes++;
    };
    await Promise.all(recordsOf(limits.batchEntriesMax + 1).map((record) => store.merge(record)));
    assert.equal(writes, 2);
    assert.equal(store.status().keys, limits.batchEntriesMax + 2);
  });

  test('large records are written from where they are, and read back whole', async () => {
    const disk = new SimDisk();
    const store = await openTestStore(disk.session());
    const records = [1, 20_000, 5, 300_000, 2].map((length, index) =>
      recordOf({ key: `key ${index}`, value: `${index}`.repeat(length) }),
    );
    await Promise.all(records.map((record) => store.merge(record)));
    disk.crash();
    const restarted = await openTestStore(disk.session());
    for (const record of records) {
      const held = await restarted.get(record.key, record.token);
      assert.deepEqual(Buffer.from(held?.bytes ?? []), Buffer.from(record.bytes));
    }
    assert.deepEqual(restarted.status().quarantined, []);
  });

  test('short records do not wait for long ones that are not begun, nor those for ever', async () => {
    const { store, release, waiting } = await openHeld();
    const answered: string[] = [];
    const put = (key: string, length = 1): Promise<unknown> =>
      store.merge(recordOf({ key, value: 'v'.repeat(length) })).then(() => answered.push(key));
    const puts = [put('first')];
    await until(() => waiting() === 1);
    puts.push(put('long 1', limits.batchBytesMax), put('long 2', limits.batchBytesMax), put('short'));
    for (let round = 0; round <= limits.longBatchOvertakenMax; round++) {
      release();
      await until(() => waiting() === 1);
      puts.push(put(`later ${round}`));
    }
    for (let sync = 0; sync < 4; sync++) {
      release();
      await until(() => waiting() === 1 || answered.length === puts.length);
    }
    await Promise.all(puts);
    const later = Array.from({ length: limits.longBatchOvertakenMax + 1 }, (_, round) => `later ${round}`);
    const passed = later.slice(0, limits.longBatchOvertakenMax - 1);
    assert.deepEqual(answered, [
      'first',
      'short',
      ...passed,
      'long 1',
      'long 2',
      ...later.slice(passed.length),
    ]);
  });

  test('a drop never passes the long record that it drops', async () => {
    const disk = new SimDisk();
    const store = await openTestStore(disk.session());
    const target = 'n2' as NodeId;
    const long = recordOf({ key: 'a', value: 'v'.repeat(limits.batchBytesMax) });
    await Promise.all([
      store.putHint(target, long),
      store.merge(recordOf({ key: 'b', value: 'passes' })),
      store.removeHint(target, long),
    ]);
    assert.deepEqual(store.hints(), []);
    disk.crash();
    const restarted = await openTestStore(disk.session());
    assert.deepEqual(restarted.hints(), []);
    assert.equal(restarted.status().keys, 1);
  });

  test('past its limit the queue refuses, and takes more once it has drained', async () => {
    const gate = Promise.withResolvers<void>();
    const segment = new Segment({
      firstId: 1,
      lastId: 1,
      generation: 1,
      batchMark: 1,
      sequence: 0,
      file: await new SimDisk().open('any', 'create'),
      end: 0,
    });
    let settled = 0;
    const commit = new GroupCommit({
      clock: testClock,
      checksum: () => 0,
      syncsEach: true,
      write: async () => {
        await gate.promise;
        return { segment, offset: 0 };
      },
      onDurable: () => settled++,
      onRefused: () => assert.fail('nothing fails here'),
    });
    const payload = new Uint8Array(limits.logQueueBytesMax / 4);
    const append = (): unknown => commit.append(recordKind, new Uint8Array(0), payload, 'nothing');
    for (let count = 0; count < 3; count++) append();
    assert.throws(append, { code: 'OVERLOADED', retryable: true });
    assert.ok(commit.queuedBytes >= 3 * payload.length);
    gate.resolve();
    await commit.drained();
    assert.equal(commit.queuedBytes, 0);
    assert.equal(settled, 3, 'each is longer than a batch and so goes alone');
    append();
    await commit.drained();
  });

  test('where writes that came one by one share a sync the next waits a moment for more', async () => {
    const { clock, timers } = clockByHand();
    const disk = new SimDisk();
    const store = await openTestStore(disk.session(), { clock });
    const several = recordsOf(limits.commitDelayFromArrivals);
    await Promise.all(several.slice(1).map((record) => store.merge(record)));
    assert.equal(timers.length, 0, 'too few to wait for');
    await Promise.all(several.map((record) => store.merge(recordOf({ key: record.key, wallMs: 2_000 }))));
    assert.deepEqual(
      timers.map(({ delayMs }) => delayMs),
      [limits.commitDelayMs],
    );
    let syncs = 0;
    disk.beforeOperation = (operation) => {
      if (operation === 'sync') syncs++;
    };
    const waiting = [store.merge(recordOf({ key: 'one' }))];
    await nextTurn();
    waiting.push(store.merge(recordOf({ key: 'two' })));
    await nextTurn();
    assert.equal(syncs, 0);
    timers[0]?.fire();
    await Promise.all(waiting);
    assert.equal(syncs, 1);
    await store.merge(recordOf({ key: 'lone' }));
    assert.equal(timers.length, 1);
    await store.close();
  });

  test('who comes while a batch is under way is company, and one who brings much at once is not', async () => {
    const { clock, timers } = clockByHand();
    const { store, release, waiting } = await openHeld({ clock });
    /** Timers started once `next` has come while `first` was under way. */
    async function timersAfter(first: () => Promise<unknown>, next: () => Promise<unknown>): Promise<number> {
      const startedBefore = timers.length;
      const firstStored = first();
      await until(() => waiting() === 1);
      const nextStored = next();
      await nextTurn();
      release();
      await firstStored;
      await nextTurn();
      const started = timers.slice(startedBefore);
      for (const timer of started) timer.fire();
      await until(() => waiting() === 1);
      release();
      await nextStored;
      return started.length;
    }
    let wallMs = 1_000;
    const together = (count: number): Promise<unknown> =>
      store.mergeAll(recordsOf(count).map(({ key }) => recordOf({ key, wallMs: wallMs++ })));
    const oneByOne = (count: number): Promise<unknown> =>
      Promise.all(recordsOf(count).map(({ key }) => store.merge(recordOf({ key, wallMs: wallMs++ }))));
    const others = limits.commitDelayFromArrivals - 1;
    const several = (count: number): Promise<unknown> =>
      Promise.all(Array.from({ length: count }, () => together(2)));
    const begin = (): Promise<unknown> => together(100);
    assert.equal(await timersAfter(begin, begin), 0);
    assert.equal(await timersAfter(begin, () => oneByOne(others - 1)), 0);
    assert.equal(await timersAfter(begin, () => oneByOne(others)), 1);
    assert.equal(await timersAfter(begin, () => several(others)), 1);
  });

  test('where no batch is synced none waits for more', async () => {
    const clock: Clock = {
      ...testClock,
      startTimer: () => assert.fail('nothing to wait for'),
    };
    const durability = { mode: 'never' } as const;
    const store = await openTestStore(new SimDisk(), { clock, durability });
    await Promise.all(recordsOf(2 * limits.commitDelayFromArrivals).map((record) => store.merge(record)));
    await store.merge(recordOf({ key: 'another' }));
    await store.close();
  });

  test('a record over the size limit is refused at once', async () => {
    const store = await openTestStore(new SimDisk(), { valueBytesMax: 1_000 });
    const record = recordOf({ key: 'a', value: 'x'.repeat(10_000) });
    await assert.rejects(store.merge(record), { code: 'VALUE_TOO_LARGE' });
    assert.equal(store.status().logEntries, 0);
  });
});

describe('durability', () => {
  test('interval syncs once for all that was written since the last sync', async () => {
    const disk = new SimDisk();
    const { clock, timers } = clockByHand();
    const durability = { mode: 'interval', intervalMs: 250 } as const;
    const store = await openTestStore(disk.session(), { durability, clock });
    let syncs = 0;
    disk.beforeOperation = (operation) => {
      if (operation === 'sync') syncs++;
    };
    for (const record of recordsOf(5)) await store.merge(record);
    assert.equal(syncs, 0);
    assert.deepEqual(
      timers.map((timer) => timer.delayMs),
      [250],
    );
    timers[0]?.fire();
    await until(() => store.status().lastSyncWallMs !== undefined);
    assert.equal(syncs, 1);
    disk.crash();
    const restarted = await openTestStore(disk.session());
    assert.equal(restarted.status().keys, 5);
  });

  test('never leaves syncing to the finished segment, the checkpoint and the close', async () => {
    const disk = new SimDisk();
    const store = await openTestStore(disk.session(), {
      durability: { mode: 'never' },
      segmentBytesMax: 1_000,
    });
    const syncs: string[] = [];
    disk.beforeOperation = (operation, path) => {
      if (operation === 'sync' && path.endsWith('.seg')) syncs.push(path);
    };
    for (const record of recordsOf(5)) await store.merge(record);
    assert.deepEqual(syncs, []);
    for (const record of recordsOf(20))
      await store.merge({ ...record, ...recordOf({ key: record.key, wallMs: 2_000 }) });
    assert.equal(syncs.length, store.status().segments - 1);
    await store.checkpoint();
    disk.crash();
    assert.equal((await openTestStore(disk.session())).status().keys, 20);
  });
});
