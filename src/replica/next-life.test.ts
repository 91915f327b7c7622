import assert from 'node:assert/strict';
import { test } from 'node:test';
import { defaultTiming, type NodeConfig, type NodeId } from '../core/config.ts';
import { crc32 } from '../core/crc32.ts';
import { silentObserver } from '../ports/observer.ts';
import { SimulatedCrash } from '../sim/disk-faults.ts';
import { ManualClock } from '../sim/manual-clock.ts';
import { SimDisk } from '../sim/sim-disk.ts';
import { SimRandom } from '../sim/sim-random.ts';
import { openLogStore } from '../storage/log-store.ts';
import type { Store } from '../storage/store.ts';
import { beginNextLife } from './next-life.ts';
import { NodeIdentity } from './node-identity.ts';

const n1 = 'n1' as NodeId;
const config: NodeConfig = {
  id: n1,
  members: [{ id: n1, weight: 1, zone: '' }],
  clusterName: 'test',
  partitions: 4,
  quorum: { n: 1, r: 1, w: 1 },
  quorumMode: 'sloppy',
  valueBytesMax: 1024,
  timing: defaultTiming,
};
const known = { incarnation: 9, life: 5 };

function openStore(disk: SimDisk): Promise<Store> {
  return openLogStore({
    disk: disk.session(),
    clock: new ManualClock(),
    random: new SimRandom(1),
    observer: silentObserver,
    checksum: crc32,
    partitions: config.partitions,
    durability: { mode: 'always' },
    onFailed: () => undefined,
  });
}

function openIdentity(disk: SimDisk): Promise<NodeIdentity> {
  return NodeIdentity.open({
    disk: disk.session(),
    config,
    random: new SimRandom(disk.operations),
    logEntries: 0,
  });
}

test('a store that began empty was lost, one that had something was rolled back', async () => {
  const disk = new SimDisk();
  const identity = await openIdentity(disk);
  const store = await openStore(disk);
  const next = await beginNextLife(identity, store, known);
  assert.equal(next.incarnation, 10);
  assert.equal(store.status().evidenceLost, 'lost');
  await store.restoreEvidence();
  await beginNextLife(next, store, { incarnation: 20, life: 1 });
  assert.equal(store.status().evidenceLost, 'rolled-back');
  assert.equal((await openIdentity(disk)).incarnation, 22);
});

test('a power cut at any instant leaves an incarnation that peers refuse, or a store without evidence', async () => {
  const seen = { refused: 0, withoutEvidence: 0 };
  for (let at = 0; ; at++) {
    const disk = new SimDisk();
    const store = await openStore(disk);
    await store.restoreEvidence();
    const identity = await openIdentity(disk);
    const start = disk.operations;
    disk.beforeOperation = (_operation, _path, index) => {
      if (index === start + at) throw new SimulatedCrash();
    };
    const crashed = disk.whenCrashed().then(() => 'crashed');
    const begun = beginNextLife(identity, store, known).then(() => 'begun');
    begun.catch(() => undefined);
    const outcome = await Promise.race([begun, crashed]);
    disk.beforeOperation = undefined;
    disk.crash({ unsynced: 'lose' });
    const { incarnation } = await openIdentity(disk);
    const { evidenceLost } = (await openStore(disk)).status();
    if (incarnation > known.incarnation) assert.equal(evidenceLost, 'rolled-back', `operation ${at}`);
    seen[incarnation > known.incarnation ? 'withoutEvidence' : 'refused'] += 1;
    if (outcome === 'begun') break;
  }
  assert.ok(seen.refused > 3 && seen.withoutEvidence > 0, JSON.stringify(seen));
});
