import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { NodeId } from '../core/config.ts';
import { crc32 } from '../core/crc32.ts';
import { treeRange, treeRoot } from '../core/hash-tree.ts';
import { computePlacement } from '../core/placement.ts';
import { encodeRecord, type StoredRecord } from '../core/record.ts';
import { compareTokens, partitionOf, type TokenRange } from '../core/token.ts';
import { emptySum } from '../core/version-sum.ts';
import { silentObserver } from '../ports/observer.ts';
import type { Testimony } from '../protocol/healing-messages.ts';
import { SimDisk } from '../sim/sim-disk.ts';
import { LogStoreHarness, openTestStore } from '../storage/log-store-harness-contract.ts';
import type { LogStore } from '../storage/log-store.ts';
import type { EvidenceCause } from '../storage/store.ts';
import { Evidence } from './evidence.ts';
import { ownedPartitions, sharedPartitions } from './owned-partitions.ts';
import { listVersions, TreeResponder } from './tree-responder.ts';

const self = 'n1' as NodeId;
const members = ['n1', 'n2', 'n3', 'n4'].map((id) => ({ id: id as NodeId, weight: 1, zone: '' }));
const partitions = 4;
const placement = computePlacement({ members, partitions, replicas: 2, epoch: 1 });
const owned = ownedPartitions(placement, self);
const foreign = [0, 1, 2, 3].find((partition) => !placement.owners(partition).includes(self)) ?? 0;
const own = owned[0]?.partition ?? 0;
const rangeOf = (partition: number): TokenRange => treeRange(treeRoot(partition), partitions);

async function responder(
  frameBytesMax = 1_000_000,
  options: { readonly store?: LogStore; readonly cause?: EvidenceCause | undefined } = { cause: 'lost' },
): Promise<{ store: LogStore; trees: TreeResponder }> {
  const store = options.store ?? (await openTestStore(new SimDisk(), { partitions }));
  const { cause } = options;
  const evidence = new Evidence({ owned, w: 2, cause, startedAtMs: 0, requestTimeoutMs: 0 });
  return {
    store,
    trees: new TreeResponder({ self, store, placement, evidence, observer: silentObserver, frameBytesMax }),
  };
}

function recordIn(partition: number, valueBytes = 3): StoredRecord {
  for (let number = 0; ; number++) {
    const key = new TextEncoder().encode(`key-${number}`);
    const dot = { wallMs: 5, counter: 0, actor: 'n1.a' };
    const record = encodeRecord({ key, dot, value: new Uint8Array(valueBytes) }, crc32);
    if (partitionOf(record.token, partitions) === partition) return record;
  }
}

test('what this node does not own is told to nobody', async () => {
  const { store, trees } = await responder();
  const range = rangeOf(foreign);
  const whole: TokenRange = { first: rangeOf(0).first, last: rangeOf(partitions - 1).last };
  const timeoutMs = 1_000;
  const requests = [
    {
      kind: 'partition-sums',
      timeoutMs,
      upToMs: undefined,
      partitions: [{ partition: foreign, floorMs: 0 }],
    },
    { kind: 'partition-sums', timeoutMs, upToMs: 9, partitions: [{ partition: 4_000_000, floorMs: 0 }] },
    { kind: 'range-sums', timeoutMs, upToMs: undefined, ranges: [range] },
    { kind: 'list-versions', timeoutMs, ranges: [range] },
    { kind: 'fetch-range', timeoutMs, range },
    { kind: 'fetch-tokens', timeoutMs, tokens: [range.first] },
  ] as const;
  for (const request of requests) await assert.rejects(trees.answer(request), { code: 'NOT_OWNER' });
  const across = { first: rangeOf(own).first, last: whole.last };
  if (own < partitions - 1) {
    await assert.rejects(trees.answer({ kind: 'fetch-range', timeoutMs, range: across }), {
      code: 'BAD_REQUEST',
    });
  }
  await store.close();
});

test('sums tell what this node can vouch for, of all versions or of those up to a time', async () => {
  const { store, trees } = await responder();
  await store.merge(recordIn(own));
  const ask = async (upToMs: number | undefined): Promise<number | undefined> => {
    const reply = await trees.answer({
      ...{ kind: 'partition-sums', timeoutMs: 1, upToMs, partitions: [{ partition: own, floorMs: 0 }] },
    });
    assert.ok(reply.kind === 'partition-sums');
    assert.equal(reply.states[0]?.completeness, 'incomplete');
    return reply.states[0]?.sum.count;
  };
  assert.deepEqual([await ask(undefined), await ask(5), await ask(4)], [1, 1, 0]);
  await store.close();
});

test('records that can never fit into a frame are refused, not sent', async () => {
  const { store, trees } = await responder(2_000);
  const record = recordIn(own, 3_000);
  await store.merge(record);
  const request = { kind: 'fetch-tokens', timeoutMs: 1, tokens: [record.token] } as const;
  await assert.rejects(trees.answer(request), { code: 'LIMIT_EXCEEDED' });
  await store.close();
});

test('lists come in pages that leave nothing out', async () => {
  const { store } = await responder();
  for (let number = 0; number < 200; number++) {
    const key = new TextEncoder().encode(`key-${number}`);
    await store.merge(encodeRecord({ key, dot: { wallMs: 5, counter: 0, actor: 'n1.a' } }, crc32));
  }
  const ranges = [0, 1, 2, 3].map(rangeOf);
  const all = await listVersions(store, ranges, 1_000);
  assert.deepEqual([all.versions.length, all.next], [200, undefined]);
  const some = await listVersions(store, ranges, 77);
  assert.equal(some.versions.length, 77);
  assert.deepEqual(some.next, all.versions[77]?.token);
  const none = await listVersions(store, [], 77);
  assert.deepEqual([none.versions.length, none.next], [0, undefined]);
  await store.close();
});

test('an owner testifies to what it can read, and to nothing where it may have lost something', async () => {
  const harness = new LogStoreHarness({ partitions });
  const store = await harness.open();
  const record = recordIn(own);
  const empty = { high: record.token.high ^ 1, low: 0 };
  await store.merge(record);
  const tokens = [record.token, empty].toSorted(compareTokens);
  const at = tokens.indexOf(record.token);
  const ask = async (trees: TreeResponder): Promise<readonly Testimony[]> => {
    const reply = await trees.answer({ kind: 'testify', timeoutMs: 1, tokens });
    return reply.kind === 'testimonies' ? reply.testimonies : [];
  };
  const { trees } = await responder(1_000, { store, cause: undefined });
  const said = await ask(trees);
  assert.equal(said[at]?.isWitness, true);
  assert.deepEqual(said[at].newest, { wallMs: 5, counter: 0 });
  assert.equal(said[at].sum.count, 1);
  assert.deepEqual(said[1 - at], { isWitness: true, newest: { wallMs: 0, counter: 0 }, sum: emptySum });
  const healing = await responder(1_000, { store, cause: 'damaged' });
  assert.deepEqual(
    (await ask(healing.trees)).map(({ isWitness }) => isWitness),
    [false, false],
  );
  const rotten = await harness.rot(record);
  assert.equal((await rotten.scrub({ bytesPerSecond: 1e12 })).corrupt, 1);
  const after = await ask(trees);
  assert.deepEqual([after[at]?.isWitness, after[at]?.newest.wallMs, after[at]?.sum.count], [false, 5, 0]);
  assert.equal(after[1 - at]?.isWitness, true);
  await store.close();
});

test('owners share what both own', () => {
  const shared = sharedPartitions(placement, self);
  for (const { partition, others } of owned) {
    assert.equal(others.length, 1);
    for (const other of others) assert.ok(shared.get(other)?.includes(partition));
  }
  const pairs = [...shared.values()].reduce((sum, list) => sum + list.length, 0);
  assert.equal(pairs, owned.length);
});
