/** Compaction as seen through the store: what it frees, what it keeps, and what goes on meanwhile. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { isNodeId, type NodeId } from '../core/config.ts';
import { errorCodeOf } from '../core/errors.ts';
import type { StoredRecord } from '../core/record.ts';
import type { Clock } from '../ports/clock.ts';
import { SimulatedCrash } from '../sim/disk-faults.ts';
import { SimDisk } from '../sim/sim-disk.ts';
import { openTestStore, testClock, type TestOptions } from './log-store-harness-contract.ts';
import type { LogStore } from './log-store.ts';
import { batchHeaderBytes } from './segment-format.ts';
import { collidingKeys, recordOf } from './store-contract-records.ts';

const n2 = nodeId('n2');
const small = {
  segmentBytesMax: 2_000,
  checkpointAfterBytes: 1_000_000,
  compactionDeadBytesMin: 0,
} satisfies TestOptions;

/** Writes all keys anew in each round; later calls write later versions. */
async function overwrite(store: LogStore, rounds: number, keys: number): Promise<Map<string, StoredRecord>> {
  const wallMs = 1_000 + store.status().operations;
  const newest = new Map<string, StoredRecord>();
  for (let round = 0; round < rounds; round++) {
    for (let key = 0; key < keys; key++) {
      const record = recordOf({ key: `key ${key}`, value: `round ${round}`, wallMs: wallMs + round });
      newest.set(`key ${key}`, record);
      await store.merge(record);
    }
  }
  return newest;
}

async function assertHeld(store: LogStore, records: Iterable<StoredRecord>): Promise<void> {
  for (const record of records) {
    const held = await store.get(record.key, record.token);
    assert.deepEqual(Buffer.from(held?.bytes ?? []), Buffer.from(record.bytes));
  }
}

/** Resolves once all background work that is due has been done. */
async function settled(store: LogStore): Promise<void> {
  await store.checkpoint();
}

describe('compaction', () => {
  test('keeps the newest version of every key and frees the rest, files included', async () => {
    const disk = new SimDisk();
    const store = await openTestStore(disk.session(), small);
    const newest = await overwrite(store, 40, 10);
    await settled(store);
    const status = store.status();
    assert.ok(status.compactions > 0 && status.compactedBytes > 0);
    assert.ok(status.logBytes < 3 * small.segmentBytesMax, `${status.logBytes} bytes`);
    const files = disk.paths().filter((path) => path.endsWith('.seg'));
    assert.equal(files.length, status.segments);
    await assertHeld(store, newest.values());
    assert.equal(status.keys, 10);
    disk.crash();
    const restarted = await openTestStore(disk.session(), small);
    await assertHeld(restarted, newest.values());
    assert.equal(restarted.status().logEntries, 400, 'the count of entries goes on');
    for (const path of disk.paths()) if (path.endsWith('.ckpt')) disk.removeNow(path);
    disk.crash();
    const rebuilt = await openTestStore(disk.session(), small);
    await assertHeld(rebuilt, newest.values());
    assert.equal(rebuilt.status().logEntries, 400);
    assert.equal(rebuilt.status().evidenceLost, 'fresh');
  });

  test('ends its file so that one that was cut short is found out', async () => {
    const disk = new SimDisk();
    const store = await openTestStore(disk.session(), small);
    await overwrite(store, 40, 10);
    await settled(store);
    await store.close();
    const first = disk.paths().find((path) => path.endsWith('.seg')) ?? '';
    assert.doesNotMatch(first, /\.1\.seg$/);
    for (const path of disk.paths()) if (!path.endsWith('.seg')) disk.removeNow(path);
    disk.truncateNow(first, (disk.readNow(first)?.length ?? 0) - batchHeaderBytes);
    const opened = await openTestStore(disk.session(), small);
    assert.equal(opened.status().evidenceLost, 'damaged');
    assert.match(opened.status().quarantined[0]?.reason ?? '', /cut short/);
  });

  test('keeps keys of one token apart', async () => {
    const disk = new SimDisk();
    const store = await openTestStore(disk.session(), small);
    const keys = collidingKeys(4);
    const newest: StoredRecord[] = [];
    for (let round = 0; round < 60; round++) {
      for (const key of keys) {
        const record = recordOf({ key, value: `round ${round}`, wallMs: 1_000 + round });
        await store.merge(record);
        if (round === 59) newest.push(record);
      }
    }
    await settled(store);
    assert.ok(store.status().compactions > 0);
    await assertHeld(store, newest);
    disk.crash();
    await assertHeld(await openTestStore(disk.session(), small), newest);
  });

  test('does not bring back a hint that was dropped, whatever is compacted in which order', async () => {
    const disk = new SimDisk();
    const store = await openTestStore(disk.session(), small);
    // Live records beside the hints keep the oldest segments as they are, so drops have to stay.
    for (let index = 0; index < 60; index++) {
      await store.putHint(n2, recordOf({ key: `hint ${index}`, value: 'x'.repeat(20) }));
      await store.merge(recordOf({ key: `live ${index}`, value: 'x'.repeat(200) }));
    }
    for (let index = 0; index < 60; index++) {
      await store.removeHint(n2, recordOf({ key: `hint ${index}`, wallMs: 2_000 }));
      await overwrite(store, 1, 2);
    }
    await overwrite(store, 60, 3);
    await settled(store);
    assert.ok(store.status().compactions > 0);
    for (const withCheckpoint of [true, false]) {
      disk.crash();
      if (!withCheckpoint) {
        for (const path of disk.paths()) if (!path.endsWith('.seg')) disk.removeNow(path);
      }
      const restarted = await openTestStore(disk.session(), small);
      assert.deepEqual(restarted.hints(), [], `with a checkpoint: ${withCheckpoint}`);
      assert.equal(restarted.status().keys, 63);
    }
  });

  test('drops what it can once nothing older may need it', async () => {
    const disk = new SimDisk();
    const store = await openTestStore(disk.session(), small);
    for (let round = 0; round < 20; round++) {
      for (let index = 0; index < 10; index++) {
        await store.putHint(n2, recordOf({ key: `hint ${index}`, wallMs: 1_000 + round }));
      }
      for (let index = 0; index < 10; index++) {
        await store.removeHint(n2, recordOf({ key: `hint ${index}`, wallMs: 1_000 + round }));
      }
    }
    await settled(store);
    assert.ok(store.status().logBytes <= 2 * small.segmentBytesMax, `${store.status().logBytes} bytes`);
  });

  test('loses no write that is made while it runs', async () => {
    const disk = new SimDisk();
    // So slow that the writes below overlap with it.
    const store = await openTestStore(disk.session(), { ...small, compactionBytesPerSecond: 100_000 });
    const newest = new Map<string, StoredRecord>();
    for (let round = 0; round < 60; round++) {
      const batch = Array.from({ length: 12 }, (_, key) =>
        recordOf({ key: `key ${(key * 7 + round) % 20}`, value: `round ${round}`, wallMs: 1_000 + round }),
      );
      for (const record of batch) newest.set(Buffer.from(record.key).toString(), record);
      await Promise.all(batch.map((record) => store.merge(record)));
      await assertHeld(store, batch);
    }
    await settled(store);
    assert.ok(store.status().compactions > 0);
    await assertHeld(store, newest.values());
    await store.close();
    await assertHeld(await openTestStore(disk.session(), small), newest.values());
  });

  test('leaves alone what was overwritten after it was copied', async () => {
    const waiting: (() => void)[] = [];
    let isHeld = true;
    const clock: Clock = {
      ...testClock,
      monotonicNow: () => 0,
      startTimer: (_delayMs, callback) => {
        if (!isHeld) return testClock.startTimer(0, callback);
        waiting.push(callback);
        return () => undefined;
      },
    };
    const disk = new SimDisk();
    const store = await openTestStore(disk.session(), { ...small, clock, compactionBytesPerSecond: 1_000 });
    // First in the first segment, and the only live one in it: copied, then the compaction pauses.
    await store.merge(recordOf({ key: 'early', value: 'copied' }));
    const others = await overwrite(store, 30, 10);
    while (waiting.length === 0) await new Promise<void>((resolve) => testClock.nextTurn(resolve));
    const newer = recordOf({ key: 'early', value: 'newer', wallMs: 9_000 });
    await store.merge(newer);
    isHeld = false;
    for (const callback of waiting) callback();
    await settled(store);
    assert.ok(store.status().compactions > 0);
    await assertHeld(store, [newer, ...others.values()]);
    disk.crash();
    await assertHeld(await openTestStore(disk.session(), small), [newer, ...others.values()]);
  });

  test('makes durable what an old entry is dead for before the old entry goes', async () => {
    const disk = new SimDisk();
    const relaxed: TestOptions = { ...small, durability: { mode: 'never' } };
    const store = await openTestStore(disk.session(), relaxed);
    const old = Array.from({ length: 10 }, (_, index) =>
      recordOf({ key: `key ${index}`, value: 'x'.repeat(80) }),
    );
    for (const record of old) await store.merge(record);
    for (let index = 0; index < 6; index++) await store.merge(recordOf({ key: `filler ${index}` }));
    assert.equal(store.status().segments, 2);
    await store.sync();
    // No room for this batch in the second segment: it opens the third, which nothing has synced.
    const newer = old.map(({ key }) => recordOf({ key, value: 'y'.repeat(120), wallMs: 2_000 }));
    let isCut = false;
    disk.beforeOperation = (_operation, path) => {
      if (isCut || !path.endsWith('.ckpt.tmp')) return;
      isCut = true;
      throw new SimulatedCrash();
    };
    await Promise.all(newer.map((record) => store.merge(record)));
    for (let turn = 0; turn < 1_000 && !isCut; turn++) {
      await new Promise<void>((resolve) => testClock.nextTurn(resolve));
    }
    assert.ok(isCut, 'the power goes out before the checkpoint that follows the compaction');
    assert.ok(disk.paths().some((path) => path.endsWith('.2.seg')));
    await assertHeld(await openTestStore(disk.session(), relaxed), newer);
  });

  test('keeps the files it replaced until a checkpoint without them is durable', async () => {
    const disk = new SimDisk();
    const store = await openTestStore(disk.session(), small);
    const undo = disk.failNext({ operation: 'rename', pathIncludes: '.ckpt', times: 1_000 });
    await overwrite(store, 40, 10);
    await assert.rejects(settled(store), { code: 'DISK_WRITE_FAILED' });
    assert.ok(store.status().compactions > 0);
    const replaced = 'log/00000001-00000001.1.seg';
    assert.ok(disk.paths().includes(replaced));
    undo();
    await settled(store);
    assert.ok(!disk.paths().includes(replaced));
  });

  test('lets a read that waits for the disk finish in the file it started on', async () => {
    const held: (() => void)[] = [];
    let isHolding = false;
    const disk = new SimDisk({
      schedule: (operation, _bytes, complete) => {
        if (isHolding && operation === 'read' && held.length === 0) held.push(complete);
        else queueMicrotask(complete);
      },
    });
    const store = await openTestStore(disk.session(), {
      segmentBytesMax: 400_000,
      compactionDeadBytesMin: 0,
    });
    // Both have one token, so that looking for the second reads the first one too.
    const [other, large] = collidingKeys(2).map((key) =>
      recordOf({ key, value: 'x'.repeat(100_000), wallMs: 1_000 }),
    );
    assert.ok(other !== undefined && large !== undefined);
    await store.merge(other);
    await store.merge(large);
    isHolding = true;
    const read = store.get(large.key, large.token);
    assert.equal(held.length, 1);
    for (let round = 0; round < 9; round++) {
      const value = `${round}`.repeat(150_000);
      await store.merge(recordOf({ key: 'filler', value, wallMs: 2_000 + round }));
    }
    await settled(store);
    assert.ok(store.status().compactions > 0);
    assert.ok(!disk.paths().includes('log/00000001-00000001.1.seg'), 'the file it reads from is deleted');
    for (const complete of held) complete();
    assert.deepEqual(Buffer.from((await read)?.bytes ?? []), Buffer.from(large.bytes));
  });

  test('leaves a damaged segment alone and goes on with the others', async () => {
    const disk = new SimDisk();
    const store = await openTestStore(disk.session(), small);
    const kept = Array.from({ length: 8 }, (_, index) =>
      recordOf({ key: `kept ${index}`, value: 'x'.repeat(180) }),
    );
    for (const record of kept) await store.merge(record);
    await overwrite(store, 1, 2);
    // In the first segment, in a record that stays.
    disk.corrupt('log/00000001-00000001.1.seg', 300, 0xff);
    for (const record of kept.slice(2)) {
      await store.merge(recordOf({ key: record.key, value: 'shorter', wallMs: 2_000 }));
    }
    const newest = await overwrite(store, 60, 5);
    await settled(store);
    assert.ok(store.status().compactions > 0);
    assert.ok(disk.paths().includes('log/00000001-00000001.1.seg'));
    await assertHeld(store, newest.values());
    const [first, second] = kept;
    assert.ok(first !== undefined && second !== undefined);
    const outcomes = await Promise.allSettled(
      [first, second].map((record) => store.get(record.key, record.token)),
    );
    assert.equal(outcomes.filter((outcome) => outcome.status === 'rejected').length, 1);
  });

  for (const [what, isLive] of [
    ['does not read what is dead in a segment of which little is alive', false],
    ['leaves a segment alone of whose few live entries one is damaged', true],
  ] as const) {
    test(what, async () => {
      const disk = new SimDisk();
      const store = await openTestStore(disk.session(), { ...small, compactionDeadBytesMin: 6_000 });
      const dead = recordOf({ key: 'key 0', value: 'dead', wallMs: 900 });
      const live = recordOf({ key: 'kept', value: 'alive' });
      await store.merge(dead);
      await store.merge(live);
      const first = 'log/00000001-00000001.1.seg';
      const at = Buffer.from(disk.readNow(first) ?? []).indexOf((isLive ? live : dead).bytes);
      disk.corrupt(first, at + 20, 0xff);
      const newest = await overwrite(store, 60, 5);
      await settled(store);
      assert.ok(store.status().compactions > 0);
      assert.equal(disk.paths().includes(first), isLive, 'only what is damaged stays');
      await assertHeld(store, newest.values());
      if (isLive) await assert.rejects(Promise.resolve(store.get(live.key, live.token)));
      else await assertHeld(store, [live]);
    });
  }

  test('that finds the disk full leaves the store as it was, and is tried again', async () => {
    const disk = new SimDisk();
    const store = await openTestStore(disk.session(), small);
    let newest = await overwrite(store, 8, 10);
    await settled(store);
    const undo = disk.failNext({
      operation: 'write',
      pathIncludes: '.seg.tmp',
      times: 1_000,
      code: 'DISK_FULL',
    });
    const before = store.status().compactions;
    newest = await overwrite(store, 30, 10);
    await settled(store);
    assert.equal(store.status().compactions, before);
    assert.ok(!disk.paths().some((path) => path.endsWith('.tmp')));
    await assertHeld(store, newest.values());
    undo();
    newest = await overwrite(store, 30, 10);
    await settled(store);
    assert.ok(store.status().compactions > before);
    await assertHeld(store, newest.values());
  });

  test('that is told to stop while it repoints the index goes on to the end of that', async () => {
    const disk = new SimDisk();
    let closing: Promise<void> | undefined;
    let turns = 0;
    const isRepointing = (): boolean => disk.paths().some((path) => /\.[2-9]\.seg$/.test(path));
    const clock: Clock = {
      ...testClock,
      nextTurn: (callback) => {
        // The result has its name by then, and no checkpoint that names it is begun.
        if (!isRepointing() || ++turns !== 2) return testClock.nextTurn(callback);
        closing = store.close();
        // The store is told to stop only after a few turns.
        testClock.startTimer(20, callback);
      },
    };
    const large = { segmentBytesMax: 200_000, compactionDeadBytesMin: 1e9 };
    const store = await openTestStore(disk.session(), { ...large, clock });
    const newest = await overwrite(store, 4, 1_000);
    await assert.rejects(store.compactNow(), (error) => errorCodeOf(error) === 'STORE_CLOSED');
    assert.ok(closing !== undefined);
    await closing;
    const restarted = await openTestStore(disk.session(), large);
    await assertHeld(restarted, newest.values());
    assert.ok(restarted.status().snapshotBytes > 0, 'the last checkpoint stands on files that are there');
  });

  test('keeps to its rate, and a close does not wait for it', async () => {
    const disk = new SimDisk();
    const waits: number[] = [];
    const clock: Clock = {
      ...testClock,
      monotonicNow: () => 0,
      startTimer: (delayMs) => {
        waits.push(delayMs);
        return () => undefined;
      },
    };
    const store = await openTestStore(disk.session(), { ...small, clock, compactionBytesPerSecond: 1_000 });
    const newest = await overwrite(store, 30, 10);
    while (waits.length === 0) await new Promise<void>((resolve) => testClock.nextTurn(resolve));
    assert.ok((waits[0] ?? 0) >= 10);
    // The timer above never fires: were it waited for, this would not end.
    await store.close();
    assert.equal(store.status().compactions, 0);
    await assertHeld(await openTestStore(disk.session(), small), newest.values());
  });
});

function nodeId(text: string): NodeId {
  assert.ok(isNodeId(text));
  return text;
}
