import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { NodeId } from '../core/config.ts';
import type { PeerRank } from './peer-suspicion.ts';
import { nextFallback, planRead, planWrite, type Preference } from './routing.ts';

const node = (index: number): NodeId => `n${index}` as NodeId;
const ids = (...indices: number[]): NodeId[] => indices.map(node);
const five = { owners: ids(1, 2, 3), fallbacks: ids(4, 5) };
const three = { owners: ids(1, 2, 3), fallbacks: [] };
const upExcept =
  (...down: number[]) =>
  (id: NodeId): boolean =>
    !ids(...down).includes(id);

test('a write goes to the N owners when all are up', () => {
  const plan = planWrite({ preference: five, coordinator: node(5), isUp: () => true, strict: false });
  assert.deepEqual(
    plan.map(({ holder, hintFor }) => [holder, hintFor]),
    [
      ['n1', undefined],
      ['n2', undefined],
      ['n3', undefined],
    ],
  );
});

test('an owner that is down is replaced by the next healthy fallback with a hint that counts', () => {
  const plan = planWrite({ preference: five, coordinator: node(1), isUp: upExcept(2, 4), strict: false });
  assert.deepEqual(plan.at(-1), { holder: 'n5', hintFor: 'n2', counts: true });
});

test('without a spare node the coordinator keeps the hint, which does not count twice', () => {
  const plan = planWrite({ preference: three, coordinator: node(1), isUp: upExcept(2), strict: false });
  assert.deepEqual(plan.at(-1), { holder: 'n1', hintFor: 'n2', counts: false });
});

test('under strict no hint counts', () => {
  const plan = planWrite({ preference: five, coordinator: node(1), isUp: upExcept(2), strict: true });
  assert.deepEqual(plan.at(-1), { holder: 'n4', hintFor: 'n2', counts: false });
});

test('every owner is served once and no node counts twice, whoever is down', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 8 }),
      fc.integer({ min: 1, max: 5 }),
      fc.nat(7),
      fc.array(fc.nat(7)),
      fc.boolean(),
      (nodes, n, coordinator, down, strict) => {
        const members = Array.from({ length: nodes }, (_, index) => node(index));
        const self = node(coordinator % nodes);
        const preference = { owners: members.slice(0, n), fallbacks: members.slice(n) };
        const isUp = (id: NodeId): boolean => id === self || !down.map(node).includes(id);
        const plan = planWrite({ preference, coordinator: self, isUp, strict });
        assert.deepEqual(
          plan.map(({ holder, hintFor }) => hintFor ?? holder).toSorted(),
          preference.owners.toSorted(),
        );
        const counting = plan.filter(({ counts }) => counts).map(({ holder }) => holder);
        assert.equal(new Set(counting).size, counting.length);
        assert.ok(plan.every(({ holder }) => isUp(holder)));
      },
    ),
  );
});

test('a read asks the coordinator itself first when it is an owner', () => {
  const targets = planRead({ preference: five, coordinator: node(3), isUp: () => true, rank: undefined });
  assert.deepEqual(targets, ['n3', 'n1', 'n2']);
});

test('a read asks fallbacks only in the place of owners that are down', () => {
  const targets = planRead({ preference: five, coordinator: node(5), isUp: upExcept(1), rank: undefined });
  assert.deepEqual(targets, ['n2', 'n3', 'n4']);
});

test('a read asks quick owners first and suspects after everybody else', () => {
  const rankOf =
    (ranks: Readonly<Record<string, PeerRank>>) =>
    (id: NodeId): PeerRank =>
      ranks[id] ?? 0;
  const targets = (ranks: Readonly<Record<string, PeerRank>>, down: number): NodeId[] =>
    planRead({ preference: five, coordinator: node(5), isUp: upExcept(down), rank: rankOf(ranks) });
  assert.deepEqual(targets({ n1: 1 }, 9), ['n2', 'n3', 'n1']);
  assert.deepEqual(targets({ n1: 2, n2: 1 }, 9), ['n3', 'n2', 'n1']);
  assert.deepEqual(targets({ n2: 2 }, 1), ['n3', 'n4', 'n2']);
});

/** Three machines of two workers; a worker of each owns the key. */
const workers: Preference = {
  owners: ids(10, 20, 30),
  fallbacks: ids(21, 31, 11),
  zones: new Map(ids(10, 11, 20, 21, 30, 31).map((id) => [id, id.slice(0, -1)])),
};

test('the hint for a worker that is down is kept on its own machine rather than beside another copy', () => {
  const plan = planWrite({ preference: workers, coordinator: node(20), isUp: upExcept(10), strict: false });
  assert.deepEqual(plan.at(-1), { holder: 'n11', hintFor: 'n10', counts: true });
});

test('where a whole machine is down its hint is kept beside another copy', () => {
  const plan = planWrite({
    preference: workers,
    coordinator: node(20),
    isUp: upExcept(10, 11),
    strict: false,
  });
  assert.deepEqual(plan.at(-1), { holder: 'n21', hintFor: 'n10', counts: true });
});

test('a hint for an owner that did not answer may be kept on its machine, and on no other that has a copy', () => {
  const holders = new Set(ids(10, 20, 30));
  assert.equal(
    nextFallback(workers, () => true, holders, node(10)),
    'n11',
  );
  assert.equal(
    nextFallback(workers, () => true, holders, node(20)),
    'n21',
  );
});

test('a read asks the very fallbacks that a write has given hints to', () => {
  fc.assert(
    fc.property(
      fc.array(fc.nat(3), { minLength: 1, maxLength: 9 }),
      fc.integer({ min: 1, max: 5 }),
      fc.array(fc.nat(8)),
      (zoneOf, n, down) => {
        const members = zoneOf.map((_zone, index) => node(index));
        const zones = new Map(members.map((id, index) => [id, `z${zoneOf[index] ?? 0}`]));
        const preference = { owners: members.slice(0, n), fallbacks: members.slice(n), zones };
        const isUp = (id: NodeId): boolean => id === node(0) || !down.map(node).includes(id);
        const plan = planWrite({ preference, coordinator: node(0), isUp, strict: false });
        const asked = planRead({ preference, coordinator: node(0), isUp, rank: undefined });
        assert.deepEqual([...new Set(plan.map(({ holder }) => holder))].toSorted(), asked.toSorted());
      },
    ),
  );
});
