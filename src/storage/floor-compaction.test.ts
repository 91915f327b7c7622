/** What a compaction does with entries forgotten below the stability floor: keeps them as long as a replay needs them. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';

import { errorCodeOf } from '../core/errors.ts';
import type { StoredRecord } from '../core/record.ts';
import { partitionOf } from '../core/token.ts';
import type { Clock } from '../ports/clock.ts';
import { SimDisk } from '../sim/sim-disk.ts';
import { openTestStore, testClock, type TestOptions } from './log-store-harness-contract.ts';
import type { LogStore } from './log-store.ts';
import { recordOf } from './store-contract-records.ts';

const options = {
  segmentBytesMax: 2_000,
  compactionDeadBytesMin: 0,
  checkpointAfterBytes: 1_000_000,
  compactionBytesPerSecond: 1e9,
} satisfies TestOptions;

const victim = recordOf({ key: 'victim', value: 'deleted, and never to be seen again' });
const tombstone = recordOf({ key: 'victim', tombstone: true, wallMs: 1_500 });
const expired = recordOf({ key: 'victim', value: 'short-lived', wallMs: 1_500, expiresAtMs: 1_600 });

async function open(disk: SimDisk): Promise<LogStore> {
  return await openTestStore(disk.session(), options);
}

async function raise(store: LogStore, floorMs: number): Promise<void> {
  await store.raiseFloors(Array.from({ length: 16 }, (_, partition) => ({ partition, floorMs })));
}

/** Values that stay: most of a segment, so that nothing rewrites it for what little is dead. */
async function writeLive(store: LogStore, name: string, count: number, wallMs = 1_000): Promise<void> {
  for (let index = 0; index < count; index++) {
    await store.merge(recordOf({ key: `${name} ${index}`, value: 'x'.repeat(150), wallMs }));
  }
}

/** Writes one key over and over: a segment full of this is rewritten at the next occasion. */
async function churn(store: LogStore, rounds: number): Promise<void> {
  const { operations } = store.status();
  for (let round = 0; round < rounds; round++) {
    await store.merge(recordOf({ key: 'hot', value: 'h'.repeat(60), wallMs: 3_000 + operations + round }));
  }
}

function isOnDisk(disk: SimDisk, record: StoredRecord): boolean {
  const segments = disk.paths().filter((path) => path.startsWith('log/'));
  return segments.some((path) => Buffer.from(disk.readNow(path) ?? []).includes(record.bytes));
}

/** Starts from the segments alone. */
async function replayAll(disk: SimDisk): Promise<LogStore> {
  disk.crash();
  for (const path of disk.paths()) if (!path.endsWith('.seg') && path !== 'floors') disk.removeNow(path);
  return await open(disk);
}

async function assertForgotten(store: LogStore): Promise<void> {
  // A start sweeps in the background what it has replayed; nothing older may show meanwhile.
  let held = await store.get(victim.key, victim.token);
  for (let wait = 0; held !== undefined && wait < 10_000; wait++) {
    assert.notDeepEqual(held.version.dot, victim.version.dot);
    await setTimeout(1);
    held = await store.get(victim.key, victim.token);
  }
  assert.equal(held, undefined);
  await assert.rejects(store.merge(victim), (error) => errorCodeOf(error) === 'STALE_VERSION');
}

describe('a forgotten entry', () => {
  for (const [what, end] of [
    ['deleted', tombstone],
    ['expired', expired],
  ] as const) {
    test(`stays in the log as long as an older segment holds what it superseded: ${what}`, async () => {
      const disk = new SimDisk();
      const store = await open(disk);
      await writeLive(store, 'old', 7);
      await store.merge(victim);
      await writeLive(store, 'older', 1);
      await churn(store, 5);
      await store.merge(end);
      await raise(store, 2_000);
      await churn(store, 60);
      await store.checkpoint();
      assert.ok(store.status().compactions > 0);
      assert.ok(isOnDisk(disk, victim), 'its segment has not been rewritten');
      assert.ok(isOnDisk(disk, end));
      assert.ok(store.status().collectedBytes > 0);
      await assertForgotten(await replayAll(disk));
    });
  }

  test('stays although it is forgotten while a compaction looks for what is alive', async () => {
    const disk = new SimDisk();
    const rests: (() => void)[] = [];
    let isHolding = false;
    let nowMs = 0;
    // All work seems to take long, so the walk through the index rests after the first partition.
    const clock: Clock = {
      ...testClock,
      monotonicNow: () => (isHolding ? (nowMs += 20) : nowMs),
      startTimer: (delayMs, callback) => {
        if (!isHolding) return testClock.startTimer(delayMs, callback);
        rests.push(callback);
        return () => undefined;
      },
    };
    assert.notEqual(partitionOf(tombstone.token, 16), 0);
    const waiting = { ...options, clock, compactionDeadBytesMin: 3_000 };
    const store = await openTestStore(disk.session(), waiting);
    await writeLive(store, 'old', 7);
    await store.merge(victim);
    await writeLive(store, 'older', 1);
    await churn(store, 15);
    await store.merge(tombstone);
    isHolding = true;
    await churn(store, 60);
    while (rests.length === 0) await setTimeout(1);
    isHolding = false;
    await raise(store, 2_000);
    assert.equal(await store.get(victim.key, victim.token), undefined);
    for (const goOn of rests) goOn();
    await store.checkpoint();
    assert.ok(store.status().compactions > 0);
    assert.ok(isOnDisk(disk, victim) && isOnDisk(disk, tombstone));
    await assertForgotten(await replayAll(disk));
  });

  test('goes with the oldest segment, for there is nothing that it could bring back', async () => {
    const disk = new SimDisk();
    const store = await open(disk);
    await store.merge(victim);
    await store.merge(tombstone);
    await churn(store, 10);
    await raise(store, 2_000);
    await churn(store, 60);
    await store.checkpoint();
    assert.ok(!isOnDisk(disk, victim) && !isOnDisk(disk, tombstone));
    assert.equal(store.status().collectedBytes, 0);
    await assertForgotten(await replayAll(disk));
  });

  test('has older segments rewritten once too many of its kind wait', async () => {
    const disk = new SimDisk();
    const store = await open(disk);
    for (let index = 0; index < 12; index++) {
      await writeLive(store, `old ${index}`, 1);
      if (index % 4 === 1) await store.merge(recordOf({ key: `deleted ${index}`, value: 'v' }));
    }
    await store.merge(victim);
    await writeLive(store, 'older', 9);
    for (let index = 0; index < 30; index++) {
      await store.merge(recordOf({ key: `deleted ${index}`, tombstone: true, wallMs: 1_500 }));
    }
    await store.merge(tombstone);
    await writeLive(store, 'newer', 9);
    await raise(store, 2_000);
    await writeLive(store, 'newest', 14, 3_000);
    await store.checkpoint();
    assert.ok(!isOnDisk(disk, victim) && !isOnDisk(disk, tombstone));
    assert.equal(store.status().collectedBytes, 0);
    await assertForgotten(await replayAll(disk));
  });

  test('is needed until the files of a compaction before it cannot come back', async () => {
    const disk = new SimDisk();
    const store = await open(disk);
    await writeLive(store, 'old', 8);
    await store.merge(victim);
    await store.checkpoint();
    await store.merge(tombstone);
    await writeLive(store, 'newer', 8);
    await raise(store, 2_000);
    // No checkpoint ever names what the compactions write.
    disk.failNext({ operation: 'rename', pathIncludes: 'snapshot', times: Infinity });
    for (let attempt = 0; attempt < 4; attempt++) await assert.rejects(store.compactNow());
    disk.crash();
    disk.clearFaults();
    await assertForgotten(await open(disk));
  });

  test('is gone from the disk, and from what a restart knows, once all has been rewritten', async () => {
    const disk = new SimDisk();
    const store = await open(disk);
    await writeLive(store, 'old', 8);
    await store.merge(victim);
    await writeLive(store, 'older', 8);
    await store.merge(tombstone);
    await raise(store, 2_000);
    assert.ok(isOnDisk(disk, victim) && isOnDisk(disk, tombstone));
    disk.crash();
    const restarted = await open(disk);
    assert.ok(restarted.status().collectedBytes >= tombstone.bytes.length);
    await restarted.compactNow();
    assert.ok(!isOnDisk(disk, victim) && !isOnDisk(disk, tombstone));
    const { compactions } = restarted.status();
    await restarted.compactNow();
    assert.equal(restarted.status().compactions, compactions, 'what is clean is left as it is');
    await assertForgotten(restarted);
    disk.crash();
    const again = await open(disk);
    assert.equal(again.status().collectedBytes, 0);
    await assertForgotten(again);
  });
});

describe('a sweep', () => {
  test('reads no expiry again before the least of them has come', async () => {
    const disk = new SimDisk();
    const store = await open(disk);
    for (let index = 0; index < 20; index++) {
      await store.merge(recordOf({ key: `expiring ${index}`, expiresAtMs: 9_000 + index }));
    }
    await raise(store, 2_000);
    const before = disk.operations;
    await raise(store, 8_999);
    const raised = disk.operations - before;
    await raise(store, 9_009);
    assert.equal(store.status().keys, 10);
    assert.ok(raised < 20, `${raised} operations for a sweep that finds nothing`);
  });
});
