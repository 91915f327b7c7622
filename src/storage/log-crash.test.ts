/**
 * Power cuts at every single disk operation of a life that writes, checkpoints, compacts, keeps and
 * drops hints, is closed and opened again: nothing acknowledged is ever missing afterwards, and
 * nothing that was dropped is back.
 */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { isNodeId, type Durability, type NodeId } from '../core/config.ts';
import type { StoredRecord } from '../core/record.ts';
import type { Clock } from '../ports/clock.ts';
import { SimulatedCrash } from '../sim/disk-faults.ts';
import { SimDisk } from '../sim/sim-disk.ts';
import type { UnsyncedFate } from '../sim/sim-inode.ts';
import { SimRandom } from '../sim/sim-random.ts';
import { openTestStore, testClock, type TestOptions } from './log-store-harness-contract.ts';
import type { LogStore } from './log-store.ts';
import { keyText, recordOf } from './store-contract-records.ts';

const target = nodeId('n2');

/** Segments, checkpoints and batches so small that a short life sees many of each. */
const options: TestOptions = { segmentBytesMax: 700, checkpointAfterBytes: 1_500 };

/** What was acknowledged, and what was at least begun. */
class Promises {
  readonly newest = new Map<string, StoredRecord>();
  readonly begun = new Map<string, StoredRecord[]>();
  readonly hints = new Map<string, 'kept' | 'dropped' | 'unsure'>();
  compactions = 0;

  async merge(store: LogStore, record: StoredRecord): Promise<void> {
    const name = keyText(record.key);
    this.begun.set(name, [...(this.begun.get(name) ?? []), record]);
    await store.merge(record);
    this.newest.set(name, record);
  }

  async hint(store: LogStore, record: StoredRecord): Promise<void> {
    this.hints.set(keyText(record.key), 'unsure');
    await store.putHint(target, record);
    this.hints.set(keyText(record.key), 'kept');
  }

  async drop(store: LogStore, record: StoredRecord): Promise<void> {
    this.hints.set(keyText(record.key), 'unsure');
    await store.removeHint(target, record);
    this.hints.set(keyText(record.key), 'dropped');
  }

  async check(store: LogStore): Promise<void> {
    for (const [name, record] of this.newest) {
      const held = await store.get(record.key, record.token);
      assert.ok(held !== undefined, 'an acknowledged record is there');
      const written = this.begun.get(name)?.find((other) => other.version.checksum === held.version.checksum);
      assert.deepEqual(Buffer.from(held.bytes), Buffer.from(written?.bytes ?? []));
      assert.ok(held.version.dot.wallMs >= record.version.dot.wallMs, 'and it is not an older one');
    }
    const hints = await store.readHints(target, 1_000);
    const held = new Set(hints.map((hint) => keyText(hint.key)));
    for (const [name, state] of this.hints) {
      if (state === 'kept') assert.ok(held.has(name), 'an acknowledged hint is there');
      if (state === 'dropped') assert.ok(!held.has(name), 'a dropped hint is gone');
    }
    const status = store.status();
    assert.equal(status.evidenceLost, false, JSON.stringify(status.quarantined));
    for (const range of status.quarantined) assert.match(range.reason, /torn tail|remains of a write/);
  }
}

/** One life: opened, written to, closed, opened again, written to. */
async function live(disk: SimDisk, promises: Promises, more: TestOptions): Promise<void> {
  for (let start = 0; start < 2; start++) {
    const store = await openTestStore(disk.session(), { ...options, ...more });
    for (let batch = 0; batch < 8; batch++) {
      const wallMs = 1_000 + start * 100 + batch;
      await Promise.all([
        promises.merge(store, recordOf({ key: 'hot', value: `hot ${wallMs}`, wallMs })),
        promises.merge(store, recordOf({ key: `warm ${batch % 3}`, value: `${wallMs}`, wallMs })),
        promises.merge(store, recordOf({ key: `cold ${start} ${batch}`, wallMs })),
        promises.hint(store, recordOf({ key: `hint ${start} ${batch}`, wallMs })),
      ]);
      if (batch % 4 === 3) {
        const hinted = [batch - 1, batch - 2].map((number) => `hint ${start} ${number}`);
        await Promise.all(hinted.map((key) => promises.drop(store, recordOf({ key, wallMs: 5_000 }))));
      }
      if (batch === 5) await store.checkpoint();
    }
    await store.checkpoint();
    promises.compactions += store.status().compactions;
    await store.close();
  }
}

/** Runs a life in which the power goes out before operation `at`; returns how many operations it had. */
async function liveUntil(at: number, fate: UnsyncedFate, more: TestOptions): Promise<number> {
  const disk = new SimDisk({ random: new SimRandom(at) });
  const promises = new Promises();
  disk.crashFate = fate;
  disk.beforeOperation = (_operation, _path, index) => {
    if (index === at) throw new SimulatedCrash();
  };
  const crashed = disk.whenCrashed();
  await Promise.race([live(disk, promises, more).catch(() => undefined), crashed]);
  const operations = disk.operations;
  // The recovery is cut short as well, at a different operation each time, and then left alone.
  const second = operations + (at % 17);
  disk.beforeOperation = (_operation, _path, index) => {
    if (index === second) throw new SimulatedCrash();
  };
  const crashedAgain = disk.whenCrashed();
  const firstTry = openTestStore(disk.session(), { ...options, ...more }).catch(() => undefined);
  await Promise.race([firstTry, crashedAgain]);
  disk.beforeOperation = undefined;
  disk.crash({ unsynced: fate });
  const store = await openTestStore(disk.session(), { ...options, ...more });
  await promises.check(store);
  await promises.merge(store, recordOf({ key: 'hot', value: 'after', wallMs: 9_000 }));
  await store.close();
  const again = await openTestStore(disk.session(), { ...options, ...more });
  await promises.check(again);
  await again.close();
  return operations;
}

describe('a power cut', () => {
  // Between them every operation is hit: even ones lose what was not synced, odd ones tear it.
  for (const { fate, first, step } of [
    { fate: 'lose', first: 0, step: 2 },
    { fate: 'tear', first: 1, step: 2 },
    { fate: 'keep', first: 0, step: 7 },
  ] as const) {
    test(`before any disk operation loses nothing (unsynced bytes: ${fate})`, async () => {
      const disk = new SimDisk();
      const promises = new Promises();
      await live(disk, promises, {});
      assert.ok(promises.compactions >= 2, 'the life is long enough to compact');
      for (let at = first; at < disk.operations; at += step) await liveUntil(at, fate, {});
    });
  }

  test('under durability interval loses at most what was not synced yet, and starts', async () => {
    const durability: Durability = { mode: 'interval', intervalMs: 60_000 };
    for (let seed = 0; seed < 150; seed++) {
      const disk = new SimDisk({ random: new SimRandom(seed) });
      // Its timers never fire, so that only what is synced by hand is synced.
      const clock: Clock = { ...testClock, startTimer: () => () => undefined };
      const store = await openTestStore(disk.session(), { ...options, durability, clock });
      const promises = new Promises();
      for (let batch = 0; batch < seed % 12; batch++) {
        const wallMs = 1_000 + batch;
        await promises.merge(store, recordOf({ key: 'hot', value: `${batch}`, wallMs }));
        await promises.merge(store, recordOf({ key: `cold ${batch}`, value: 'v'.repeat(90), wallMs }));
      }
      await store.sync();
      const unsynced = Array.from({ length: seed % 7 }, (_, index) => recordOf({ key: `late ${index}` }));
      for (const record of unsynced) await store.merge(record);
      disk.crash({ unsynced: 'tear' });
      const opened = await openTestStore(disk.session(), { ...options, durability });
      for (const record of promises.newest.values()) {
        const held = await opened.get(record.key, record.token);
        assert.deepEqual(Buffer.from(held?.bytes ?? []), Buffer.from(record.bytes));
      }
      await opened.close();
    }
  });
});

function nodeId(text: string): NodeId {
  assert.ok(isNodeId(text));
  return text;
}
