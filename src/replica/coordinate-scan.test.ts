/** What a scan over the cluster shows, on a simulated cluster of real nodes. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compareTokens, tokenOf, type Token } from '../core/token.ts';
import type { KeyEntry, NodeApi, ScanOutcome } from './node-api.ts';
import { keyOf, playOnStage, second, someValue, type Stage } from './stage-harness-contract.ts';

const begin: Token = { high: 0, low: 0 };

async function writeKeys(node: NodeApi, from: number, to: number, value = someValue): Promise<void> {
  const keys = Array.from({ length: to - from }, (_, index) => keyOf(from + index));
  const outcomes = await Promise.all(keys.map((key) => node.put({ key, value })));
  for (const { kind } of outcomes) assert.equal(kind, 'stored');
}

/** All pages of a scan; each must begin where the one before ended. */
async function scanAll(node: NodeApi, limit: number): Promise<{ entries: KeyEntry[]; pages: number }> {
  const entries: KeyEntry[] = [];
  let pages = 0;
  let from: Token | undefined = begin;
  while (from !== undefined) {
    const page: ScanOutcome = await node.scan({ from, limit });
    assert.equal(page.kind, 'page');
    if (page.kind !== 'page') break;
    const first = page.entries[0];
    assert.ok(first === undefined || compareTokens(tokenOf(first.key), from) >= 0);
    assert.ok(page.next === undefined || compareTokens(page.next, from) > 0);
    entries.push(...page.entries);
    from = page.next;
    pages++;
  }
  return { entries, pages };
}

function namesOf(entries: readonly KeyEntry[]): string[] {
  return entries.map(({ key }) => new TextDecoder().decode(key)).toSorted();
}

function names(from: number, to: number): string[] {
  return Array.from({ length: to - from }, (_, index) => `key-${from + index}`).toSorted();
}

async function loseThird({ machine, world }: Stage): Promise<void> {
  machine(3).crash({ kind: 'killed', unsynced: 'lose' });
  await world.sleep(2 * second);
}

test('every node shows all keys of the cluster, each once and in token order, whoever owns them', () =>
  playOnStage({ nodes: 5 }, async ({ node }) => {
    await writeKeys(node(1), 0, 300);
    for (const number of [1, 2, 5]) {
      const { entries, pages } = await scanAll(node(number), 40);
      assert.deepEqual(namesOf(entries), names(0, 300));
      assert.ok(pages > 1);
      for (const [index, entry] of entries.entries()) {
        const before = entries[index - 1];
        assert.ok(before === undefined || compareTokens(tokenOf(before.key), tokenOf(entry.key)) <= 0);
      }
    }
  }));

test('deleted keys are told as such', () =>
  playOnStage({}, async ({ node }) => {
    await writeKeys(node(1), 0, 10);
    await node(2).delete({ key: keyOf(3) });
    const { entries } = await scanAll(node(3), 1_000);
    const deleted = entries.filter(({ digest }) => digest.tombstone);
    assert.deepEqual(namesOf(deleted), ['key-3']);
    assert.equal(entries.length, 10);
  }));

test('a node shows what the others have and it lacks itself, in its newest version', () =>
  playOnStage({ hintedHandoff: false, antiEntropy: false }, async (stage) => {
    const { node, cluster, machine, world } = stage;
    await writeKeys(node(1), 0, 20);
    await world.sleep(second);
    await loseThird(stage);
    await writeKeys(node(1), 20, 40);
    await node(1).delete({ key: keyOf(5) });
    cluster.start(machine(3));
    assert.equal(await cluster.waitUntil(() => machine(3).isServing, 5 * second), true);
    await world.sleep(2 * second);
    const { entries } = await scanAll(node(3), 7);
    assert.deepEqual(namesOf(entries), names(0, 40));
    assert.deepEqual(namesOf(entries.filter(({ digest }) => digest.tombstone)), ['key-5']);
  }));

test('where answers are cut because values are long, no key is passed over', () =>
  playOnStage({ hintedHandoff: false, antiEntropy: false }, async (stage) => {
    const { node, cluster, machine, world } = stage;
    const long = new Uint8Array(90_000);
    await writeKeys(node(1), 0, 40, long);
    await world.sleep(second);
    await loseThird(stage);
    // The third owner lacks these, so its answers reach further than those of the others.
    await writeKeys(node(1), 40, 90, long);
    cluster.start(machine(3));
    assert.equal(await cluster.waitUntil(() => machine(3).isServing, 5 * second), true);
    await world.sleep(2 * second);
    const { entries } = await scanAll(node(2), 10);
    assert.deepEqual(namesOf(entries), names(0, 90));
  }));

test('one owner that is down does not matter, a quorum that is does', () =>
  playOnStage({}, async (stage) => {
    const { node, machine, world } = stage;
    await writeKeys(node(1), 0, 30);
    await loseThird(stage);
    assert.deepEqual(namesOf((await scanAll(node(1), 1_000)).entries), names(0, 30));
    machine(2).crash({ kind: 'killed', unsynced: 'lose' });
    await world.sleep(2 * second);
    const outcome = await node(1).scan({ from: begin, limit: 10 });
    assert.ok(outcome.kind === 'unavailable');
    assert.deepEqual([outcome.code, outcome.answered, outcome.required], ['QUORUM_NOT_MET', 1, 2]);
    assert.equal((await node(1).scan({ from: begin, limit: 10, r: 1 })).kind, 'page');
  }));

test('an owner that has lost something is asked, and counts as no evidence', () =>
  playOnStage({ antiEntropy: false }, async (stage) => {
    const { node, cluster, machine, world } = stage;
    await writeKeys(node(1), 0, 30);
    await world.sleep(second);
    await loseThird(stage);
    machine(3).replaceDisk();
    cluster.start(machine(3));
    assert.equal(await cluster.waitUntil(() => machine(3).isServing, 10 * second), true);
    await world.sleep(2 * second);
    const outcome = await node(1).scan({ from: begin, limit: 10, r: 3 });
    assert.ok(outcome.kind === 'unavailable');
    assert.equal(outcome.answered, 2);
    assert.deepEqual(namesOf((await scanAll(node(1), 1_000)).entries), names(0, 30));
  }));
