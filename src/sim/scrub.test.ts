/** Bits that flip on the disk of one node, in records that nobody reads: a scrub finds them, and the owners heal them. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { defaultTiming, type NodeConfig, type NodeId } from '../core/config.ts';
import { crc32 } from '../core/crc32.ts';
import { tokenOf } from '../core/token.ts';
import { openLogStore } from '../storage/log-store.ts';
import { inMacrotask } from './drain.ts';
import { SimCluster } from './sim-cluster.ts';
import type { SimNode } from './sim-node.ts';
import { simulate, type World } from './simulation.ts';

const second = 1_000_000;
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const names = Array.from({ length: 200 }, (_, index) => `key-${index}`);

interface Stage {
  readonly world: World;
  readonly healthy: SimNode;
  readonly rotten: SimNode;
}

/** Plays on three nodes with small segments and 200 keys; nothing but anti-entropy brings owners level. */
function play(settings: Partial<NodeConfig>, story: (stage: Stage) => Promise<void>): Promise<void> {
  const members = ['n1', 'n2', 'n3'].map((id) => ({ id: id as NodeId, weight: 1, zone: '' }));
  const body = async (world: World): Promise<void> => {
    const cluster: SimCluster = new SimCluster(world, {
      members,
      config: {
        ...{ clusterName: 'rot', partitions: 8, quorum: { n: 3, r: 2, w: 2 }, quorumMode: 'sloppy' as const },
        ...{ valueBytesMax: 4_096, timing: defaultTiming, hintedHandoff: false, scrubMs: 0, ...settings },
      },
      openStore: ({ disk, clock, random, observer }) =>
        openLogStore({
          ...{ disk, clock, random, observer, checksum: crc32, partitions: 8 },
          ...{ durability: { mode: 'always' }, segmentBytesMax: 4_096 },
        }),
    });
    assert.equal(await cluster.startAll(10 * second), true);
    await world.sleep(3 * second);
    const [healthy, , rotten] = cluster.nodes;
    const api = healthy?.api;
    assert.ok(healthy !== undefined && api !== undefined && rotten !== undefined);
    for (const name of names) {
      const outcome = await api.put({ key: bytes(name), value: bytes(`value of ${name}.`), w: 3 });
      assert.equal(outcome.kind, 'stored');
    }
    await story({ world, healthy, rotten });
  };
  return inMacrotask(() => {
    simulate({ seed: 3 }, body);
  });
}

/** Flips a bit in the stored value of each of these keys; true when all lay in segments that were sealed. */
function flipBits(node: SimNode, keys: readonly string[]): boolean {
  const segments = node.disk.paths().filter((path) => path.endsWith('.seg'));
  const last = segments.toSorted().at(-1);
  return keys.every((name) => {
    const pattern = Buffer.from(`value of ${name}.`);
    for (const path of segments) {
      const at = Buffer.from(node.disk.readNow(path) ?? []).indexOf(pattern);
      if (at < 0) continue;
      node.disk.corrupt(path, at + 2, 0x10);
      return path !== last;
    }
    return false;
  });
}

async function rawRecord(node: SimNode, name: string): Promise<Buffer> {
  const key = bytes(name);
  return Buffer.from((await node.store?.get(key, tokenOf(key)))?.bytes ?? []);
}

describe('what rots on one disk', () => {
  const rotting = ['key-3', 'key-17', 'key-40'];

  test('is found by a scrub, set aside, and healed by the other owners byte for byte', () =>
    play({}, async ({ world, healthy, rotten }) => {
      assert.equal(flipBits(rotten, rotting), true);
      const progress: number[] = [];
      const report = await rotten.api?.operator.scrub(({ records }) => void progress.push(records));
      assert.equal(report?.corrupt, rotting.length);
      assert.equal(report.records, names.length);
      assert.ok(progress.length > 0);
      assert.equal(rotten.store?.status().quarantined.length, rotting.length);
      await world.sleep(5 * second);
      for (const name of names) {
        assert.deepEqual(await rawRecord(rotten, name), await rawRecord(healthy, name), name);
      }
      const why = await rotten.api?.operator.why(bytes('key-17'));
      assert.equal(why?.isLevel, true);
      const own = why.nodes.find(({ id }) => id === rotten.id)?.answer?.copy?.arrival;
      assert.equal(own?.path, 'anti-entropy');
      const again = await rotten.api?.operator.scrub();
      assert.equal(again?.corrupt, 0);
      const clean = await healthy.api?.operator.scrub();
      assert.equal(clean?.corrupt, 0);
    }));

  test('is found and healed without anybody asking, once the period is over', () =>
    play({ scrubMs: 20_000 }, async ({ world, healthy, rotten }) => {
      assert.equal(flipBits(rotten, rotting), true);
      await world.sleep(45 * second);
      const { completed } = rotten.api?.operator.scrubbing() ?? {};
      assert.ok(completed === 1 || completed === 2, String(completed));
      assert.equal(rotten.api?.counters()['scrub.corrupt'], rotting.length);
      for (const name of rotting) {
        assert.deepEqual(await rawRecord(rotten, name), await rawRecord(healthy, name), name);
      }
    }));

  test('stays as it is where scrubs are switched off and nobody reads', () =>
    play({ scrubMs: 0 }, async ({ world, rotten }) => {
      assert.equal(flipBits(rotten, rotting), true);
      await world.sleep(45 * second);
      assert.equal(rotten.api?.counters()['scrub.corrupt'], undefined);
      assert.equal(rotten.store?.status().quarantined.length, 0);
    }));
});
