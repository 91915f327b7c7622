import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { isNodeId, type NodeId } from './config.ts';
import { disagreement, durationText, floorTarget, foreignHolder } from './floor-decision.ts';

const [n1, n2, n3] = ['n1', 'n2', 'n3'].map(nodeId) as [NodeId, NodeId, NodeId];

function nodeId(text: string): NodeId {
  assert.ok(isNodeId(text));
  return text;
}

describe('the floor may rise', () => {
  test('up to the least promise', () => {
    const target = floorTarget([
      { node: n1, promiseMs: 500, oldestHint: undefined, foreign: [] },
      { node: n2, promiseMs: 300, oldestHint: undefined, foreign: [] },
    ]);
    assert.deepEqual(target, { kind: 'up-to', floorMs: 300, heldBackBy: 'a write under way at n2' });
  });

  test('to below the oldest hint that anybody keeps', () => {
    const target = floorTarget([
      { node: n1, promiseMs: 500, oldestHint: { target: n3, wallMs: 300 }, foreign: [] },
      { node: n2, promiseMs: 400, oldestHint: { target: n1, wallMs: 350 }, foreign: [] },
    ]);
    assert.deepEqual(target, { kind: 'up-to', floorMs: 299, heldBackBy: 'a hint of n1 for n3' });
  });

  test('not while any member says nothing', () => {
    const answer = { node: n1, promiseMs: 500, oldestHint: undefined, foreign: [] };
    const down = floorTarget([answer, { node: n3, promiseMs: undefined, silentMs: 4 * 3_600_000 }]);
    assert.deepEqual(down, { kind: 'blocked', reason: 'blocked by n3: down 4 h' });
    const unheard = floorTarget([answer, { node: n3, promiseMs: undefined, silentMs: undefined }]);
    assert.deepEqual(unheard, { kind: 'blocked', reason: 'blocked by n3: not heard yet' });
  });
});

test('a partition waits for a member that holds records of it and does not own it', () => {
  const answers = [
    { node: n1, promiseMs: 500, oldestHint: undefined, foreign: [] },
    { node: n2, promiseMs: 500, oldestHint: undefined, foreign: [4, 7] },
  ];
  assert.equal(foreignHolder(answers, 5), '');
  assert.equal(foreignHolder(answers, 7), 'blocked by n2: holds records that it does not own');
});

describe('owners', () => {
  const sum = { high: 1, low: 2, count: 3 };
  const complete = { isComplete: true, sum };

  test('agree when all are complete and hold the same', () => {
    const answers = [n1, n2, n3].map((node) => ({ node, state: complete }));
    assert.equal(disagreement(answers), '');
  });

  test('do not agree when one is silent, is incomplete, or holds something else', () => {
    const withLast = (state: { isComplete: boolean; sum: typeof sum } | undefined): string =>
      disagreement([
        { node: n1, state: complete },
        { node: n2, state },
      ]);
    assert.equal(withLast(undefined), 'blocked by n2: no answer');
    assert.equal(withLast({ ...complete, isComplete: false }), 'blocked by n2: incomplete');
    assert.equal(withLast({ ...complete, sum: { ...sum, low: 3 } }), 'blocked by n2: differs from n1');
    assert.equal(withLast({ ...complete, sum: { ...sum, count: 4 } }), 'blocked by n2: differs from n1');
    assert.equal(disagreement([{ node: n1, state: undefined }]), 'blocked by n1: no answer');
  });
});

test('a duration is told in its largest unit', () => {
  assert.deepEqual([999, 59_999, 60_000, 7_200_000, 90_000_000].map(durationText), [
    '0 s',
    '59 s',
    '1 min',
    '2 h',
    '1 d',
  ]);
});
