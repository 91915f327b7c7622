import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { NodeLoad } from '../node-load.ts';
import { nothingIsLeftOver, nothingPilesUp, type LoadSample } from './nothing-piles-up.ts';

const quiet: NodeLoad = {
  requests: 0,
  calls: 2,
  timers: 6,
  openFiles: 4,
  waiting: 0,
  hintBytes: 0,
  logBytes: 0,
  segments: 3,
};
const bounds = { clients: 4, nodes: 3 };
const calm = { connections: 3, heldBytes: 0, events: 20 };

function sample(load: Partial<NodeLoad>): LoadSample[] {
  return [{ node: 'n1', micros: 0, load: { ...quiet, ...load } }];
}

describe('nothing-piles-up', () => {
  test('each figure that passes its bound is found, while faults strike', () => {
    const brokenBy = (load: Partial<NodeLoad>): number =>
      nothingPilesUp({ samples: sample(load), bounds }).length;
    assert.equal(brokenBy({}), 0);
    assert.equal(brokenBy({ requests: 10, calls: 100, timers: 200, waiting: 500, hintBytes: 5_000 }), 0);
    const tooMany = 3_000_000_000;
    const figures = ['requests', 'calls', 'timers', 'openFiles', 'waiting', 'hintBytes', 'logBytes'] as const;
    for (const figure of figures) assert.equal(brokenBy({ [figure]: tooMany }), 1, figure);
  });

  test('one request, timer, file, event or hint too many is found once all is quiet', () => {
    const leftBy = (load: Partial<NodeLoad>, network = calm): number =>
      nothingIsLeftOver({ samples: sample(load), network, bounds }).length;
    assert.equal(leftBy({}), 0);
    assert.equal(leftBy({ requests: 1 }), 1);
    assert.equal(leftBy({ calls: 30 }), 1);
    assert.equal(leftBy({ timers: 60 }), 1);
    assert.equal(leftBy({ openFiles: 20 }), 1);
    assert.equal(leftBy({ waiting: 1 }), 1);
    assert.equal(leftBy({ hintBytes: 1 }), 1);
    assert.equal(leftBy({ logBytes: 5_000 }), 1);
    assert.equal(leftBy({}, { ...calm, connections: 4 }), 1);
    assert.equal(leftBy({}, { ...calm, heldBytes: 1 }), 1);
    assert.equal(leftBy({}, { ...calm, events: 1_000 }), 1);
  });

  test('a figure is told once a node, however often it was seen', () => {
    const [one] = sample({ waiting: 1_000_000 });
    assert.ok(one !== undefined);
    assert.equal(nothingPilesUp({ samples: [one, one], bounds }).length, 1);
  });

  test('files may be open for as many segments as the node had, and not for more', () => {
    const [many] = sample({ segments: 50, openFiles: 60 });
    const [few] = sample({ segments: 3, openFiles: 80 });
    assert.ok(many !== undefined && few !== undefined);
    assert.equal(nothingPilesUp({ samples: [many, few], bounds }).length, 0);
    assert.equal(nothingPilesUp({ samples: [few], bounds }).length, 1);
    assert.equal(nothingPilesUp({ samples: [many, { ...few, node: 'n2' }], bounds }).length, 1);
  });
});
