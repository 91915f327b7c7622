import assert from 'node:assert/strict';
import { test } from 'node:test';
import { defaultTiming, type NodeConfig, type NodeId } from '../core/config.ts';
import { SimDisk } from '../sim/sim-disk.ts';
import { SimRandom } from '../sim/sim-random.ts';
import { NodeIdentity } from './node-identity.ts';

const n1 = 'n1' as NodeId;
const config: NodeConfig = {
  id: n1,
  members: [{ id: n1, weight: 1, zone: '' }],
  clusterName: 'test',
  partitions: 16,
  quorum: { n: 1, r: 1, w: 1 },
  quorumMode: 'sloppy',
  valueBytesMax: 1024,
  timing: defaultTiming,
};

function open(
  disk: SimDisk,
  options: { readonly config?: NodeConfig; readonly seed?: number; readonly logEntries?: number } = {},
): Promise<NodeIdentity> {
  return NodeIdentity.open({
    disk: disk.session(),
    config: options.config ?? config,
    random: new SimRandom(options.seed ?? 1),
    logEntries: options.logEntries ?? 0,
  });
}

test('an incarnation is on the disk when it is known, so the next one is greater after a power cut', async () => {
  const disk = new SimDisk();
  const first = await open(disk);
  disk.crash({ unsynced: 'lose' });
  const second = await open(disk);
  assert.ok(second.incarnation > first.incarnation);
  assert.equal(second.actor, first.actor);
});

test('a bound of the clock that was saved is where the next life starts', async () => {
  const disk = new SimDisk();
  const first = await open(disk);
  await first.saveClockBound(5_000_000);
  disk.crash({ unsynced: 'lose' });
  assert.equal((await open(disk)).clockBoundAtStartMs, 5_000_000);
});

test('a start on an empty disk is incarnation 1 whatever the clock says, so that peers that know more notice', async () => {
  const disk = new SimDisk();
  assert.equal((await open(disk)).incarnation, 1);
  assert.equal((await open(disk)).incarnation, 2);
  assert.equal((await open(new SimDisk())).incarnation, 1);
});

test('two starts are two lives, also from copies of one disk', async () => {
  const first = await open(new SimDisk(), { seed: 1 });
  const second = await open(new SimDisk(), { seed: 2 });
  assert.equal(first.incarnation, second.incarnation);
  assert.notEqual(first.self.life, second.self.life);
});

test('the next life comes after the one that a peer knows, as another actor, and is on the disk', async () => {
  const disk = new SimDisk();
  const first = await open(disk);
  await first.saveClockBound(5_000_000);
  const next = await first.nextLife({ incarnation: 41, life: 9 }, 12);
  disk.crash({ unsynced: 'lose' });
  assert.equal(next.incarnation, 42);
  assert.notEqual(next.actor, first.actor);
  assert.notEqual(next.self.life, first.self.life);
  assert.equal(next.clockBoundAtStartMs, 5_000_000);
  const restarted = await open(disk, { seed: 3 });
  assert.equal(restarted.incarnation, 43);
  assert.equal(restarted.actor, next.actor);
});

test('the log of a start belongs to its generation, which begins with the next life and outlasts restarts', async () => {
  const disk = new SimDisk();
  const first = await open(disk, { logEntries: 30 });
  const { generation } = first.self.log;
  assert.deepEqual(first.self.log, { generation, since: 0, entries: 30 });
  const second = await open(disk, { seed: 2, logEntries: 40 });
  assert.deepEqual(second.self.log, { generation, since: 0, entries: 40 });
  const next = await second.nextLife({ incarnation: 1, life: 9 }, 41);
  assert.notEqual(next.self.log.generation, generation);
  assert.deepEqual({ ...next.self.log, generation }, { generation, since: 3, entries: 41 });
  const restarted = await open(disk, { seed: 3, logEntries: 50 });
  assert.deepEqual(restarted.self.log, { ...next.self.log, entries: 50 });
  assert.equal(restarted.incarnation, 4);
});

test('a past life saves nothing over the state of the next', async () => {
  const disk = new SimDisk();
  const first = await open(disk);
  const early = first.saveClockBound(1_000);
  const next = first.nextLife({ incarnation: 41, life: 9 }, 12);
  await assert.rejects(first.saveClockBound(2_000), { code: 'STOPPING' });
  await early.catch(() => undefined);
  const { incarnation } = await next;
  assert.equal((await open(disk)).incarnation, incarnation + 1);
});

test('there is no life after the last incarnation', async () => {
  const identity = await open(new SimDisk());
  await assert.rejects(identity.nextLife({ incarnation: 0xffff_ffff, life: 1 }, 12), { code: 'ID_IN_USE' });
});

test('a data directory of another node, cluster or number of partitions is refused and left as it is', async () => {
  const disk = new SimDisk();
  const first = await open(disk);
  const others: Partial<NodeConfig>[] = [
    { id: 'n2' as NodeId },
    { clusterName: 'other' },
    { partitions: 32 },
  ];
  for (const other of others) {
    await assert.rejects(open(disk, { config: { ...config, ...other } }), { code: 'CONFIG_INVALID' });
  }
  const second = await open(disk);
  assert.equal(second.incarnation, first.incarnation + 1);
});
