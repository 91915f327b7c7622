/**
 * Power cuts at every single disk operation of a life that writes, checkpoints, compacts, keeps and
 * drops hints, is closed and opened again: nothing acknowledged is ever missing afterwards, and
 * nothing that was dropped is back.
 */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { isNodeId, type NodeId } from '../core/config.ts';
import type { StoredRecord } from '../core/record.ts';
import { SimulatedCrash } from '../sim/disk-faults.ts';
import { SimDisk } from '../sim/sim-disk.ts';
import type { UnsyncedFate } from '../sim/sim-inode.ts';
import { SimRandom } from '../sim/sim-random.ts';
import { openTestStore, type TestOptions } from './log-store-harness-contract.ts';
import type { LogStore } from './log-store.ts';
import { keyText, recordOf } from './store-contract-records.ts';

const target = nodeId('n2');

/** Segments, checkpoints and batches so small that a short life sees many of each. */
const options: TestOptions = { segmentBytesMax: 700, checkpointAfterBytes: 1_500, compactionDeadBytesMin: 0 };

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
    assert.equal(status.evidenceLost, 'fresh', JSON.stringify(status.quarantined));
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

  test('under durability never loses nothing that a sync by hand had made durable', async () => {
    const relaxed: TestOptions = { ...options, durability: { mode: 'never' } };
    const disk = new SimDisk();
    const compactions = await liveRelaxed(disk, new Map(), relaxed);
    assert.ok(compactions >= 1);
    for (let at = 0; at < disk.operations; at++) {
      const cut = new SimDisk({ random: new SimRandom(at) });
      cut.crashFate = at % 2 === 0 ? 'lose' : 'tear';
      cut.beforeOperation = (_operation, _path, index) => {
        if (index === at) throw new SimulatedCrash();
      };
      const synced = new Map<string, StoredRecord>();
      const crashed = cut.whenCrashed();
      await Promise.race([liveRelaxed(cut, synced, relaxed).catch(() => undefined), crashed]);
      cut.beforeOperation = undefined;
      const store = await openTestStore(cut.session(), relaxed);
      for (const record of synced.values()) {
        const held = await store.get(record.key, record.token);
        assert.ok(held !== undefined && held.version.dot.wallMs >= record.version.dot.wallMs);
      }
      await store.close();
    }
  });
});

/** A life whose writes become promises only when it syncs by hand. Returns how often it compacted. */
async function liveRelaxed(
  disk: SimDisk,
  synced: Map<string, StoredRecord>,
  more: TestOptions,
): Promise<number> {
  const store = await openTestStore(disk.session(), more);
  const written = new Map<string, StoredRecord>();
  for (let batch = 0; batch < 16; batch++) {
    const wallMs = 1_000 + batch;
    const records = ['hot', `warm ${batch % 3}`, `cold ${batch}`].map((key) =>
      recordOf({ key, value: 'x'.repeat(40), wallMs }),
    );
    await Promise.all(records.map((record) => store.merge(record)));
    for (const record of records) written.set(keyText(record.key), record);
    if (batch % 5 !== 2) continue;
    await store.sync();
    for (const [name, record] of written) synced.set(name, record);
  }
  const { compactions } = store.status();
  await store.close();
  return compactions;
}

function nodeId(text: string): NodeId {
  assert.ok(isNodeId(text));
  return text;
}
