/**
 * What lies on the wrong disk, in small stories on a simulated cluster of real nodes.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { defaultTiming, type NodeId } from '../core/config.ts';
import { crc32 } from '../core/crc32.ts';
import { encodeRecord, type StoredRecord } from '../core/record.ts';
import { partitionOf } from '../core/token.ts';
import { inMacrotask } from '../sim/drain.ts';
import { SimCluster } from '../sim/sim-cluster.ts';
import type { SimNode } from '../sim/sim-node.ts';
import { simulate, type World } from '../sim/simulation.ts';
import { openLogStore } from '../storage/log-store.ts';

const second = 1_000_000;
const partitions = 16;
const partition = 5;

interface Stage {
  readonly world: World;
  readonly cluster: SimCluster;
  /** A node, and records in its store that it does not own. */
  readonly stranger: SimNode;
  readonly records: readonly StoredRecord[];
  readonly owners: readonly SimNode[];
}

/** A cluster of five in which one node holds ten records of a partition of others. */
function play(story: (stage: Stage) => Promise<void>): Promise<void> {
  const members = [1, 2, 3, 4, 5].map((number) => ({ id: `n${number}` as NodeId, weight: 1, zone: '' }));
  const config = {
    ...{ clusterName: 'story', partitions, quorum: { n: 3, r: 2, w: 2 }, quorumMode: 'sloppy' as const },
    ...{ valueBytesMax: 1024 * 1024, timing: defaultTiming },
  };
  const body = async (world: World): Promise<void> => {
    const cluster = new SimCluster(world, {
      members,
      config,
      openStore: ({ disk, clock, random, observer }) =>
        openLogStore({
          ...{ disk, clock, random, observer, checksum: crc32, partitions },
          durability: { mode: 'always' },
        }),
    });
    assert.equal(await cluster.startAll(10 * second), true);
    await world.sleep(2 * second);
    const ids = cluster.placement.owners(partition);
    const owners = cluster.nodes.filter(({ id }) => ids.includes(id));
    const stranger = cluster.nodes.find(({ id }) => !ids.includes(id));
    assert.ok(stranger?.store !== undefined);
    const records = recordsIn(partition, stranger.hardware.wallMs());
    await Promise.all(records.map((record) => stranger.store?.merge(record)));
    await story({ world, cluster, stranger, records, owners });
  };
  return inMacrotask(() => {
    simulate({ seed: 5 }, body);
  });
}

function recordsIn(wanted: number, wallMs: number): StoredRecord[] {
  const records: StoredRecord[] = [];
  for (let number = 0; records.length < 10; number++) {
    const key = new TextEncoder().encode(`key-${number}`);
    const record = encodeRecord(
      { key, dot: { wallMs, counter: number, actor: 'n1.old' }, value: key },
      crc32,
    );
    if (partitionOf(record.token, partitions) === wanted) records.push(record);
  }
  return records;
}

async function heldBy(node: SimNode, records: readonly StoredRecord[]): Promise<number> {
  const held = await Promise.all(records.map((record) => node.store?.get(record.key, record.token)));
  return held.filter((record) => record !== undefined).length;
}

const hygieneOf = (node: SimNode) => node.api?.antiEntropy().hygiene;

test('records of others go to all their owners, and only then from here, for good', () =>
  play(async ({ world, cluster, stranger, records, owners }) => {
    assert.equal(hygieneOf(stranger)?.foreignRecords, 10);
    const isGone = (): boolean => stranger.store?.status().keys === 0;
    assert.equal(await cluster.waitUntil(isGone, 30 * second), true);
    for (const owner of owners) assert.equal(await heldBy(owner, records), 10);
    assert.deepEqual(hygieneOf(stranger), {
      ...{ foreignPartitions: 0, foreignRecords: 0, handedOver: 10, lastError: '' },
    });
    cluster.powerLoss('lose');
    assert.equal(await cluster.startAll(10 * second), true);
    await world.sleep(5 * second);
    assert.equal(await heldBy(stranger, records), 0);
    for (const owner of owners) assert.equal(await heldBy(owner, records), 10);
  }));

test('as long as one owner is away nothing is forgotten, and the reason is shown', () =>
  play(async ({ world, cluster, stranger, records, owners }) => {
    owners[2]?.crash({ kind: 'killed', unsynced: 'lose' });
    await world.sleep(40 * second);
    assert.equal(await heldBy(stranger, records), 10);
    assert.match(hygieneOf(stranger)?.lastError ?? '', /an owner of partition 5 is down/);
    assert.equal(await cluster.startAll(10 * second), true);
    assert.equal(await cluster.waitUntil(() => stranger.store?.status().keys === 0, 30 * second), true);
    for (const owner of owners) assert.equal(await heldBy(owner, records), 10);
  }));

test('what is gone from here lies on every owner at that very moment, also on one that stands still', () =>
  play(async ({ world, stranger, owners }) => {
    const [slow] = owners;
    assert.ok(slow !== undefined);
    const countOf = (node: SimNode): number => node.store?.partitionSum(partition).count ?? 0;
    let hasWaited = false;
    for (let look = 0; look < 3_000 && countOf(stranger) > 0; look++) {
      // It stands still for a second at a time, and is heard in between, so nobody counts it as down.
      if (look % 130 === 0) slow.scope?.pause();
      if (look % 130 === 100) slow.scope?.resume();
      await world.sleep(0.01 * second);
      const counts = owners.map(countOf);
      hasWaited ||= counts.includes(10) && counts.includes(0);
      assert.ok(Math.min(...counts) >= 10 - countOf(stranger), `after ${look} looks: ${counts.join(', ')}`);
    }
    if (slow.scope?.isPaused === true) slow.scope.resume();
    assert.equal(hasWaited, true, 'two owners had all while the third had nothing');
    assert.equal(countOf(stranger), 0);
  }));
