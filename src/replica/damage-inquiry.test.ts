/**
 * What rots where it alone is the newest version, on three simulated nodes: it gives way to what the others hold, and
 * never when it may have been acknowledged. Hints are off, so that nothing else brings replicas level.
 */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { defaultTiming, type NodeConfig, type NodeId } from '../core/config.ts';
import { crc32 } from '../core/crc32.ts';
import type { StoredRecord } from '../core/record.ts';
import { tokenOf } from '../core/token.ts';
import { emptySum, equalSums, RunningSum, type VersionSum } from '../core/version-sum.ts';
import { silentObserver } from '../ports/observer.ts';
import { inMacrotask } from '../sim/drain.ts';
import { SimCluster } from '../sim/sim-cluster.ts';
import type { SimNode } from '../sim/sim-node.ts';
import { ManualClock } from '../sim/manual-clock.ts';
import { simulate, type World } from '../sim/simulation.ts';
import { LogStoreHarness } from '../storage/log-store-harness-contract.ts';
import { openLogStore } from '../storage/log-store.ts';
import { recordOf } from '../storage/store-contract-records.ts';
import { DamageInquiry } from './damage-inquiry.ts';
import { placementFor } from './node.ts';

const second = 1_000_000;
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const key = bytes('the key');
const partitions = 8;

interface Stage {
  readonly world: World;
  readonly cluster: SimCluster;
  readonly n1: SimNode;
  readonly n2: SimNode;
  readonly n3: SimNode;
}

function play(story: (stage: Stage) => Promise<void>): Promise<void> {
  const members = ['n1', 'n2', 'n3'].map((id) => ({ id: id as NodeId, weight: 1, zone: '' }));
  const body = async (world: World): Promise<void> => {
    const cluster = new SimCluster(world, {
      members,
      config: {
        ...{ clusterName: 'damage', partitions, quorum: { n: 3, r: 2, w: 2 }, quorumMode: 'sloppy' as const },
        ...{ valueBytesMax: 4_096, timing: defaultTiming, hintedHandoff: false, scrubMs: 0 },
      },
      openStore: ({ disk, clock, random, observer }) =>
        openLogStore({
          ...{ disk, clock, random, observer, checksum: crc32, partitions },
          durability: { mode: 'always' },
        }),
    });
    assert.equal(await cluster.startAll(10 * second), true);
    await world.sleep(3 * second);
    const [n1, n2, n3] = cluster.nodes;
    assert.ok(n1 !== undefined && n2 !== undefined && n3 !== undefined);
    await story({ world, cluster, n1, n2, n3 });
  };
  return inMacrotask(() => {
    simulate({ seed: 3 }, body);
  });
}

async function put(node: SimNode, value: string, w = 2): Promise<string> {
  const outcome = await node.api?.put({ key, value: bytes(value), w });
  return outcome?.kind ?? 'not up';
}

/** What a node's own disk holds under the key. */
async function valueAt(node: SimNode): Promise<string | undefined> {
  try {
    const value = (await node.store?.get(key, tokenOf(key)))?.version.value;
    return value === undefined ? undefined : new TextDecoder().decode(value);
  } catch {
    return 'unreadable';
  }
}

/** Flips a bit of the value on a node's disk, and has it found. */
async function rot(node: SimNode, value: string): Promise<void> {
  let flipped = 0;
  for (const path of node.disk.paths().filter((each) => each.endsWith('.seg'))) {
    const at = Buffer.from(node.disk.readNow(path) ?? []).indexOf(value);
    if (at < 0) continue;
    node.disk.corrupt(path, at + 1, 0x10);
    flipped++;
  }
  assert.equal(flipped, 1);
  assert.equal((await node.api?.operator.scrub())?.corrupt, 1);
  assert.equal(await valueAt(node), 'unreadable');
}

function areLevel({ cluster }: Stage): boolean {
  return Array.from({ length: partitions }).every((_, partition) => {
    const [first, ...others] = cluster.nodes.map((node) => node.store?.partitionSum(partition));
    return first !== undefined && others.every((sum) => sum !== undefined && equalSums(sum, first));
  });
}

const replacedAt = (node: SimNode): number => node.api?.counters()['damage.replaced'] ?? 0;

/** n1 alone takes a version that is never acknowledged, and it rots there. */
async function rotAlone({ cluster, world, n1, n2, n3 }: Stage): Promise<void> {
  cluster.network.partition([n1.id], [n2.id, n3.id]);
  await world.sleep(3 * second);
  assert.notEqual(await put(n1, 'alone'), 'stored');
  assert.equal(await valueAt(n1), 'alone');
  await rot(n1, 'alone');
}

describe('a version that rots where it alone is the newest, and was not acknowledged', () => {
  test('gives way to the older one that the others hold, and does not come back', () =>
    play(async (stage) => {
      const { world, cluster, n1 } = stage;
      assert.equal(await put(n1, 'everywhere', 3), 'stored');
      await rotAlone(stage);
      await world.sleep(20 * second);
      assert.equal(replacedAt(n1), 0, 'nobody can be asked');
      cluster.network.heal();
      assert.equal(await cluster.waitUntil(() => replacedAt(n1) === 1 && areLevel(stage), 30 * second), true);
      assert.equal(await valueAt(n1), 'everywhere');
      const why = await n1.api?.operator.why(key);
      assert.equal(why?.isLevel, true);
      n1.crash({ kind: 'killed', unsynced: 'lose' });
      assert.equal(await cluster.startAll(10 * second), true);
      await world.sleep(5 * second);
      assert.equal(await valueAt(n1), 'everywhere');
      assert.equal(areLevel(stage), true);
    }));

  test('is forgotten where nobody holds anything of its key', () =>
    play(async (stage) => {
      const { cluster, n1 } = stage;
      await rotAlone(stage);
      cluster.network.heal();
      assert.equal(await cluster.waitUntil(() => replacedAt(n1) === 1, 30 * second), true);
      assert.equal(await valueAt(n1), undefined);
      assert.equal(areLevel(stage), true);
      assert.deepEqual(await n1.store?.listVersions({ first: tokenOf(key), last: tokenOf(key) }, 5), {
        versions: [],
        next: undefined,
      });
    }));
});

describe('a version that may have been acknowledged', () => {
  test('stays damaged while the only other holder is away, and is healed when it comes back', () =>
    play(async (stage) => {
      const { world, cluster, n1, n2, n3 } = stage;
      assert.equal(await put(n1, 'older', 3), 'stored');
      cluster.network.partition([n1.id, n2.id], [n3.id]);
      await world.sleep(3 * second);
      assert.equal(await put(n1, 'acknowledged'), 'stored');
      cluster.network.heal();
      cluster.network.partition([n1.id, n3.id], [n2.id]);
      await rot(n1, 'acknowledged');
      await world.sleep(60 * second);
      assert.equal(replacedAt(n1), 0);
      assert.equal(await valueAt(n1), 'unreadable');
      cluster.network.heal();
      assert.equal(await cluster.waitUntil(() => areLevel(stage), 30 * second), true);
      assert.equal(await valueAt(n1), 'acknowledged');
      assert.equal(replacedAt(n1), 0);
    }));

  test('stays damaged on both of its holders, until the key is written again', () =>
    play(async (stage) => {
      const { world, cluster, n1, n2, n3 } = stage;
      assert.equal(await put(n1, 'older', 3), 'stored');
      cluster.network.partition([n1.id, n2.id], [n3.id]);
      await world.sleep(3 * second);
      assert.equal(await put(n1, 'acknowledged'), 'stored');
      await rot(n1, 'acknowledged');
      await rot(n2, 'acknowledged');
      cluster.network.heal();
      await world.sleep(60 * second);
      assert.ok((n1.api?.counters()['damage.inquiries'] ?? 0) > 3, 'they were asked');
      assert.deepEqual([replacedAt(n1), replacedAt(n2)], [0, 0]);
      assert.deepEqual([await valueAt(n1), await valueAt(n2)], ['unreadable', 'unreadable']);
      const why = await n3.api?.operator.why(key);
      assert.deepEqual(
        why?.nodes.map(({ answer }) => answer?.failure).filter((failure) => failure !== undefined),
        ['RECORD_CORRUPT', 'RECORD_CORRUPT'],
      );
      assert.equal(await put(n3, 'written again', 3), 'stored');
      assert.equal(await cluster.waitUntil(() => areLevel(stage), 30 * second), true);
    }));
});

describe('an inquiry', () => {
  const older = recordOf({ key: 'k', value: 'older', wallMs: 1_500 });
  const rotten = recordOf({ key: 'k', value: 'rotten', wallMs: 1_600 });
  const sum = new RunningSum();
  sum.add({ token: older.token, wallMs: 1_500, counter: 0, checksum: older.version.checksum });

  interface Asked {
    readonly clock: ManualClock;
    /** The owners that were asked, in order. */
    readonly asked: NodeId[];
    readonly heldMs: () => Promise<number | undefined>;
    readonly settle: () => Promise<void>;
  }

  /** One node with a rotten record, whose peers say that they hold older ones and hand out `records`. */
  async function inquire(
    says: { readonly sum: VersionSum; readonly records: readonly StoredRecord[] },
    story: (stage: Asked) => Promise<void>,
  ): Promise<void> {
    const harness = new LogStoreHarness();
    await (await harness.open()).merge(rotten);
    const store = await harness.rot(rotten);
    assert.equal((await store.scrub({ bytesPerSecond: 1e12 })).corrupt, 1);
    const members = ['n1', 'n2', 'n3'].map((id) => ({ id: id as NodeId, weight: 1, zone: '' }));
    const config: NodeConfig = {
      ...{ id: 'n1' as NodeId, members, clusterName: 'test', partitions: 16, quorum: { n: 3, r: 2, w: 2 } },
      ...{ quorumMode: 'sloppy' as const, valueBytesMax: 1_024, timing: defaultTiming },
    };
    const clock = new ManualClock();
    const asked: NodeId[] = [];
    const newest = { wallMs: says.sum.count === 0 ? 0 : 1_500, counter: 0 };
    const inquiry = new DamageInquiry({
      coordination: {
        ...{ config, clock, placement: placementFor(config), observer: silentObserver, isUp: () => true },
        replica: { check: () => undefined },
      },
      store,
      exchangeWith: (peer) => ({
        testify: (tokens) => {
          asked.push(peer);
          return Promise.resolve(tokens.map(() => ({ isWitness: true, newest, sum: says.sum })));
        },
        tokens: () => Promise.resolve({ records: says.records, next: undefined }),
      }),
    });
    const settle = async (): Promise<void> => {
      for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve));
    };
    const heldMs = async (): Promise<number | undefined> =>
      (await Promise.resolve(store.get(rotten.key, rotten.token)).catch(() => rotten))?.version.dot.wallMs;
    inquiry.start();
    await settle();
    await story({ clock, asked, heldMs, settle });
    await inquiry.stop();
    await harness.dispose();
  }

  test('begins when a request that counted on this node has ended', () =>
    inquire({ sum: sum.value(), records: [older] }, async ({ clock, asked, heldMs, settle }) => {
      clock.advance(defaultTiming.requestTimeoutMs - 1);
      await settle();
      assert.deepEqual(asked, []);
      clock.advance(1);
      await settle();
      assert.deepEqual(new Set(asked), new Set(['n2', 'n3']));
      assert.equal(await heldMs(), 1_500);
    }));

  test('ends with nothing done where an owner hands out other than it testified to', async () => {
    for (const says of [
      { sum: sum.value(), records: [] },
      { sum: emptySum, records: [older] },
    ]) {
      await inquire(says, async ({ clock, asked, heldMs, settle }) => {
        clock.advance(defaultTiming.requestTimeoutMs);
        await settle();
        assert.equal(asked.length, 2);
        assert.equal(await heldMs(), 1_600);
      });
    }
  });
});
