/** Nodes that come back with an old or an empty disk: noticed, new actors, no witnesses, and no dot minted twice. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { defaultTiming, type Durability, type NodeId } from '../core/config.ts';
import { crc32 } from '../core/crc32.ts';
import type { Dot } from '../core/dot.ts';
import { limits } from '../core/limits.ts';
import { openLogStore } from '../storage/log-store.ts';
import { inMacrotask } from './drain.ts';
import { SimCluster } from './sim-cluster.ts';
import type { SimNode } from './sim-node.ts';
import { simulate, type World } from './simulation.ts';

const second = 1_000_000;
const heartbeatMicros = defaultTiming.heartbeatMs * 1_000;

class Stage {
  readonly world: World;
  readonly cluster: SimCluster;
  readonly n1: SimNode;
  readonly n2: SimNode;
  readonly n3: SimNode;

  constructor(world: World, cluster: SimCluster) {
    this.world = world;
    this.cluster = cluster;
    const [n1, n2, n3] = cluster.nodes;
    assert.ok(n1 !== undefined && n2 !== undefined && n3 !== undefined);
    [this.n1, this.n2, this.n3] = [n1, n2, n3];
  }

  /** Starts nodes and waits until each serves and has heard of the others. */
  async start(...nodes: readonly SimNode[]): Promise<void> {
    for (const node of nodes) this.cluster.start(node);
    assert.ok(
      await this.cluster.waitUntil(() => nodes.every((node) => node.isServing), 10 * second),
      this.cluster.failedStarts.join(),
    );
    await this.world.sleep(2 * second);
  }

  /** Puts through a node; all three must take it. */
  async put(node: SimNode, key: string, value: string, w = 3): Promise<Dot> {
    const outcome = await node.api?.put({ key: encode(key), value: encode(value), w });
    assert.ok(outcome?.kind === 'stored', JSON.stringify(outcome));
    return outcome.dot;
  }
}

/** Plays on three nodes, N = 3, R = W = 2, that are up. */
function onStage(
  play: (stage: Stage) => Promise<void>,
  {
    seed = 5,
    durability = { mode: 'always' },
  }: { readonly seed?: number; readonly durability?: Durability } = {},
): Promise<void> {
  const members = ['n1', 'n2', 'n3'].map((id) => ({ id: id as NodeId, weight: 1, zone: '' }));
  return inMacrotask(() => {
    simulate({ seed }, async (world) => {
      const cluster = new SimCluster(world, {
        members,
        config: {
          clusterName: 'old disks',
          partitions: 4,
          quorum: { n: 3, r: 2, w: 2 },
          quorumMode: 'strict',
          valueBytesMax: 10_000,
          timing: defaultTiming,
        },
        openStore: ({ config, ...ports }) =>
          openLogStore({
            ...ports,
            checksum: crc32,
            partitions: config.partitions,
            durability,
          }),
      });
      const stage = new Stage(world, cluster);
      await stage.start(...cluster.nodes);
      await play(stage);
    });
  });
}

function crash(...nodes: readonly SimNode[]): void {
  for (const node of nodes) node.crash({ kind: 'powerLost', unsynced: 'lose' });
}

/** Flips a bit in the last or the middle part of the log. */
function corrupt(node: SimNode, where: 'midst' | 'end'): void {
  const path = node.disk.paths().findLast((name) => name.startsWith('log/'));
  assert.ok(path !== undefined);
  const length = node.disk.readNow(path)?.length ?? 0;
  node.disk.corrupt(path, where === 'end' ? length - 3 : Math.floor(length / 2), 1);
}

const evidenceOf = (node: SimNode): unknown => node.store?.status().evidenceLost;

describe('a node that comes back with an old disk', () => {
  test('is noticed by its first contact, serves as a new actor, and is no witness', () =>
    onStage(async (stage) => {
      const { n2, n3 } = stage;
      crash(n3);
      const snapshot = n3.snapshotDisk();
      await stage.start(n3);
      const before = await stage.put(n3, 'a', 'one');
      crash(n2, n3);
      n3.rollBackDisk(snapshot);
      await stage.start(n3);
      assert.equal(n3.api?.incarnation, 3);
      assert.equal(evidenceOf(n3), 'rolled-back');
      assert.equal(stage.world.sometimes.read('life.rolled-back'), 1);
      await stage.start(n2);
      const after = await stage.put(n3, 'b', 'two');
      assert.notEqual(after.actor, before.actor);
    }));

  test('mints no dot twice although its clock was set back with the disk', () =>
    onStage(async (stage) => {
      const { world, n3 } = stage;
      crash(n3);
      const snapshot = n3.snapshotDisk();
      await stage.start(n3);
      const startedMicros = world.scheduler.nowMicros;
      const dots: Dot[] = [];
      for (let index = 0; index < 40; index++) dots.push(await stage.put(n3, `key ${index}`, 'before'));
      crash(n3);
      n3.rollBackDisk(snapshot);
      n3.hardware.jump(-Math.ceil((world.scheduler.nowMicros - startedMicros) / 1_000) - 2_000);
      await stage.start(n3);
      for (let index = 0; index < 40; index++) dots.push(await stage.put(n3, `key ${index}`, 'after', 1));
      const names = dots.map(({ wallMs, counter, actor }) => `${wallMs}.${counter} ${actor}`);
      assert.equal(new Set(names).size, names.length);
      const actors = new Set(dots.map(({ actor }) => actor));
      assert.equal(actors.size, 2);
    }));

  test('is noticed also by peers that lost power after they had met its later life', () =>
    onStage(async (stage) => {
      const { n1, n2, n3 } = stage;
      crash(n3);
      const snapshot = n3.snapshotDisk();
      await stage.start(n3);
      stage.cluster.powerLoss('lose');
      n3.rollBackDisk(snapshot);
      await stage.start(n1, n2, n3);
      assert.equal(n3.api?.incarnation, 3);
      assert.equal(evidenceOf(n3), 'rolled-back');
      assert.notEqual(evidenceOf(n1), 'rolled-back');
    }));

  test('is noticed however often it loses power while it finds out', () =>
    onStage(async (stage) => {
      const { world, n3 } = stage;
      crash(n3);
      const snapshot = n3.snapshotDisk();
      await stage.start(n3);
      for (let operations = 5; operations <= 60; operations += 5) {
        n3.rollBackDisk(snapshot);
        n3.armCrash(operations, { kind: 'powerLost', unsynced: 'tear' });
        stage.cluster.start(n3);
        await world.sleep(3 * second);
        n3.disarmCrash();
        await stage.start(n3);
        assert.equal(evidenceOf(n3), 'rolled-back', `after ${operations} operations`);
      }
      assert.ok((world.sometimes.read('crash.in-midst-of-code') ?? 0) >= 5);
    }));
});

describe('a copy from the life that ended last', () => {
  test('is noticed by its log, which is shorter than its peers heard', () =>
    onStage(async (stage) => {
      const { world, n3 } = stage;
      const before = await stage.put(n3, 'a', 'one');
      const snapshot = n3.snapshotDisk();
      await stage.put(n3, 'b', 'two');
      await world.sleep(2 * heartbeatMicros);
      n3.rollBackDisk(snapshot);
      await stage.start(n3);
      assert.equal(n3.api?.incarnation, 3, 'after the 2 that it came with');
      assert.equal(evidenceOf(n3), 'rolled-back');
      assert.notEqual((await stage.put(n3, 'c', 'three')).actor, before.actor);
    }));

  test('is noticed also by peers that lost power since they heard of its log', () =>
    onStage(async (stage) => {
      const { world, n1, n2, n3 } = stage;
      const snapshot = n3.snapshotDisk();
      await stage.put(n3, 'a', 'one');
      await world.sleep(limits.knownPeersSaveMs * 1_000 + 2 * heartbeatMicros);
      stage.cluster.powerLoss('lose');
      n3.rollBackDisk(snapshot);
      await stage.start(n1, n2, n3);
      assert.equal(evidenceOf(n3), 'rolled-back');
      assert.equal(world.sometimes.read('life.rolled-back'), 1, 'n1 and n2 have all that they had');
    }));

  test('is noticed after any number of starts without its peers', () =>
    onStage(async (stage) => {
      const { world, n1, n2, n3 } = stage;
      const snapshot = n3.snapshotDisk();
      await stage.put(n3, 'a', 'one');
      await world.sleep(limits.knownPeersSaveMs * 1_000 + 2 * heartbeatMicros);
      n3.rollBackDisk(snapshot);
      crash(n1, n2);
      for (let round = 0; round < 4; round++) {
        await stage.start(n3);
        assert.notEqual(evidenceOf(n3), 'rolled-back');
        crash(n3);
      }
      await stage.start(n1, n2, n3);
      assert.equal(evidenceOf(n3), 'rolled-back');
    }));

  test('is an ordinary restart when nothing was written since', () =>
    onStage(async (stage) => {
      const { world, n3 } = stage;
      await stage.put(n3, 'a', 'one');
      await world.sleep(4 * heartbeatMicros);
      n3.rollBackDisk(n3.snapshotDisk());
      await stage.start(n3);
      assert.equal(n3.api?.incarnation, 2);
      assert.equal(world.sometimes.read('life.rolled-back'), 0);
    }));

  test('is held against the node once: what its peers heard of the former log counts no more', () =>
    onStage(async (stage) => {
      const { world, n3 } = stage;
      const snapshot = n3.snapshotDisk();
      for (let index = 0; index < 30; index++) await stage.put(n3, `key ${index}`, 'one');
      await world.sleep(2 * heartbeatMicros);
      n3.rollBackDisk(snapshot);
      await stage.start(n3);
      assert.equal(world.sometimes.read('life.rolled-back'), 1);
      for (let round = 0; round < 5; round++) {
        crash(n3);
        await stage.start(n3);
      }
      assert.equal(n3.api?.incarnation, 8);
      assert.equal(world.sometimes.read('life.rolled-back'), 1);
      // It may be set back again, to a copy of before or after, and that is noticed as well.
      const [again] = [n3.snapshotDisk(), await stage.put(n3, 'b', 'two')];
      await world.sleep(2 * heartbeatMicros);
      for (const [index, copy] of [again, snapshot, again].entries()) {
        n3.rollBackDisk(copy);
        await stage.start(n3);
        assert.equal(world.sometimes.read('life.rolled-back'), 2 + index);
      }
    }));
});

describe('what the log of a node had come to', () => {
  test('is never more than a crash leaves of it under durability always', () =>
    onStage(async (stage) => {
      const { world, cluster, n3 } = stage;
      const random = world.random.fork('crashes');
      let isOver = false;
      const write = async (): Promise<void> => {
        for (let index = 0; !isOver; index++) {
          void cluster.nodes[index % 3]?.api?.put({
            key: encode(`key ${index % 9}`),
            value: encode(`${index}`),
          });
          await world.sleep(20_000);
        }
      };
      const writing = write();
      for (let round = 0; round < 40; round++) {
        await world.sleep(random.below(2 * heartbeatMicros));
        const kind = random.below(3) === 0 ? 'killed' : 'powerLost';
        n3.armCrash(1 + random.below(30), { kind, unsynced: 'tear' });
        await world.sleep(second);
        n3.disarmCrash();
        await stage.start(n3);
      }
      isOver = true;
      await writing;
      assert.ok((world.sometimes.read('crash.in-midst-of-code') ?? 0) >= 30);
      assert.equal(world.sometimes.read('life.rolled-back'), 0);
    }));

  for (const durability of [{ mode: 'never' }, { mode: 'interval', intervalMs: 3_600_000 }] as const) {
    test(`is noticed to be gone when a power cut took it under ${durability.mode}, not when the process died`, () =>
      onStage(
        async (stage) => {
          const { world, n3 } = stage;
          await stage.put(n3, 'a', 'one');
          await world.sleep(2 * heartbeatMicros);
          n3.crash({ kind: 'killed', unsynced: 'lose' });
          await stage.start(n3);
          assert.equal(world.sometimes.read('life.rolled-back'), 0);
          await stage.put(n3, 'b', 'two');
          await world.sleep(2 * heartbeatMicros);
          crash(n3);
          await stage.start(n3);
          assert.equal(world.sometimes.read('life.rolled-back'), 1);
          assert.equal(evidenceOf(n3), 'rolled-back');
        },
        { durability },
      ));
  }

  test('is noticed to be gone when its durable end rots, which on its own looks like a torn write', () =>
    onStage(async (stage) => {
      const { world, n3 } = stage;
      for (const key of ['a', 'b', 'c']) await stage.put(n3, key, 'one');
      await world.sleep(2 * heartbeatMicros);
      crash(n3);
      corrupt(n3, 'end');
      await stage.start(n3);
      assert.equal(evidenceOf(n3), 'rolled-back');
      assert.equal(world.sometimes.read('life.rolled-back'), 1);
    }));

  test('is not gone when damage in its midst is set aside: that the node notices by itself', () =>
    onStage(async (stage) => {
      const { world, n3 } = stage;
      for (const key of ['a', 'b', 'c']) await stage.put(n3, key, 'one');
      await world.sleep(2 * heartbeatMicros);
      crash(n3);
      corrupt(n3, 'midst');
      await stage.start(n3);
      assert.equal(evidenceOf(n3), 'damaged');
      assert.equal(world.sometimes.read('life.rolled-back'), 0);
    }));
});

describe('a node that comes back with an empty disk', () => {
  test('is noticed, although a first start looks the same', () =>
    onStage(async (stage) => {
      const { n3 } = stage;
      const before = await stage.put(n3, 'a', 'one');
      crash(n3);
      n3.replaceDisk();
      await stage.start(n3);
      assert.equal(n3.api?.incarnation, 2);
      assert.equal(evidenceOf(n3), 'lost');
      assert.notEqual((await stage.put(n3, 'a', 'two')).actor, before.actor);
    }));

  test('passes peers that know different lives of it one after the other', () =>
    onStage(async (stage) => {
      const { n1, n2, n3 } = stage;
      crash(n2);
      for (let start = 0; start < 4; start++) {
        crash(n3);
        await stage.start(n3);
      }
      crash(n1, n3);
      n3.replaceDisk();
      await stage.start(n2, n3);
      assert.equal(n3.api?.incarnation, 2, 'after the life that n2 met');
      await stage.start(n1);
      assert.equal(n3.api?.incarnation, 6, 'after the life that n1 met');
      assert.equal(stage.world.sometimes.read('life.rolled-back'), 2);
      assert.ok(n3.isServing);
    }));
});

test('nothing is made of empty disks that nobody knew, nor of ordinary restarts', () =>
  onStage(async (stage) => {
    for (let round = 0; round < 3; round++) {
      stage.cluster.powerLoss('lose');
      await stage.start(...stage.cluster.nodes);
    }
    assert.deepEqual(
      stage.cluster.nodes.map((node) => node.api?.incarnation),
      [4, 4, 4],
    );
    assert.equal(stage.world.sometimes.read('life.rolled-back'), 0);
  }));

test('a peer that is judged while the process of before still seems connected is let in all the same', () =>
  onStage(async (stage) => {
    const { world, n3 } = stage;
    crash(n3);
    const snapshot = n3.snapshotDisk();
    await stage.start(n3);
    // Nobody hears that the machine is gone, and it is back, with an old disk, before its silence is noticed.
    n3.rollBackDisk(snapshot);
    stage.cluster.start(n3);
    await world.sleep((2 * limits.peerPresentMs + 2_000) * 1_000);
    assert.equal(n3.isServing, true);
    assert.equal(n3.api?.incarnation, 3);
    assert.equal(world.sometimes.read('exit.id-in-use'), 0);
  }));

describe('what was acknowledged is not denied because of an old disk', () => {
  for (let seed = 1; seed <= 12; seed++) {
    test(`seed ${seed}: a read finds it or says that it can't know`, () => onStage(playOldDisk, { seed }));
  }
});

async function playOldDisk(stage: Stage): Promise<void> {
  const { n3 } = stage;
  const random = stage.world.random.fork('story');
  const acknowledged = new Map<string, string>();
  const write = async (count: number): Promise<void> => {
    for (let index = 0; index < count; index++) {
      const [key, value] = [`key ${random.below(8)}`, `value ${random.below(1_000_000)}`];
      const outcome = await stage.cluster.nodes[random.below(3)]?.api?.put({
        key: encode(key),
        value: encode(value),
      });
      if (outcome?.kind === 'stored') acknowledged.set(key, value);
    }
  };
  const read = async (node: SimNode, mayBeUnavailable: boolean): Promise<void> => {
    for (const [key, value] of acknowledged) {
      const outcome = await node.api?.get({ key: encode(key) });
      if (outcome?.kind === 'unavailable' && mayBeUnavailable) continue;
      assert.ok(outcome?.kind === 'found', `${node.id} says of ${key}: ${outcome?.kind}`);
      assert.equal(new TextDecoder().decode(outcome.version.value), value, `${key} at ${node.id}`);
    }
  };
  await write(10);
  crash(n3);
  const kind = random.pick(['of an earlier life', 'of its last life', 'empty'] as const);
  let snapshot = kind === 'of an earlier life' ? n3.snapshotDisk() : undefined;
  await stage.start(n3);
  if (kind === 'of its last life') snapshot = n3.snapshotDisk();
  // What one of the others misses is held by n3 and the third alone.
  const [absent, present] = random.below(2) === 0 ? [stage.n1, stage.n2] : [stage.n2, stage.n1];
  crash(absent);
  await write(20);
  await stage.world.sleep(2 * heartbeatMicros);
  if (snapshot === undefined) n3.replaceDisk();
  else n3.rollBackDisk(snapshot);
  stage.cluster.start(n3);
  const hasMet = (): boolean => stage.world.sometimes.read('life.rolled-back') > 0 && n3.isServing;
  assert.ok(await stage.cluster.waitUntil(hasMet, 10 * second));
  // Two that do not know must not conclude anything.
  crash(present);
  await stage.start(absent, n3);
  await read(absent, true);
  await read(n3, true);
  await stage.start(present);
  await read(n3, false);
}

function encode(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
