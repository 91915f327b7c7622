/**
 * What anti-entropy promises, each in a small story on a simulated cluster of real nodes. Hints are off throughout, so
 * that nothing else brings replicas level.
 */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { defaultTiming, type NodeConfig, type NodeId, type QuorumSettings } from '../core/config.ts';
import { crc32 } from '../core/crc32.ts';
import { equalSums } from '../core/version-sum.ts';
import { inMacrotask } from '../sim/drain.ts';
import { SimCluster } from '../sim/sim-cluster.ts';
import { healthyLink } from '../sim/sim-network.ts';
import type { SimNode } from '../sim/sim-node.ts';
import { simulate, type World } from '../sim/simulation.ts';
import { openLogStore } from '../storage/log-store.ts';
import type { EvidenceCause } from '../storage/store.ts';
import type { NodeApi, ReadOutcome } from './node-api.ts';

const second = 1_000_000;
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

interface Stage {
  readonly world: World;
  readonly cluster: SimCluster;
  readonly nodes: readonly SimNode[];
}

interface StageOptions {
  readonly nodes?: number;
  readonly partitions?: number;
  readonly quorum?: QuorumSettings;
  readonly settings?: Partial<NodeConfig>;
  readonly seed?: number;
}

/** Plays a story on a cluster that is up and has nothing to do. */
function play(options: StageOptions, story: (stage: Stage) => Promise<void>): Promise<void> {
  const { nodes = 3, partitions = 8, quorum = { n: 3, r: 2, w: 2 }, settings, seed = 7 } = options;
  const members = Array.from({ length: nodes }, (_, index) => ({
    id: `n${index + 1}` as NodeId,
    weight: 1,
    zone: '',
  }));
  const config = {
    ...{ clusterName: 'story', partitions, quorum, quorumMode: 'sloppy' as const },
    ...{ valueBytesMax: 1024 * 1024, timing: defaultTiming, hintedHandoff: false },
    ...settings,
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
    await world.sleep(3 * second);
    await story({ world, cluster, nodes: cluster.nodes });
  };
  return inMacrotask(() => {
    simulate({ seed }, body);
  });
}

function api(node: SimNode | undefined): NodeApi {
  assert.ok(node?.api !== undefined, 'the node serves');
  return node.api;
}

async function writeAll(node: SimNode | undefined, keys: readonly string[], value: string): Promise<void> {
  for (const key of keys) {
    const { kind } = await api(node).put({ key: bytes(key), value: bytes(`${key} ${value}`) });
    assert.equal(kind, 'stored');
  }
}

const keysNamed = (count: number): string[] => Array.from({ length: count }, (_, index) => `key-${index}`);

function kill(node: SimNode | undefined): void {
  node?.crash({ kind: 'killed', unsynced: 'lose' });
}

/** A node that is down comes back on an empty disk. */
function emptyDisk(node: SimNode | undefined): void {
  for (const path of node?.disk.paths() ?? []) node?.disk.removeNow(path);
}

function areLevel({ cluster }: Stage): boolean {
  const { placement, nodes } = cluster;
  for (let partition = 0; partition < placement.partitions; partition++) {
    const sums = placement
      .owners(partition)
      .map((owner) => nodes.find(({ id }) => id === owner)?.store?.partitionSum(partition));
    const [first] = sums;
    if (first === undefined || !sums.every((sum) => sum !== undefined && equalSums(sum, first))) return false;
  }
  return true;
}

function causeOf(node: SimNode | undefined): false | EvidenceCause {
  return node?.store?.status().evidenceLost ?? 'lost';
}

/** What this node alone says: the read goes to it with R = 1 while all others are cut off. */
function get(node: SimNode | undefined, key: string): Promise<ReadOutcome> {
  return api(node).get({ key: bytes(key) });
}

const counter = (nodes: readonly SimNode[], name: string): number =>
  nodes.reduce((sum, node) => sum + (node.api?.counters()[name] ?? 0), 0);

describe('what differs is levelled without hints and without reads', () => {
  test('writes and deletes that a node missed reach it within three seconds of its return', () =>
    play({}, async (stage) => {
      const { world, cluster, nodes } = stage;
      await writeAll(nodes[0], keysNamed(60), 'old');
      kill(nodes[2]);
      await world.sleep(2 * second);
      await writeAll(nodes[0], keysNamed(40), 'new');
      for (const key of keysNamed(10)) await api(nodes[1]).delete({ key: bytes(key) });
      assert.equal(counter(nodes, 'hints.written'), 0);
      assert.equal(await cluster.startAll(10 * second), true);
      assert.equal(await cluster.waitUntil(() => areLevel(stage), 3 * second), true);
      const held = await Promise.all(
        ['key-5', 'key-20', 'key-50'].map((key) => api(nodes[2]).local.get(bytes(key))),
      );
      assert.equal(held[0]?.version.tombstone, true);
      assert.equal(new TextDecoder().decode(held[1]?.version.value), 'key-20 new');
      assert.equal(new TextDecoder().decode(held[2]?.version.value), 'key-50 old');
    }));

  test('while a node that came back catches up nobody else compares', () =>
    play({}, async (stage) => {
      const { world, cluster, nodes } = stage;
      const [first, second_, last] = nodes;
      kill(last);
      await world.sleep(2 * second);
      await writeAll(first, keysNamed(40), 'new');
      await world.sleep(2 * second);
      const rounds = counter(nodes.slice(0, 2), 'anti-entropy.rounds');
      assert.equal(await cluster.startAll(10 * second), true);
      assert.equal(await cluster.waitUntil(() => areLevel(stage), 3 * second), true);
      await world.sleep(5 * second);
      assert.equal(counter(nodes.slice(0, 2), 'anti-entropy.rounds'), rounds);
      assert.ok(second_ !== undefined && counter([second_], 'anti-entropy.errors') === 0);
    }));

  test('while an empty disk is filled nobody compares with it, however long that takes', () =>
    play({}, async (stage) => {
      const { world, cluster, nodes } = stage;
      const [first, second_, empty] = nodes;
      assert.ok(first !== undefined && second_ !== undefined && empty !== undefined);
      const all = keysNamed(6_000);
      for (let from = 0; from < all.length; from += 500) {
        await Promise.all(
          all.slice(from, from + 500).map((key) => api(first).put({ key: bytes(key), value: bytes(key) })),
        );
      }
      await world.sleep(3 * second);
      kill(empty);
      emptyDisk(empty);
      await world.sleep(2 * second);
      // A page takes a quarter of a second now.
      for (const { id } of [first, second_]) {
        cluster.network.setLink(id, empty.id, {
          ...healthyLink,
          delayMicrosMin: 240_000,
          delayMicrosMax: 250_000,
        });
      }
      const rounds = counter([first, second_], 'anti-entropy.rounds');
      const startedMicros = world.scheduler.nowMicros;
      assert.equal(await cluster.startAll(10 * second), true);
      assert.equal(await cluster.waitUntil(() => areLevel(stage), 60 * second), true);
      assert.ok(world.scheduler.nowMicros - startedMicros > 4 * second, 'it took several intervals');
      assert.equal(counter([first, second_], 'anti-entropy.rounds'), rounds);
    }));

  test('a message that was lost is made up for while everybody stays up', () =>
    play({}, async (stage) => {
      const { world, cluster, nodes } = stage;
      const [first, , last] = nodes;
      assert.ok(first !== undefined && last !== undefined);
      cluster.network.setLink(first.id, last.id, { ...healthyLink, lossPerMillion: 1_000_000 });
      await writeAll(first, ['a'], 'new');
      cluster.network.setLink(first.id, last.id, undefined);
      await world.sleep(second);
      assert.equal(await cluster.waitUntil(() => areLevel(stage), 5 * second), true);
    }));

  test('both sides of a partition end up with what the other took', () =>
    play({ nodes: 5, partitions: 16 }, async (stage) => {
      const { world, cluster, nodes } = stage;
      const ids = nodes.map(({ id }) => id);
      cluster.network.partition(ids.slice(0, 2), ids.slice(2));
      await world.sleep(5 * second);
      for (const [index, key] of keysNamed(80).entries()) {
        await api(nodes[index % 5]).put({ key: bytes(key), value: bytes(`from ${index % 5}`) });
      }
      cluster.network.heal();
      assert.equal(await cluster.waitUntil(() => areLevel(stage), 20 * second), true);
    }));

  test('it does so over a network that loses, doubles and reorders, and with crashes in between', () =>
    play({ settings: { timing: { ...defaultTiming, requestTimeoutMs: 300 } } }, async (stage) => {
      const { world, cluster, nodes } = stage;
      cluster.network.conditions = {
        ...{ ...healthyLink, lossPerMillion: 100_000, duplicatePerMillion: 100_000 },
        ...{ reorderPerMillion: 100_000, delayMicrosMax: 20_000 },
      };
      for (let round = 0; round < 6; round++) {
        const victim = nodes[round % 3];
        kill(victim);
        for (const key of keysNamed(30)) {
          await api(nodes[(round + 1) % 3]).put({ key: bytes(key), value: bytes(`round ${round}`) });
        }
        assert.equal(await cluster.startAll(10 * second), true);
        // In the midst of the round that its return has begun.
        await world.sleep(0.05 * second);
      }
      // A tenth of all messages is lost, so rounds fail, and wait longer after each.
      assert.equal(await cluster.waitUntil(() => areLevel(stage), 60 * second), true);
    }));

  test('a record that is found damaged comes back from the other owners', () =>
    play({}, async (stage) => {
      const { cluster, nodes } = stage;
      await writeAll(nodes[0], keysNamed(20), 'v');
      const [, second_] = nodes;
      kill(second_);
      const log = second_?.disk.paths().find((path) => path.startsWith('log/'));
      assert.ok(second_ !== undefined && log !== undefined);
      // In the value of one record.
      const text = Buffer.from(second_.disk.readNow(log) ?? []).indexOf('key-9 v');
      second_.disk.corrupt(log, text, 0xff);
      assert.equal(await cluster.startAll(10 * second), true);
      assert.equal(causeOf(second_), 'damaged');
      assert.equal(
        await cluster.waitUntil(() => areLevel(stage) && causeOf(second_) === false, 20 * second),
        true,
      );
      kill(second_);
      assert.equal(await cluster.startAll(10 * second), true);
      assert.equal(causeOf(second_), false, 'a restart does not forget that all is well again');
    }));
});

describe('a node that lost its disk is no witness until it is filled again', () => {
  test('an empty disk is filled, and never answers "not found" before', () =>
    play({ settings: { valueBytesMax: 1024 } }, async (stage) => {
      const { world, cluster, nodes } = stage;
      await writeAll(nodes[0], keysNamed(200), 'v');
      await world.sleep(second);
      kill(nodes[2]);
      emptyDisk(nodes[2]);
      // Only the empty node and one other are up: two answers would be enough for a read.
      kill(nodes[1]);
      await world.sleep(second);
      const [first, , empty] = nodes;
      assert.ok(first !== undefined && empty !== undefined);
      cluster.start(empty);
      await cluster.waitUntil(() => empty.isServing, 10 * second);
      for (let look = 0; look < 50; look++) {
        await world.sleep(0.1 * second);
        for (const node of [first, empty]) {
          if (node.api === undefined) continue;
          const outcome = await get(node, `key-${look}`);
          assert.notEqual(outcome.kind, 'missing', `look ${look} at ${node.id}`);
        }
      }
      // With one complete owner of three, W = 2, it can't know what the third acknowledged together with it.
      assert.notEqual(causeOf(empty), false);
      assert.equal((await api(empty).local.keys({ limit: 1_000 })).entries.length, 200);
      assert.equal(await cluster.startAll(10 * second), true);
      assert.equal(
        await cluster.waitUntil(() => causeOf(empty) === false && areLevel(stage), 10 * second),
        true,
      );
      assert.equal((await get(empty, 'never written')).kind, 'missing');
    }));

  test('what was acknowledged in the last second is fetched too before it is a witness', () =>
    play(
      { settings: { timing: { ...defaultTiming, requestTimeoutMs: 200 } } },
      async ({ cluster, nodes }) => {
        const [first, , last] = nodes;
        assert.ok(first !== undefined && last !== undefined);
        await writeAll(first, keysNamed(20), 'v');
        kill(last);
        emptyDisk(last);
        cluster.start(last);
        assert.equal(await cluster.waitUntil(() => causeOf(last) === false, 10 * second), true);
        assert.equal(last.store?.status().keys, 20);
      },
    ));

  test('a new cluster serves as soon as W of its nodes have met', () =>
    play({}, async ({ nodes }) => {
      assert.deepEqual(nodes.map(causeOf), [false, false, false]);
      assert.equal((await get(nodes[0], 'nothing')).kind, 'missing');
    }));

  test('a node by itself serves at once', () =>
    play({ nodes: 1, quorum: { n: 1, r: 1, w: 1 } }, async ({ nodes }) => {
      assert.equal(causeOf(nodes[0]), false);
      assert.equal((await get(nodes[0], 'nothing')).kind, 'missing');
    }));

  test('without anti-entropy a first start has nothing to wait for', () =>
    play({ settings: { antiEntropy: false } }, async ({ nodes, world }) => {
      assert.deepEqual(nodes.map(causeOf), [false, false, false]);
      assert.equal((await get(nodes[0], 'nothing')).kind, 'missing');
      await world.sleep(5 * second);
      assert.equal(counter(nodes, 'anti-entropy.rounds'), 0);
    }));
});

describe('what anti-entropy costs', () => {
  test('a cluster at rest sends heartbeats and nothing else', () =>
    play({}, async ({ world, cluster, nodes }) => {
      await writeAll(nodes[0], keysNamed(50), 'v');
      await world.sleep(5 * second);
      const rounds = counter(nodes, 'anti-entropy.rounds');
      const frames = cluster.network.framesSent;
      await world.sleep(60 * second);
      assert.equal(counter(nodes, 'anti-entropy.rounds'), rounds);
      // Two pings and their answers a second on each of three pairs, both ways, and one attempt to raise floors.
      const sent = cluster.network.framesSent - frames;
      assert.ok(sent <= 2 * 2 * 6 * 60 + 12 + 3 * 2 * 6, `${sent} frames`);
    }));

  test('under steady writes it does not chase those that are under way', () =>
    play({}, async ({ world, nodes }) => {
      const before = counter(nodes, 'anti-entropy.fetched');
      const endMicros = world.scheduler.nowMicros + 12 * second;
      const writers = nodes.map(async (node, index) => {
        for (let count = 0; world.scheduler.nowMicros < endMicros; count++) {
          await api(node).put({ key: bytes(`w${index}-${count % 50}`), value: bytes(`${count}`) });
          await world.sleep(5_000);
        }
      });
      await Promise.all(writers);
      const fetched = counter(nodes, 'anti-entropy.fetched') - before;
      assert.ok(counter(nodes, 'puts.acknowledged') > 3_000);
      assert.equal(fetched, 0);
      const bytesPerSecond = counter(nodes, 'anti-entropy.received-bytes') / 12 / nodes.length;
      assert.ok(bytesPerSecond < 10_000, `${bytesPerSecond} bytes a second and node`);
    }));

  test('one record that differs among many costs a few kilobytes', () =>
    play({ partitions: 64 }, async (stage) => {
      const { world, cluster, nodes } = stage;
      const [first, second_, last] = nodes;
      await writeAll(first, keysNamed(1_500), 'v');
      await world.sleep(5 * second);
      const before =
        counter(nodes, 'anti-entropy.received-bytes') + counter(nodes, 'anti-entropy.sent-bytes');
      const fields = { value: bytes('new'), counter: 0, writerId: 'n1', deleted: false };
      const wallMs = (first?.hardware.wallMs() ?? 0) - 2_000;
      await api(last).local.put({ key: bytes('key-7'), ...fields, wallMs: wallMs + 1_000 });
      assert.ok(second_ !== undefined);
      assert.equal(await cluster.waitUntil(() => areLevel(stage), 5 * second), true);
      const after = counter(nodes, 'anti-entropy.received-bytes') + counter(nodes, 'anti-entropy.sent-bytes');
      assert.ok(after - before < 24_000, `${after - before} bytes`);
      assert.equal(
        new TextDecoder().decode((await api(first).local.get(bytes('key-7')))?.version.value),
        'new',
      );
    }));
});

describe('rounds that go wrong', () => {
  test('a node stops at once in the midst of a round with an owner that is silent', () =>
    play({}, async ({ world, cluster, nodes }) => {
      const [first, , last] = nodes;
      assert.ok(first !== undefined && last !== undefined);
      await writeAll(first, keysNamed(20), 'v');
      kill(last);
      emptyDisk(last);
      cluster.start(last);
      await cluster.waitUntil(() => last.isServing, 10 * second);
      for (const node of nodes) if (node !== last) node.scope?.pause();
      await world.sleep(0.6 * second);
      const startMicros = world.scheduler.nowMicros;
      await last.stop();
      assert.ok(world.scheduler.nowMicros - startMicros < 0.5 * second, 'it waits for nobody');
      for (const node of nodes) if (node.scope?.isPaused === true) node.scope.resume();
    }));

  test('while one owner fails it, another is asked', () =>
    play({}, async (stage) => {
      const { world, cluster, nodes } = stage;
      const [first, second_, last] = nodes;
      assert.ok(first !== undefined && second_ !== undefined && last !== undefined);
      kill(last);
      await world.sleep(2 * second);
      await writeAll(first, keysNamed(30), 'v');
      // What the first sends to the last gets lost, although the two hear each other now and then.
      cluster.network.setLink(first.id, last.id, { ...healthyLink, lossPerMillion: 900_000 });
      cluster.start(last);
      const isFilled = (): boolean => last.store?.status().keys === 30;
      assert.equal(await cluster.waitUntil(isFilled, 20 * second), true);
    }));

  test('versions from the far future are refused, and a node that lacks them is no witness', () =>
    play({}, async ({ world, cluster, nodes }) => {
      const [first, , last] = nodes;
      assert.ok(first !== undefined && last !== undefined);
      kill(last);
      await world.sleep(2 * second);
      await writeAll(first, keysNamed(30), 'v');
      emptyDisk(last);
      // Its clock lags by an hour, so to this node all of that lies in the future.
      last.hardware.setOffset(-3_600_000);
      cluster.start(last);
      await world.sleep(10 * second);
      assert.equal(last.store?.status().keys, 0);
      assert.ok(counter([last], 'anti-entropy.refused') > 0);
      assert.notEqual(causeOf(last), false, 'what it refused is still missing here');
      last.hardware.setOffset(0);
      const isFilled = (): boolean => last.store?.status().keys === 30 && causeOf(last) === false;
      assert.equal(await cluster.waitUntil(isFilled, 20 * second), true);
    }));
});

describe('what an operator sees and asks for', () => {
  test('a repair levels a cluster whose anti-entropy is switched off, both ways, and tells what it carried', () =>
    play({ settings: { antiEntropy: false } }, async (stage) => {
      const { world, cluster, nodes } = stage;
      const [first, second_, last] = nodes;
      kill(last);
      await world.sleep(2 * second);
      await writeAll(first, keysNamed(30), 'v');
      assert.equal(await cluster.startAll(10 * second), true);
      await world.sleep(5 * second);
      assert.equal(areLevel(stage), false);
      // From the node that lacks everything, and from one that lacks nothing: each makes both ends heal.
      const progress: number[] = [];
      const pulled = await api(last).operator.repair({
        onProgress: ({ peers }) => void progress.push(peers.length),
      });
      assert.deepEqual(
        pulled.peers.map(({ peer, state }) => [peer, state]),
        [first, second_].map((node) => [node?.id, 'done']),
      );
      assert.equal(
        pulled.peers.reduce((sum, peer) => sum + peer.fetched, 0),
        30,
      );
      assert.ok(progress.length > 1);
      assert.equal(areLevel(stage), true);
      const { partition } = api(first).placementOf(bytes('key-3'));
      const again = await api(first).operator.repair({ partitions: [partition] });
      assert.deepEqual(
        again.peers.map(({ fetched, sent, partitions }) => [fetched, sent, partitions]),
        [
          [0, 0, 1],
          [0, 0, 1],
        ],
      );
    }));

  test('a repair names the owner that can not be reached', () =>
    play({}, async ({ world, nodes }) => {
      kill(nodes[1]);
      await world.sleep(3 * second);
      const { peers } = await api(nodes[0]).operator.repair({});
      assert.deepEqual(
        peers.map(({ peer, state }) => [peer, state]),
        [
          ['n2', 'unreachable'],
          ['n3', 'done'],
        ],
      );
    }));

  test('a node that lags, and one that it lags behind, show it, and then that all is level', () =>
    play({ settings: { antiEntropy: false } }, async (stage) => {
      const { world, cluster, nodes } = stage;
      const [first, , last] = nodes;
      kill(last);
      await world.sleep(2 * second);
      await writeAll(first, keysNamed(20), 'v');
      assert.equal(await cluster.startAll(10 * second), true);
      await world.sleep(3 * second);
      const ownerOf = (node: SimNode | undefined, peer: SimNode | undefined) =>
        api(node)
          .antiEntropy()
          .owners.find((owner) => owner.peer === peer?.id);
      assert.equal(ownerOf(first, last)?.isEqual, false);
      await api(last).operator.repair({});
      await world.sleep(2 * second);
      assert.equal(ownerOf(first, last)?.isEqual, true);
      assert.equal(ownerOf(last, first)?.isEqual, true);
      assert.ok((ownerOf(last, first)?.lastComparedMs ?? Infinity) < 1_000);
      assert.equal(api(last).antiEntropy().isEnabled, false);
    }));
});
