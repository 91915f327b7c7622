/**
 * Power cuts at every disk operation of a life that deletes, raises stability floors, checkpoints meanwhile and
 * compacts with forgotten entries still in the log: what was forgotten stays away, and its floor is there to
 * refuse what is older.
 */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { errorCodeOf } from '../core/errors.ts';
import { compareVersions } from '../core/merge.ts';
import type { StoredRecord } from '../core/record.ts';
import { isCollectable } from '../core/stability.ts';
import { partitionOf } from '../core/token.ts';
import { SimulatedCrash } from '../sim/disk-faults.ts';
import { SimDisk } from '../sim/sim-disk.ts';
import type { UnsyncedFate } from '../sim/sim-inode.ts';
import { SimRandom } from '../sim/sim-random.ts';
import { snapshotDirectory } from './checkpoint-file.ts';
import { openTestStore, type TestOptions } from './log-store-harness-contract.ts';
import type { LogStore } from './log-store.ts';
import { logDirectory } from './segment-name.ts';
import { keyText, recordOf } from './store-contract-records.ts';

const partitions = 16;
/** Every disk operation is hit by FLOOR_CRASH_STEP=1; unless told, every seventh is, in one of the tests. */
const step = Number(process.env['FLOOR_CRASH_STEP'] ?? 21);

/** So small that compactions begin by themselves too. */
const options: TestOptions = {
  segmentBytesMax: 700,
  compactionDeadBytesMin: 0,
  checkpointAfterBytes: 1_500,
  compactionBytesPerSecond: 1e9,
};

/** What was acknowledged. */
class Promises {
  readonly versions = new Map<string, StoredRecord[]>();
  floorMs = 0;
  waitingBytes = 0;

  async merge(store: LogStore, record: StoredRecord): Promise<void> {
    await store.merge(record);
    const name = keyText(record.key);
    this.versions.set(name, [...(this.versions.get(name) ?? []), record]);
  }

  async raise(store: LogStore, floorMs: number): Promise<void> {
    await store.raiseFloors(Array.from({ length: partitions }, (_, partition) => ({ partition, floorMs })));
    this.floorMs = floorMs;
    this.waitingBytes = Math.max(this.waitingBytes, store.status().collectedBytes);
  }

  async check(store: LogStore): Promise<void> {
    for (const versions of this.versions.values()) {
      const newest = versions.reduce((left, right) =>
        compareVersions(left.version, right.version) > 0 ? left : right,
      );
      await this.#checkKey(store, newest);
      for (const older of versions) await store.merge(older).catch(expectStale);
      await this.#checkKey(store, newest);
    }
    assert.deepEqual(store.status().evidenceLost, false, JSON.stringify(store.status().quarantined));
  }

  async #checkKey(store: LogStore, newest: StoredRecord): Promise<void> {
    const floorMs = store.floorOf(partitionOf(newest.token, partitions));
    assert.ok(floorMs >= this.floorMs, 'a floor that was raised stays');
    const held = await store.get(newest.key, newest.token);
    const isForgotten = held === undefined && isCollectable(newest.version, floorMs);
    const isHeld = held !== undefined && compareVersions(held.version, newest.version) >= 0;
    assert.ok(
      isForgotten || isHeld,
      'the newest version is held, or forgotten below a floor that is on the disk',
    );
  }
}

function expectStale(error: unknown): void {
  assert.equal(errorCodeOf(error), 'STALE_VERSION');
}

async function open(disk: SimDisk, more: TestOptions): Promise<LogStore> {
  const store = await openTestStore(disk.session(), { ...options, ...more });
  await store.restoreEvidence();
  return store;
}

async function live(disk: SimDisk, promises: Promises, more: TestOptions): Promise<void> {
  for (let start = 0; start < 2; start++) {
    const store = await open(disk, more);
    for (let round = 0; round < 3; round++) {
      const wallMs = 1_000 + start * 1_000 + round * 100;
      const names = ['a', 'b', 'c', `d ${start} ${round}`, `e ${start} ${round}`];
      for (const name of names) await promises.merge(store, recordOf({ key: name, value: name, wallMs }));
      await Promise.all(
        names.map((name) =>
          promises.merge(store, recordOf({ key: name, tombstone: true, wallMs: wallMs + 1 })),
        ),
      );
      await promises.merge(store, recordOf({ key: `kept ${start} ${round}`, value: 'k'.repeat(90), wallMs }));
      await Promise.all([promises.raise(store, wallMs + 10), store.checkpoint()]);
      await promises.merge(store, recordOf({ key: 'b', value: 'again', wallMs: wallMs + 20 }));
    }
    await store.compactNow();
    await store.close();
  }
}

/** Runs a life in which the power goes out before operation `at`, and checks what is left, with checkpoints and without. */
async function liveUntil(at: number, fate: UnsyncedFate, more: TestOptions): Promise<void> {
  const disk = new SimDisk({ random: new SimRandom(at) });
  const promises = new Promises();
  disk.crashFate = fate;
  disk.beforeOperation = (_operation, _path, index) => {
    if (index === at) throw new SimulatedCrash();
  };
  const crashed = disk.whenCrashed();
  await Promise.race([live(disk, promises, more).catch(() => undefined), crashed]);
  disk.beforeOperation = undefined;
  disk.crash({ unsynced: fate });
  const store = await open(disk, more);
  await promises.check(store);
  await store.close();
  for (const folder of [snapshotDirectory, logDirectory]) {
    for (const path of disk.paths()) {
      if (path.startsWith(`${folder}/`) && !path.endsWith('.seg')) disk.removeNow(path);
    }
  }
  const rebuilt = await open(disk, more);
  await promises.check(rebuilt);
  await rebuilt.close();
}

describe('a power cut while floors rise and forgotten entries are compacted', () => {
  for (const { fate, first } of [
    { fate: 'lose', first: 0 },
    { fate: 'tear', first: 7 },
    { fate: 'keep', first: 14 },
  ] as const) {
    test(`brings nothing back, before whichever disk operation (unsynced bytes: ${fate})`, async () => {
      const disk = new SimDisk();
      const promises = new Promises();
      await live(disk, promises, {});
      assert.ok(promises.waitingBytes > 0, 'forgotten entries wait in the log');
      for (let at = first; at < disk.operations; at += step) await liveUntil(at, fate, {});
    });
  }
});
