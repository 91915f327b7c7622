/** What a replica says to a record that loses against one that it can't read: that one may be given up. */

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { defaultTiming, type NodeConfig, type NodeId } from '../core/config.ts';
import { crc32 } from '../core/crc32.ts';
import { errorCodeOf } from '../core/errors.ts';
import type { StoredRecord } from '../core/record.ts';
import { ManualClock } from '../sim/manual-clock.ts';
import { LogStoreHarness } from '../storage/log-store-harness-contract.ts';
import { recordOf } from '../storage/store-contract-records.ts';
import { Counters } from './counters.ts';
import { NodeClock } from './node-clock.ts';
import { placementFor } from './node.ts';
import { Replica } from './replica.ts';

const n2 = 'n2' as NodeId;
const config: NodeConfig = {
  id: 'n1' as NodeId,
  members: ['n1', 'n2'].map((id) => ({ id: id as NodeId, weight: 1, zone: id })),
  clusterName: 'test',
  partitions: 16,
  quorum: { n: 2, r: 1, w: 2 },
  quorumMode: 'sloppy',
  valueBytesMax: 1024,
  timing: defaultTiming,
};
const older = recordOf({ key: 'k', value: 'older', wallMs: 1_500 });

/** A replica whose newer version of the key has rotted, and is known to have. */
async function rotten(): Promise<Replica> {
  const harness = new LogStoreHarness();
  const newer: StoredRecord = recordOf({ key: 'k', value: 'newer', wallMs: 1_600 });
  await (await harness.open()).merge(newer);
  const store = await harness.rot(newer);
  await assert.rejects(
    Promise.resolve(store.get(newer.key, newer.token)),
    (error) => errorCodeOf(error) === 'RECORD_CORRUPT',
  );
  const clock = new ManualClock(2_000);
  const saveBound = (): Promise<void> => Promise.resolve();
  return new Replica({
    ...{ config, store, placement: placementFor(config), checksum: crc32, isWitness: () => true },
    clock: new NodeClock({ clock, clockSkewMsMax: 500, boundAtStartMs: 0, saveBound }),
    observer: new Counters({ log: () => undefined, count: () => undefined }),
  });
}

for (const path of ['write', 'read', 'handoff'] as const) {
  test(`a ${path} that loses against what can't be read is not acknowledged`, async () => {
    const replica = await rotten();
    const reply = await replica.put(older, undefined, undefined, replica.arrivals.originOf(path, n2));
    assert.equal(reply.kind === 'refused' && reply.code, 'RECORD_CORRUPT');
  });
}

test('what anti-entropy brings is taken, and lost: nobody waits for it', async () => {
  const replica = await rotten();
  const origin = replica.arrivals.originOf('anti-entropy', n2);
  assert.equal((await replica.put(older, undefined, undefined, origin)).kind, 'stored');
});

test('a newer version heals, and is acknowledged', async () => {
  const replica = await rotten();
  const newest = recordOf({ key: 'k', value: 'newest', wallMs: 1_700 });
  const origin = replica.arrivals.originOf('write', n2);
  assert.equal((await replica.put(newest, undefined, undefined, origin)).kind, 'stored');
});
