/** A replica keeps what its node has promised for the stability floor, and nothing more. */

import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { NodeId } from '../core/config.ts';
import { crc32 } from '../core/crc32.ts';
import { StoreError } from '../core/errors.ts';
import { encodeRecord, type StoredRecord } from '../core/record.ts';
import { partitionOf } from '../core/token.ts';
import { SimDisk } from '../sim/sim-disk.ts';
import { openTestStore } from '../storage/log-store-harness-contract.ts';
import type { LogStore } from '../storage/log-store.ts';
import type { Counters } from './counters.ts';
import type { Replica } from './replica.ts';
import { pairConfig, replicaOn, silentCounters, wallMs } from './replica-harness-contract.ts';

const n2 = 'n2' as NodeId;
const promisedMs = wallMs - 100;

async function start(): Promise<{ store: LogStore; replica: Replica; counters: Counters }> {
  const store = await openTestStore(new SimDisk());
  const counters = silentCounters();
  const promise = {
    check: (stamp: number): void => {
      if (stamp <= promisedMs) throw new StoreError('STALE_VERSION', 'promised away');
    },
  };
  return { store, replica: replicaOn(store, { observer: counters, promise }), counters };
}

function recordAt(stamp: number): StoredRecord {
  const key = new TextEncoder().encode(`stamped ${stamp}`);
  return encodeRecord({ key, dot: { wallMs: stamp, counter: 0, actor: 'n2.test' } }, crc32);
}

const fresh = { ageMsMax: 2_000 };

test('a new write from the time that was promised away is refused, and not stored', async () => {
  const { replica, store, counters } = await start();
  const late = await replica.put(recordAt(promisedMs), undefined, fresh);
  assert.equal(late.kind === 'refused' && late.code, 'STALE_VERSION');
  assert.equal(store.status().keys, 0);
  assert.equal((await replica.put(recordAt(promisedMs + 1), undefined, fresh)).kind, 'stored');
  assert.equal(counters.read('floor.late-writes-refused'), 1);
});

test('so is a new hint', async () => {
  const { replica, store } = await start();
  const late = await replica.put(recordAt(promisedMs), n2);
  assert.equal(late.kind === 'refused' && late.code, 'STALE_VERSION');
  assert.deepEqual(store.hints(), []);
  assert.equal((await replica.put(recordAt(promisedMs + 1), n2)).kind, 'stored');
});

test('what another owner holds is taken whenever it was stamped, but not from below the floor', async () => {
  const { replica, store, counters } = await start();
  const record = recordAt(promisedMs - 5);
  assert.equal((await replica.put(record, undefined)).kind, 'stored');
  const partition = partitionOf(recordAt(promisedMs - 7).token, pairConfig.partitions);
  await store.raiseFloors([{ partition, floorMs: promisedMs - 6 }]);
  const stray = await replica.put(recordAt(promisedMs - 7), undefined);
  assert.equal(stray.kind === 'refused' && stray.code, 'STALE_VERSION');
  assert.equal(counters.read('floor.strays-refused'), 1);
  assert.equal(counters.read('floor.late-writes-refused'), 0);
});
