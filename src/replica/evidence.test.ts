import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { NodeId } from '../core/config.ts';
import type { Completeness } from '../protocol/healing-messages.ts';
import type { EvidenceCause } from '../storage/store.ts';
import { Evidence } from './evidence.ts';

const node = (index: number): NodeId => `n${index}` as NodeId;

function evidenceOf(options: { n: number; w: number; cause: EvidenceCause | undefined }): Evidence {
  const others = Array.from({ length: options.n - 1 }, (_, index) => node(index + 2));
  return new Evidence({
    ...{ owned: [{ partition: 5, others }], w: options.w, cause: options.cause },
    ...{ startedAtMs: 1_000, requestTimeoutMs: 500 },
  });
}

/** Whether the partition is complete after these comparisons; all others are down unless told. */
function isCompleteAfter(
  options: { n: number; w: number; cause: EvidenceCause | undefined },
  comparisons: readonly (Completeness | undefined)[],
  isUp: (id: NodeId) => boolean = () => false,
): boolean {
  const evidence = evidenceOf(options);
  comparisons.forEach((theirs, index) => {
    if (theirs !== undefined) evidence.compared(5, { peer: node(index + 2), theirs, beganAtMs: 1_500 });
  });
  evidence.settle(isUp);
  return evidence.isComplete(5);
}

test('a store that lost nothing is a witness, of what it owns', () => {
  const evidence = evidenceOf({ n: 3, w: 2, cause: undefined });
  assert.equal(evidence.isComplete(5), true);
  assert.equal(evidence.isComplete(6), false);
  assert.equal(evidence.cause, undefined);
});

test('a node that lost its disk is a witness once it has compared enough complete owners', () => {
  for (const cause of ['lost', 'rolled-back', 'damaged'] as const) {
    assert.equal(isCompleteAfter({ n: 3, w: 2, cause }, []), false);
    assert.equal(isCompleteAfter({ n: 3, w: 2, cause }, ['complete']), false);
    assert.equal(isCompleteAfter({ n: 3, w: 2, cause }, ['complete', 'complete']), true);
    assert.equal(isCompleteAfter({ n: 3, w: 3, cause }, ['complete']), true);
    assert.equal(isCompleteAfter({ n: 5, w: 3, cause }, ['complete', 'complete']), false);
    assert.equal(isCompleteAfter({ n: 5, w: 3, cause }, ['complete', 'complete', 'complete']), true);
  }
});

test('a node is no witness of partitions that it has just gained, and one of the others', () => {
  const others = [node(2), node(3)];
  const evidence = new Evidence({
    ...{ owned: [5, 6].map((partition) => ({ partition, others })), w: 2, cause: undefined },
    ...{ gained: new Set([6]), startedAtMs: 1_000, requestTimeoutMs: 500 },
  });
  assert.deepEqual([evidence.isComplete(5), evidence.isComplete(6)], [true, false]);
  assert.equal(evidence.cause, 'gained');
  assert.equal(evidence.incomplete, 1);
  assert.equal(evidence.completenessOf(6), 'incomplete');
  for (const peer of others) evidence.compared(6, { peer, theirs: 'complete', beganAtMs: 1_500 });
  assert.deepEqual(
    evidence.settle(() => true),
    [6],
  );
  assert.equal(evidence.cause, undefined);
});

test('an owner that lost something itself counts only when all have been compared', () => {
  assert.equal(isCompleteAfter({ n: 3, w: 3, cause: 'lost' }, ['incomplete']), false);
  assert.equal(isCompleteAfter({ n: 3, w: 2, cause: 'damaged' }, ['incomplete', 'incomplete']), true);
  assert.equal(isCompleteAfter({ n: 3, w: 1, cause: 'lost' }, ['complete']), false);
  assert.equal(isCompleteAfter({ n: 3, w: 1, cause: 'lost' }, ['complete', 'complete']), true);
});

test('W fresh owners are witnesses: a new cluster serves at once', () => {
  assert.equal(isCompleteAfter({ n: 3, w: 2, cause: 'fresh' }, []), false);
  assert.equal(isCompleteAfter({ n: 3, w: 2, cause: 'fresh' }, ['fresh']), true);
  assert.equal(isCompleteAfter({ n: 3, w: 3, cause: 'fresh' }, ['fresh']), false);
  assert.equal(isCompleteAfter({ n: 3, w: 1, cause: 'fresh' }, []), true);
  assert.equal(isCompleteAfter({ n: 3, w: 2, cause: 'lost' }, ['fresh']), false);
  assert.equal(isCompleteAfter({ n: 3, w: 2, cause: 'fresh' }, ['complete']), false);
});

test('a node without other owners depends on nobody', () => {
  assert.equal(isCompleteAfter({ n: 1, w: 1, cause: 'fresh' }, []), true);
  assert.equal(isCompleteAfter({ n: 1, w: 1, cause: 'damaged' }, []), true);
});

test('an owner that is up is waited for', () => {
  const isUp = (id: NodeId): boolean => id === node(3);
  assert.equal(isCompleteAfter({ n: 3, w: 3, cause: 'lost' }, ['complete'], isUp), false);
  assert.equal(isCompleteAfter({ n: 3, w: 2, cause: 'lost' }, ['complete', 'complete'], isUp), true);
});

test('a comparison that began while requests of the life before may go on proves nothing', () => {
  const states = (cause: EvidenceCause, beganAtMs: number): boolean => {
    const evidence = evidenceOf({ n: 3, w: 3, cause });
    for (const peer of [node(2), node(3)]) evidence.compared(5, { peer, theirs: 'complete', beganAtMs });
    evidence.settle(() => false);
    return evidence.isComplete(5);
  };
  assert.equal(states('lost', 1_499), false);
  assert.equal(states('lost', 1_500), true);
  assert.equal(states('fresh', 1_000), true);
});

test('whatever an owner was when it was first compared, it is asked again until it was complete', () => {
  const evidence = evidenceOf({ n: 3, w: 2, cause: 'lost' });
  assert.equal(evidence.needs(5, node(2)), true);
  evidence.compared(5, { peer: node(2), theirs: 'incomplete', beganAtMs: 2_000 });
  assert.equal(evidence.needs(5, node(2)), true);
  evidence.compared(5, { peer: node(2), theirs: 'complete', beganAtMs: 2_000 });
  assert.equal(evidence.needs(5, node(2)), false);
  assert.deepEqual(
    [evidence.incomplete, evidence.cause, evidence.completenessOf(5)],
    [1, 'lost', 'incomplete'],
  );
  evidence.compared(5, { peer: node(3), theirs: 'complete', beganAtMs: 2_000 });
  assert.deepEqual(
    evidence.settle(() => true),
    [5],
  );
  assert.deepEqual(
    [evidence.incomplete, evidence.cause, evidence.completenessOf(5)],
    [0, undefined, 'complete'],
  );
});

test('whichever owners held an acknowledged write, one that calls itself complete has found it', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 6 }),
      fc.nat(5),
      fc.array(fc.nat(1_000), { minLength: 6, maxLength: 6 }),
      fc.array(fc.boolean(), { minLength: 5, maxLength: 5 }),
      (n, wLess, lots, reached) => {
        const w = Math.max(1, n - wLess);
        // W holders drawn by lot, this node (0) among them; it alone lost what it held.
        const order = Array.from({ length: n - 1 }, (_, index) => index + 1);
        order.sort((left, right) => (lots[left] ?? 0) - (lots[right] ?? 0));
        const holders = order.slice(0, w - 1);
        const compared = order.filter((owner) => reached[owner - 1]);
        const isComplete = isCompleteAfter(
          { n, w, cause: 'lost' },
          Array.from({ length: n - 1 }, (_, index) =>
            compared.includes(index + 1) ? 'complete' : undefined,
          ),
        );
        // With W = 1 the write is gone with its only holder.
        if (isComplete && w > 1) assert.ok(holders.some((holder) => compared.includes(holder)));
      },
    ),
  );
});
