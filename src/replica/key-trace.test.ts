/** Why a key reads as it does, asked on a simulated cluster of real nodes in the situations that make people ask. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { defaultTiming, type NodeConfig, type NodeId } from '../core/config.ts';
import { crc32 } from '../core/crc32.ts';
import { inMacrotask } from '../sim/drain.ts';
import { SimCluster } from '../sim/sim-cluster.ts';
import type { SimNode } from '../sim/sim-node.ts';
import { simulate, type World } from '../sim/simulation.ts';
import { openLogStore } from '../storage/log-store.ts';
import { isLevel, newestOf, type KeyTrace } from './key-trace.ts';
import type { NodeApi } from './node-api.ts';

const second = 1_000_000;
const key = new TextEncoder().encode('cart');

interface Stage {
  readonly world: World;
  readonly cluster: SimCluster;
  readonly nodes: readonly SimNode[];
}

/** Plays a story on three nodes, or so many, that are up; N = 3, R = W = 2. */
function play(
  options: { readonly nodes?: number; readonly settings?: Partial<NodeConfig> },
  story: (stage: Stage) => Promise<void>,
): Promise<void> {
  const members = Array.from({ length: options.nodes ?? 3 }, (_, index) => ({
    id: `n${index + 1}` as NodeId,
    weight: 1,
    zone: '',
  }));
  const body = async (world: World): Promise<void> => {
    const cluster = new SimCluster(world, {
      members,
      config: {
        ...{ clusterName: 'why', partitions: 8, quorum: { n: 3, r: 2, w: 2 }, valueBytesMax: 1 << 20 },
        ...{ quorumMode: 'sloppy', timing: defaultTiming, ...options.settings },
      },
      openStore: ({ disk, clock, random, observer }) =>
        openLogStore({
          ...{ disk, clock, random, observer, checksum: crc32, partitions: 8 },
          durability: { mode: 'always' },
        }),
    });
    assert.equal(await cluster.startAll(10 * second), true);
    await world.sleep(3 * second);
    await story({ world, cluster, nodes: cluster.nodes });
  };
  return inMacrotask(() => {
    simulate({ seed: 11 }, body);
  });
}

function api(node: SimNode | undefined): NodeApi {
  assert.ok(node?.api !== undefined, 'the node serves');
  return node.api;
}

async function put(node: SimNode | undefined, value = 'one'): Promise<void> {
  const outcome = await api(node).put({ key, value: new TextEncoder().encode(value) });
  assert.equal(outcome.kind, 'stored');
}

const ways = (trace: KeyTrace): Record<string, string | undefined> =>
  Object.fromEntries(
    trace.nodes.map(({ id, state, answer }) => {
      const arrival = answer?.copy?.arrival;
      return [id, arrival === undefined ? state : `${arrival.path} from ${arrival.from}`];
    }),
  );

describe('why', () => {
  test('a write shows its coordinator at every owner, whichever node is asked', () =>
    play({ nodes: 5 }, async ({ world, nodes }) => {
      await put(nodes[0]);
      await world.sleep(second);
      for (const node of nodes) {
        const trace = await api(node).operator.why(key);
        assert.equal(trace.nodes.length, 5);
        assert.equal(trace.isLevel, true);
        const owners = trace.nodes.filter(({ role }) => role === 'owner').map(({ id }) => id);
        assert.deepEqual(owners, api(node).placementOf(key).owners);
        for (const [id, way] of Object.entries(ways(trace))) {
          assert.equal(way, owners.includes(id as NodeId) ? 'write from n1' : 'answered');
        }
      }
    }));

  test('a hint shows who keeps it for whom, and then that it was handed over', () =>
    play({ settings: { antiEntropy: false } }, async ({ world, cluster, nodes }) => {
      nodes[2]?.crash({ kind: 'killed', unsynced: 'lose' });
      await world.sleep(3 * second);
      await put(nodes[0]);
      const away = await api(nodes[1]).operator.why(key);
      assert.equal(away.isLevel, false);
      assert.equal(ways(away)['n3'], 'down');
      const hints = away.nodes.flatMap(({ id, answer }) =>
        (answer?.hints ?? []).map(({ target, copy }) => `${id} for ${target} at ${copy.digest.dot.wallMs}`),
      );
      assert.deepEqual(hints, [`n1 for n3 at ${away.newest?.dot.wallMs}`]);
      if (nodes[2] !== undefined) cluster.start(nodes[2]);
      await world.sleep(5 * second);
      const back = await api(nodes[2]).operator.why(key);
      assert.equal(back.isLevel, true);
      assert.deepEqual(ways(back), { n1: 'write from n1', n2: 'write from n1', n3: 'handoff from n1' });
      assert.ok(back.nodes.every(({ answer }) => answer?.hints.length === 0));
    }));

  test('what anti-entropy fetched says so, until a restart makes it a version from the disk', () =>
    play({ settings: { hintedHandoff: false } }, async ({ world, cluster, nodes }) => {
      const [, , n3] = nodes;
      assert.ok(n3 !== undefined);
      n3.crash({ kind: 'killed', unsynced: 'lose' });
      await world.sleep(3 * second);
      await put(nodes[0]);
      cluster.start(n3);
      await world.sleep(5 * second);
      assert.match(ways(await api(n3).operator.why(key))['n3'] ?? '', /^anti-entropy from n[12]$/);
      n3.crash({ kind: 'killed', unsynced: 'lose' });
      cluster.start(n3);
      await world.sleep(5 * second);
      const trace = await api(n3).operator.why(key);
      assert.equal(ways(trace)['n3'], 'answered');
      assert.equal(trace.isLevel, true);
    }));

  test('what a read repaired says who read it', () =>
    play({ settings: { hintedHandoff: false, antiEntropy: false } }, async ({ world, cluster, nodes }) => {
      const [, , n3] = nodes;
      assert.ok(n3 !== undefined);
      n3.crash({ kind: 'killed', unsynced: 'lose' });
      await world.sleep(3 * second);
      await put(nodes[0]);
      cluster.start(n3);
      await world.sleep(5 * second);
      const before = await api(nodes[1]).operator.why(key);
      assert.equal(before.isLevel, false);
      assert.equal(before.nodes.find(({ id }) => id === 'n3')?.answer?.copy, undefined);
      await api(nodes[1]).get({ key, r: 3 });
      await world.sleep(second);
      assert.equal(ways(await api(nodes[0]).operator.why(key))['n3'], 'read from n2');
    }));

  test('a key that nobody has is level, with nothing newest', () =>
    play({}, async ({ nodes }) => {
      const trace = await api(nodes[0]).operator.why(key);
      assert.equal(trace.newest, undefined);
      assert.equal(trace.isLevel, true);
    }));
});

test('owners are level only if all answered and hold the newest, to the checksum', () => {
  const digest = {
    dot: { wallMs: 5, counter: 0, actor: 'n1.a' },
    tombstone: false,
    expiresAtMs: 0,
    checksum: 1,
  };
  const node = (checksum: number | undefined, role: 'owner' | 'fallback' = 'owner') => ({
    role,
    answer: {
      ...{ kind: 'key-trace' as const, isWitness: true, failure: undefined, hints: [] },
      copy:
        checksum === undefined
          ? undefined
          : { digest: { ...digest, checksum }, valueBytes: 1, arrival: undefined },
    },
  });
  const level = (...nodes: Parameters<typeof isLevel>[0]): boolean => isLevel(nodes, newestOf(nodes));
  assert.equal(level(node(1), node(1)), true);
  assert.equal(level(node(1), node(2)), false);
  assert.equal(level(node(1), node(undefined)), false);
  assert.equal(level(node(1), node(undefined, 'fallback')), true);
  assert.equal(level(node(1), { role: 'owner', answer: undefined }), false);
  const unreadable = { ...node(undefined).answer, failure: 'RECORD_CORRUPT' as const };
  assert.equal(level({ role: 'owner', answer: unreadable }), false);
  const hinted = {
    ...node(undefined).answer,
    hints: [{ target: 'n2' as NodeId, copy: { digest, valueBytes: 1, arrival: undefined } }],
  };
  assert.equal(level({ role: 'owner', answer: hinted }), false);
});
