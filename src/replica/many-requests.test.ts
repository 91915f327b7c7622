/** Requests that came together, on a simulated cluster of real nodes: each ends as if it had come alone. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { limits } from '../core/limits.ts';
import { formatDot } from '../core/dot.ts';
import type { KeyRequest, NodeApi, PutRequest, ReadOutcome, WriteOutcome } from './node-api.ts';
import { keyOf, playOnStage, second } from './stage-harness-contract.ts';

const encoder = new TextEncoder();
const decoder = new TextDecoder();

function putsOf(count: number, text = 'a'): PutRequest[] {
  return Array.from({ length: count }, (_, index) => ({ key: keyOf(index), value: encoder.encode(text) }));
}

function keysOf(count: number): KeyRequest[] {
  return Array.from({ length: count }, (_, index) => ({ key: keyOf(index) }));
}

/** All outcomes in the order of the requests; fails when one comes twice. */
function gathered<Outcome>(
  count: number,
  start: (onOutcome: (index: number, outcome: Outcome) => void) => void,
): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  let missing = count;
  return new Promise((resolve) => {
    start((index, outcome) => {
      assert.equal(outcomes[index], undefined, `request ${index} is answered once`);
      outcomes[index] = outcome;
      missing--;
      if (missing === 0) resolve(outcomes);
    });
  });
}

function put(node: NodeApi, requests: readonly PutRequest[]): Promise<WriteOutcome[]> {
  return gathered(requests.length, (onOutcome) => node.together.put(requests, onOutcome));
}

function get(node: NodeApi, requests: readonly KeyRequest[]): Promise<ReadOutcome[]> {
  return gathered(requests.length, (onOutcome) => node.together.get(requests, onOutcome));
}

/** How many outcomes are of each kind. */
function kindsOf(outcomes: readonly { readonly kind: string }[]): Record<string, number> {
  const kinds: Record<string, number> = {};
  for (const { kind } of outcomes) kinds[kind] = (kinds[kind] ?? 0) + 1;
  return kinds;
}

function valueOf(outcome: ReadOutcome | undefined): string | undefined {
  return outcome?.kind === 'found' ? decoder.decode(outcome.version.value) : outcome?.kind;
}

async function held(node: NodeApi, index: number): Promise<string | undefined> {
  const record = await node.local.get(keyOf(index));
  return record === undefined ? undefined : decoder.decode(record.version.value);
}

test('writes that came together are stored by all owners, each under a dot of its own', () =>
  playOnStage({}, async ({ world, node }) => {
    const outcomes = await put(node(1), putsOf(40));
    assert.deepEqual(kindsOf(outcomes), { stored: 40 });
    const dots = outcomes.map((outcome) => (outcome.kind === 'stored' ? formatDot(outcome.dot) : ''));
    assert.equal(new Set(dots).size, 40);
    await world.sleep(second);
    for (const number of [1, 2, 3]) assert.equal(await held(node(number), 39), 'a');
    assert.equal(node(1).hints().count, 0);
  }));

test('reads that came together are answered one by one, found or missing', () =>
  playOnStage({}, async ({ node }) => {
    await put(node(1), putsOf(3));
    const outcomes = await get(node(2), keysOf(5));
    assert.deepEqual(outcomes.map(valueOf), ['a', 'a', 'a', 'missing', 'missing']);
    for (const outcome of outcomes) assert.ok(outcome.kind !== 'unavailable' && outcome.answered >= 2);
  }));

test('in a larger cluster each key goes to its own owners', () =>
  playOnStage({ nodes: 6 }, async ({ node }) => {
    assert.deepEqual(kindsOf(await put(node(1), putsOf(60))), { stored: 60 });
    for (const number of [1, 4, 6]) {
      assert.deepEqual(kindsOf(await get(node(number), keysOf(60))), { found: 60 });
    }
    const copies = await Promise.all([1, 2, 3, 4, 5, 6].map((number) => held(node(number), 7)));
    assert.equal(copies.filter((copy) => copy === 'a').length, 3);
  }));

test('of a key that is written twice at once the later one wins', () =>
  playOnStage({}, async ({ node }) => {
    await put(node(1), [...putsOf(1, 'first'), ...putsOf(1, 'last')]);
    assert.equal(valueOf((await get(node(3), keysOf(1)))[0]), 'last');
  }));

test('what cannot be stored is refused by itself', () =>
  playOnStage({}, async ({ node }) => {
    const value = encoder.encode('a');
    const outcomes = await put(node(1), [
      { key: new Uint8Array(0), value },
      { key: keyOf(0), value },
      { key: new Uint8Array(limits.keyBytesMax + 1), value },
      { key: keyOf(1), value: new Uint8Array(100_001) },
      { key: keyOf(2), value, contentType: 'x'.repeat(300) },
      { key: keyOf(3), value: new Uint8Array(50_000) },
      { key: keyOf(4), value, w: 3 },
    ]);
    assert.deepEqual(
      outcomes.map((outcome) => (outcome.kind === 'refused' ? outcome.code : outcome.kind)),
      ['MISSING_KEY', 'stored', 'KEY_TOO_LARGE', 'VALUE_TOO_LARGE', 'RECORD_INVALID', 'stored', 'stored'],
    );
    const [unnamed, small, missing, long] = await get(node(2), [
      { key: new Uint8Array(0) },
      { key: keyOf(0) },
      { key: keyOf(1) },
      { key: keyOf(3) },
    ]);
    assert.ok(unnamed?.kind === 'unavailable' && unnamed.code === 'MISSING_KEY');
    assert.equal(valueOf(small), 'a');
    assert.equal(valueOf(missing), 'missing');
    assert.ok(long?.kind === 'found' && long.version.value.length === 50_000);
  }));

test('an owner that hangs gets a hint for each write at the deadline', () =>
  playOnStage({}, async ({ world, node, machine }) => {
    machine(3).scope?.pause();
    assert.deepEqual(kindsOf(await put(node(1), putsOf(20))), { stored: 20 });
    assert.equal(node(1).hints().count, 0);
    await world.sleep(2.5 * second);
    assert.equal(node(1).hints().count, 20);
    machine(3).scope?.resume();
    await world.sleep(12 * second);
    assert.equal(node(1).hints().count, 0);
    assert.equal(await held(node(3), 19), 'a');
  }));

test('acknowledgements that come after the deadline cancel the hints', () =>
  playOnStage({ timing: { requestTimeoutMs: 400 } }, async ({ world, node, slowDown }) => {
    slowDown(3, 600);
    await put(node(1), putsOf(5));
    await world.sleep(second);
    const { count, written, cancelled } = node(1).hints();
    assert.deepEqual({ count, written, cancelled }, { count: 0, written: 5, cancelled: 5 });
  }));

test('an owner that is down gets a hint for each write', () =>
  playOnStage({}, async ({ world, cluster, node, machine }) => {
    machine(3).crash({ kind: 'killed', unsynced: 'lose' });
    await world.sleep(3 * second);
    assert.deepEqual(kindsOf(await put(node(1), putsOf(20))), { stored: 20 });
    await world.sleep(second);
    assert.equal(node(1).hints().count, 20);
    await cluster.startAll(10 * second);
    await cluster.waitUntil(() => node(1).hints().count === 0, 10 * second);
    assert.equal(await held(node(3), 19), 'a');
  }));

test('writes that only one owner acknowledges are unknown, each with what is known of it', () =>
  playOnStage({ hintedHandoff: false }, async ({ node, machine }) => {
    machine(2).scope?.pause();
    machine(3).scope?.pause();
    const outcomes = await put(node(1), putsOf(5));
    assert.deepEqual(kindsOf(outcomes), { unknown: 5 });
    for (const outcome of outcomes) assert.ok(outcome.kind === 'unknown' && outcome.acknowledged === 1);
  }));

test('an owner that refuses records has not acknowledged them', () =>
  playOnStage({ hintedHandoff: false }, async ({ world, node, machine }) => {
    // To a clock that is ten seconds behind every write comes from the future.
    machine(3).hardware.setOffset(-10_000);
    machine(2).scope?.pause();
    const outcomes = await put(node(1), putsOf(5));
    assert.deepEqual(kindsOf(outcomes), { unknown: 5 });
    machine(2).scope?.resume();
    await world.sleep(5 * second);
    assert.equal(await held(node(2), 4), 'a');
    assert.equal(await held(node(3), 4), undefined);
  }));

test('a replica that has lost its disk is no evidence that there is nothing', () =>
  playOnStage({ antiEntropy: false }, async ({ world, cluster, node, machine }) => {
    await put(node(1), putsOf(20));
    await world.sleep(second);
    machine(3).crash({ kind: 'killed', unsynced: 'lose' });
    machine(3).replaceDisk();
    cluster.start(machine(3));
    assert.equal(await cluster.waitUntil(() => machine(3).isServing, 10 * second), true);
    await world.sleep(2 * second);
    machine(1).crash({ kind: 'killed', unsynced: 'lose' });
    await world.sleep(3 * second);
    const others = await get(
      node(3),
      Array.from({ length: 5 }, (_, index) => ({ key: keyOf(100 + index) })),
    );
    // Of the two that are there only n2 can tell.
    assert.deepEqual(kindsOf(others), { unavailable: 5 });
  }));

test('reads that too few replicas answer are unavailable at the deadline, and not before', () =>
  playOnStage({}, async ({ node, machine, timeMs }) => {
    await put(node(1), putsOf(5));
    machine(2).scope?.pause();
    machine(3).scope?.pause();
    const tookMs = await timeMs(async () => {
      assert.deepEqual(kindsOf(await get(node(1), keysOf(5))), { unavailable: 5 });
    });
    assert.ok(tookMs >= 1_900 && tookMs < 2_200, `${tookMs} ms`);
  }));

test('an owner that hangs is made up for by the next one', () =>
  playOnStage({}, async ({ world, node, machine, timeMs }) => {
    await put(node(1), putsOf(40));
    await world.sleep(second);
    machine(3).scope?.pause();
    const tookMs = await timeMs(async () => {
      assert.deepEqual(kindsOf(await get(node(1), keysOf(40))), { found: 40 });
    });
    assert.ok(tookMs < 200, `${tookMs} ms`);
  }));

test('where replicas differ the newest version is answered, and no later read goes back behind it', () =>
  playOnStage({ antiEntropy: false }, async ({ world, node }) => {
    await put(node(1), putsOf(10));
    await world.sleep(second);
    const wallMs = Date.UTC(2001, 0, 1);
    const before = await node(2).local.get(keyOf(4));
    assert.ok(before !== undefined && before.version.dot.wallMs > wallMs);
    // Only n2 has it, as after a write whose coordinator died.
    await node(2).local.put({
      ...{ key: keyOf(4), value: encoder.encode('newer'), deleted: false, writerId: 'n2' },
      ...{ wallMs: before.version.dot.wallMs + 1, counter: 0 },
    });
    const seen = new Set<string | undefined>();
    for (let round = 0; round < 8; round++) {
      for (const number of [1, 3, 2]) {
        const outcomes = await get(node(number), keysOf(10));
        assert.deepEqual(kindsOf(outcomes), { found: 10 });
        const value = valueOf(outcomes[4]);
        assert.ok(!seen.has('newer') || value === 'newer', `${value} after the newer one`);
        seen.add(value);
      }
    }
    assert.ok(seen.has('newer'));
  }));

test('what is past its expiry reads as missing', () =>
  playOnStage({}, async ({ world, node }) => {
    await put(node(1), [...putsOf(1), { key: keyOf(1), value: encoder.encode('b'), expiresAtMs: 1 }]);
    await world.sleep(second);
    assert.deepEqual((await get(node(2), keysOf(2))).map(valueOf), ['a', 'missing']);
  }));

test('more requests than may be under way wait for their turn, and all are answered', () =>
  playOnStage({}, async ({ node }) => {
    const count = limits.admissionLimitStart + 200;
    assert.deepEqual(kindsOf(await put(node(1), putsOf(count))), { stored: count });
    assert.deepEqual(kindsOf(await get(node(1), keysOf(count))), { found: count });
    const { inFlight, queued } = node(1).admission();
    assert.deepEqual([inFlight, queued], [0, 0]);
  }));
