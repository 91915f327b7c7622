import assert from 'node:assert/strict';
import { test } from 'node:test';
import { defaultTiming, type NodeConfig, type NodeId } from '../core/config.ts';
import { ManualClock } from '../sim/manual-clock.ts';
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
  options: { readonly config?: NodeConfig; readonly clock?: ManualClock; readonly seed?: number } = {},
): Promise<NodeIdentity> {
  return NodeIdentity.open({
    disk: disk.session(),
    config: options.config ?? config,
    clock: options.clock ?? new ManualClock(),
    random: new SimRandom(options.seed ?? 1),
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

test('a node that lost its disk has a greater incarnation still, and never the actor of before', async () => {
  const clock = new ManualClock();
  const first = await open(new SimDisk(), { clock });
  clock.advance(2_000);
  const second = await open(new SimDisk(), { clock, seed: 2 });
  assert.ok(second.incarnation > first.incarnation);
  assert.notEqual(second.actor, first.actor);
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
