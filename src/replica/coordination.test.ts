/**
 * The coordinator's promises, each in a small story on a simulated cluster of real nodes.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { defaultTiming, partitionsFor, type NodeId, type QuorumSettings } from '../core/config.ts';
import { crc32 } from '../core/crc32.ts';
import { tokenOf } from '../core/token.ts';
import { inMacrotask } from '../sim/drain.ts';
import { SimCluster } from '../sim/sim-cluster.ts';
import { healthyLink } from '../sim/sim-network.ts';
import type { SimNode } from '../sim/sim-node.ts';
import { simulate, type World } from '../sim/simulation.ts';
import { openLogStore } from '../storage/log-store.ts';
import type { NodeApi, ReadOutcome, WriteOutcome } from './node-api.ts';
import { placementFor } from './node.ts';

const second = 1_000_000;
const key = new TextEncoder().encode('cart/1');
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

interface Stage {
  readonly world: World;
  readonly cluster: SimCluster;
  /** The owners of `key` in preference order, then the other nodes. */
  readonly owners: readonly SimNode[];
  readonly others: readonly SimNode[];
}

interface StageOptions {
  readonly nodes?: number;
  readonly quorum?: QuorumSettings;
  readonly quorumMode?: 'sloppy' | 'strict';
  readonly clockOffsetMs?: (id: NodeId) => number;
}

/** Plays a story on a cluster that is up. */
function play(options: StageOptions, story: (stage: Stage) => Promise<void>): Promise<void> {
  const { nodes = 3, quorum = { n: 3, r: 2, w: 2 }, quorumMode = 'sloppy', clockOffsetMs } = options;
  const members = Array.from({ length: nodes }, (_, index) => ({
    id: `n${index + 1}` as NodeId,
    weight: 1,
    zone: `z${index + 1}`,
  }));
  const config = {
    clusterName: 'story',
    partitions: partitionsFor(nodes, 4),
    quorum,
    quorumMode,
    valueBytesMax: 1024 * 1024,
    timing: defaultTiming,
  };
  const body = async (world: World): Promise<void> => {
    const cluster = new SimCluster(world, {
      members,
      config,
      ...(clockOffsetMs === undefined ? {} : { clockOffsetMs }),
      openStore: ({ disk, clock, random, observer }) =>
        openLogStore({
          disk,
          clock,
          random,
          observer,
          checksum: crc32,
          partitions: config.partitions,
          durability: { mode: 'always' },
        }),
    });
    assert.equal(await cluster.startAll(10 * second), true);
    await world.sleep(2 * second);
    const placement = placementFor({ ...config, id: 'n1' as NodeId, members });
    const { owners } = ownersOf(placement);
    const nodesOf = (ids: readonly NodeId[]): SimNode[] =>
      ids.flatMap((id) => cluster.nodes.filter((node) => node.id === id));
    const others = cluster.nodes.filter((node) => !owners.includes(node.id));
    await story({ world, cluster, owners: nodesOf(owners), others });
  };
  return inMacrotask(() => {
    simulate({ seed: 7 }, body);
  });
}

function ownersOf(placement: ReturnType<typeof placementFor>): { readonly owners: readonly NodeId[] } {
  const partition = tokenOf(key).high >>> (32 - Math.log2(placement.partitions));
  return { owners: placement.owners(partition) };
}

function api(node: SimNode | undefined): NodeApi {
  assert.ok(node?.api !== undefined, 'the node serves');
  return node.api;
}

function put(node: SimNode | undefined, text: string): Promise<WriteOutcome> {
  return api(node).put({ key, value: bytes(text) });
}

function get(node: SimNode | undefined): Promise<ReadOutcome> {
  return api(node).get({ key });
}

/** The value a read found, or how it ended otherwise. */
function valueOf(outcome: ReadOutcome): string {
  return outcome.kind === 'found' ? new TextDecoder().decode(outcome.version.value) : outcome.kind;
}

/** What a node holds on its own disk. */
async function held(node: SimNode | undefined): Promise<string> {
  const record = await api(node).local.get(key);
  if (record === undefined) return 'nothing';
  return record.version.tombstone ? 'tombstone' : new TextDecoder().decode(record.version.value);
}

function kill(node: SimNode | undefined): void {
  node?.crash({ kind: 'killed', unsynced: 'lose' });
}

test('every owner gets every write, not only the first W', () =>
  play({}, async ({ world, cluster, owners }) => {
    assert.equal((await put(cluster.nodes[0], 'a')).kind, 'stored');
    await world.sleep(second);
    assert.deepEqual(await Promise.all(owners.map(held)), ['a', 'a', 'a']);
  }));

test('an owner that is down gets a hint although W was met, and the record when it is back', () =>
  play({}, async ({ world, cluster, owners }) => {
    const [first, , last] = owners;
    kill(last);
    await world.sleep(second);
    assert.equal((await put(first, 'a')).kind, 'stored');
    await world.sleep(second);
    assert.equal(api(first).hints().count, 1);
    assert.equal(await cluster.startAll(10 * second), true);
    assert.equal(await cluster.waitUntil(() => api(first).hints().count === 0, 5 * second), true);
    assert.equal(await held(last), 'a');
  }));

test('an owner that hangs gets a hint at the deadline', () =>
  play({}, async ({ world, owners }) => {
    const [first, , last] = owners;
    last?.scope?.pause();
    assert.equal((await put(first, 'a')).kind, 'stored');
    assert.equal(api(first).hints().count, 0);
    await world.sleep(3 * second);
    assert.equal(api(first).hints().count, 1);
    last?.scope?.resume();
    await world.sleep(12 * second);
    assert.equal(api(first).hints().count, 0);
    assert.equal(await held(last), 'a');
  }));

test('what fallbacks took can be read while the owners are away', () =>
  play({ nodes: 5 }, async ({ world, owners, others }) => {
    kill(owners[0]);
    kill(owners[1]);
    await world.sleep(second);
    assert.equal((await put(others[0], 'a')).kind, 'stored');
    assert.equal(valueOf(await get(others[1])), 'a');
    assert.equal(valueOf(await get(owners[2])), 'a');
  }));

test('a fallback that holds nothing is no evidence that there is nothing', () =>
  play({ nodes: 5 }, async ({ world, owners, others }) => {
    assert.equal((await put(owners[0], 'a')).kind, 'stored');
    kill(owners[0]);
    kill(owners[1]);
    await world.sleep(second);
    const outcome = await api(others[0]).get({ key });
    assert.equal(outcome.kind, 'unavailable');
    assert.equal(outcome.answered, 1);
  }));

test('a write that misses its quorum is unknown, says how many acknowledged, and may surface', () =>
  play({}, async ({ world, cluster, owners }) => {
    kill(owners[1]);
    kill(owners[2]);
    await world.sleep(second);
    const outcome = await put(owners[0], 'a');
    assert.ok(outcome.kind === 'unknown' && outcome.code === 'QUORUM_NOT_MET');
    assert.deepEqual([outcome.acknowledged, outcome.required], [1, 2]);
    assert.equal((await get(owners[0])).kind, 'unavailable');
    assert.equal(await cluster.startAll(10 * second), true);
    await world.sleep(3 * second);
    assert.equal(valueOf(await get(owners[1])), 'a');
  }));

test('under strict a hint does not make up for an owner', () =>
  play({ nodes: 5, quorumMode: 'strict' }, async ({ world, owners, others }) => {
    kill(owners[0]);
    kill(owners[1]);
    await world.sleep(second);
    const outcome = await put(others[0], 'a');
    assert.ok(outcome.kind === 'unknown' && outcome.acknowledged === 1);
  }));

test('a request may be strict in a sloppy cluster, and sloppy in a strict one', async () => {
  for (const quorumMode of ['sloppy', 'strict'] as const) {
    await play({ nodes: 5, quorumMode }, async ({ world, owners, others }) => {
      kill(owners[0]);
      kill(owners[1]);
      await world.sleep(second);
      const node = api(others[0]);
      const value = bytes('a');
      assert.equal((await node.put({ key, value, quorumMode: 'sloppy' })).kind, 'stored');
      assert.equal(valueOf(await node.get({ key, quorumMode: 'sloppy' })), 'a');
      const strictly = await node.put({ key, value, quorumMode: 'strict' });
      assert.ok(strictly.kind === 'unknown' && strictly.acknowledged === 1);
      const outcome = await node.get({ key, quorumMode: 'strict' });
      assert.ok(outcome.kind === 'unavailable' && outcome.answered === 1, outcome.kind);
      const deleted = await node.delete({ key, quorumMode: 'strict' });
      assert.equal(deleted.kind, 'unknown');
    });
  }
});

test('a version that fewer than R hold is written back before a read shows it', () =>
  play({}, async ({ cluster, owners }) => {
    const [first, second_, third] = owners;
    const node = api(first);
    // Only the first owner has the write, as after a coordinator that died in the midst of it.
    await node.local.put({
      key,
      value: bytes('half'),
      wallMs: first?.hardware.wallMs() ?? 0,
      counter: 1,
      writerId: node.id,
      deleted: false,
    });
    assert.equal(valueOf(await get(first)), 'half');
    const copies = [await held(second_), await held(third)];
    assert.ok(copies.includes('half'), 'by the time of the answer a second owner holds it');
    kill(first);
    await cluster.waitUntil(() => api(second_).readiness().message.includes('down'), 5 * second);
    assert.equal(valueOf(await get(third)), 'half');
  }));

test('reads find an owner that lags although no quorum needs it, and repair it', () =>
  play({}, async ({ world, owners }) => {
    const [first, second_, third] = owners;
    const fields = { key, value: bytes('new'), counter: 0, writerId: 'n1', deleted: false };
    const wallMs = first?.hardware.wallMs() ?? 0;
    await api(first).local.put({ ...fields, wallMs });
    await api(second_).local.put({ ...fields, wallMs });
    for (let read = 0; read < 300; read++) await api(first).get({ key, r: 1 });
    await world.sleep(second);
    assert.equal(await held(third), 'new');
  }));

test('a hint stays until its owner has acknowledged the record', () =>
  play({}, async ({ world, cluster, owners }) => {
    const [first, , last] = owners;
    kill(last);
    await world.sleep(second);
    await put(first, 'a');
    await world.sleep(second);
    assert.ok(first !== undefined && last !== undefined);
    // The owner is back and heard, but nothing that is sent to it arrives.
    const deaf = { ...healthyLink, lossPerMillion: 1_000_000 };
    cluster.network.setLink(first.id, last.id, deaf);
    cluster.start(last);
    await world.sleep(20 * second);
    assert.equal(api(first).hints().count, 1);
    cluster.network.setLink(first.id, last.id, undefined);
    assert.equal(await cluster.waitUntil(() => api(first).hints().count === 0, 15 * second), true);
    assert.equal(await held(last), 'a');
  }));

test('a delete outlives the replica that missed it', () =>
  play({}, async ({ world, cluster, owners }) => {
    await put(owners[0], 'a');
    await world.sleep(second);
    kill(owners[2]);
    await world.sleep(second);
    assert.equal((await api(owners[0]).delete({ key })).kind, 'stored');
    assert.equal(await cluster.startAll(10 * second), true);
    assert.equal(await cluster.waitUntil(() => api(owners[2]).readiness().ready, 5 * second), true);
    assert.equal((await get(owners[2])).kind, 'missing');
    await world.sleep(3 * second);
    assert.equal(await held(owners[2]), 'tombstone');
    assert.equal((await get(owners[2])).kind, 'missing');
  }));

test('a node whose clock is an hour ahead cannot bury the writes of the others', () =>
  play({ clockOffsetMs: (id) => (id === 'n3' ? 3_600_000 : 0) }, async ({ cluster }) => {
    const [n1, , n3] = cluster.nodes;
    assert.equal((await put(n1, 'a')).kind, 'stored');
    const outcome = await put(n3, 'from the future');
    assert.ok(outcome.kind === 'unknown' && outcome.acknowledged < 2);
    assert.equal((await put(n1, 'b')).kind, 'stored');
    assert.equal(valueOf(await api(n1).get({ key })), 'b');
  }));

test('a node whose clock was an hour ahead acknowledges nothing that loses against what it stamped then', () =>
  play({}, async ({ world, cluster }) => {
    const [n1, n2, n3] = cluster.nodes;
    n3?.hardware.jump(3_600_000);
    assert.equal((await put(n3, 'from the future')).kind, 'unknown');
    n3?.hardware.jump(-3_600_000);
    kill(n1);
    await world.sleep(3 * second);
    const outcome = await put(n2, 'a');
    assert.ok(outcome.kind === 'unknown' && outcome.acknowledged === 1, JSON.stringify(outcome));
    await cluster.startAll(10 * second);
    await world.sleep(2 * second);
    assert.equal((await put(n2, 'b')).kind, 'stored');
    assert.equal(valueOf(await get(n3)), 'b');
    // Its hour has come: what it stamped is no longer ahead of anyone, and it takes part again.
    for (const node of cluster.nodes) node.hardware.jump(3_600_000);
    await world.sleep(5 * second);
    assert.equal((await put(n3, 'c')).kind, 'stored');
  }));

test('a node whose clock lags by an hour says unknown instead of losing its writes silently', () =>
  play({ clockOffsetMs: (id) => (id === 'n3' ? -3_600_000 : 0) }, async ({ world, cluster }) => {
    const [n1, , n3] = cluster.nodes;
    assert.equal((await put(n1, 'a')).kind, 'stored');
    const outcome = await put(n3, 'from the past');
    assert.ok(outcome.kind === 'unknown' && outcome.acknowledged === 1, JSON.stringify(outcome));
    assert.match(outcome.message, /clock lags/);
    await world.sleep(5 * second);
    assert.equal(valueOf(await get(n1)), 'a');
  }));

test('in a cluster with spare nodes no hint makes up for owners that refuse a lagging clock', () =>
  play({ nodes: 5, clockOffsetMs: (id) => (id === 'n3' ? -3_600_000 : 0) }, async ({ cluster }) => {
    const outcome = await put(cluster.nodes[2], 'from the past');
    assert.ok(outcome.kind === 'unknown', outcome.kind);
  }));

test('a stamp of the year 9999 is refused and not adopted', () =>
  play({}, async ({ owners }) => {
    const node = api(owners[0]);
    const farAhead = {
      key,
      value: bytes('x'),
      wallMs: Date.UTC(9999, 0, 1),
      counter: 0,
      writerId: node.id,
      deleted: false,
    };
    await assert.rejects(node.local.put(farAhead), { code: 'CLOCK_SKEW' });
    const outcome = await put(owners[0], 'a');
    assert.ok(outcome.kind === 'stored' && outcome.dot.wallMs < Date.UTC(2031, 0, 1));
  }));

test('a write with the context of what it replaces wins, however slow the clock of its coordinator', () =>
  play({ clockOffsetMs: (id) => (id === 'n1' ? 400 : 0) }, async ({ cluster }) => {
    const [n1, n2] = cluster.nodes;
    // With its clock's bound on disk the second coordinator stamps at once.
    await api(n2).put({ key: bytes('other'), value: bytes('x') });
    // It hears nothing of the first write, so only the context can tell it.
    cluster.network.block('n1' as NodeId, 'n2' as NodeId, 'hold');
    cluster.network.block('n3' as NodeId, 'n2' as NodeId, 'hold');
    const first = await put(n1, 'a');
    assert.ok(first.kind === 'stored');
    const writing = api(n2).put({ key, value: bytes('b'), context: first.dot });
    cluster.network.heal();
    assert.equal((await writing).kind, 'stored');
    assert.equal(valueOf(await get(n1)), 'b');
  }));

test('a read goes on when the replica it asked first falls silent', () =>
  play({ nodes: 5 }, async ({ world, owners, others }) => {
    await put(owners[0], 'a');
    owners[0]?.scope?.pause();
    const startMicros = world.scheduler.nowMicros;
    assert.equal(valueOf(await get(others[0])), 'a');
    assert.ok(world.scheduler.nowMicros - startMicros < second / 2, 'and does not wait for its timeout');
    owners[0]?.scope?.resume();
  }));

test('a hint is refused for a node that is no member, a record by a node that does not own it', () =>
  play({ nodes: 5 }, async ({ owners, others }) => {
    const fields = { key, value: bytes('x'), wallMs: 1, counter: 0, writerId: 'n1', deleted: false };
    await assert.rejects(api(owners[0]).local.put(fields, 'n99'), { code: 'UNKNOWN_NODE' });
    await assert.rejects(api(others[0]).local.put(fields), { code: 'NOT_OWNER' });
    await assert.rejects(api(owners[0]).local.put({ ...fields, writerId: 'stranger' }), {
      code: 'UNKNOWN_NODE',
    });
  }));

test('quorums out of range, empty and oversized keys are refused before anything is written', () =>
  play({}, async ({ owners }) => {
    const node = api(owners[0]);
    const value = bytes('x');
    const codes: string[] = [];
    for (const request of [
      { key, value, w: 4 },
      { key, value, w: 0 },
      { key: new Uint8Array(0), value },
      { key: new Uint8Array(5_000), value },
      { key, value: new Uint8Array(1024 * 1024 + 1) },
    ]) {
      const outcome = await node.put(request);
      assert.ok(outcome.kind === 'refused');
      codes.push(outcome.code);
    }
    assert.deepEqual(codes, [
      'BAD_REQUEST',
      'BAD_REQUEST',
      'MISSING_KEY',
      'KEY_TOO_LARGE',
      'VALUE_TOO_LARGE',
    ]);
    assert.equal(await held(owners[0]), 'nothing');
  }));

test('a stopped node leaves hints behind for what its peers had not acknowledged', () =>
  play({}, async ({ world, cluster, owners }) => {
    const [first, , last] = owners;
    last?.scope?.pause();
    assert.equal((await put(first, 'a')).kind, 'stored');
    await first?.stop();
    assert.equal(await cluster.waitUntil(() => first?.isRunning === false, 5 * second), true);
    last?.scope?.resume();
    await world.sleep(5 * second);
    assert.equal(await cluster.startAll(10 * second), true);
    await world.sleep(5 * second);
    assert.equal(await held(last), 'a');
  }));
