import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';

import { isTreeNode, treeChildren, treeDepthMax, treeNodeOf, treeRange, treeRoot } from './hash-tree.ts';
import { compareTokens, isInRange, partitionOf, tokenAfter } from './token.ts';

const word = fc.oneof(fc.integer({ min: 0, max: 0xffff_ffff }), fc.constantFrom(0, 1, 0xffff, 0xffff_ffff));
const token = fc.record({ high: word, low: word });
const partitions = fc.integer({ min: 0, max: 16 }).map((bits) => 2 ** bits);
const depth = fc.integer({ min: 0, max: treeDepthMax });

test('the root covers exactly the tokens of its partition', () => {
  fc.assert(
    fc.property(token, partitions, (token, partitions) => {
      const own = partitionOf(token, partitions);
      assert.ok(isInRange(token, treeRange(treeRoot(own), partitions)));
      if (partitions > 1) {
        assert.ok(!isInRange(token, treeRange(treeRoot((own + 1) % partitions), partitions)));
      }
    }),
  );
});

test('a token lies in the range of its node at every depth, and the node is of its partition', () => {
  fc.assert(
    fc.property(token, partitions, depth, (token, partitions, depth) => {
      const node = treeNodeOf(token, { depth, partitions });
      assert.ok(isTreeNode(node, partitions));
      assert.equal(node.partition, partitionOf(token, partitions));
      assert.ok(isInRange(token, treeRange(node, partitions)));
    }),
  );
});

test('the children of a node cover its tokens without gap or overlap, in token order', () => {
  fc.assert(
    fc.property(
      token,
      partitions,
      fc.integer({ min: 0, max: treeDepthMax - 1 }),
      (token, partitions, depth) => {
        const node = treeNodeOf(token, { depth, partitions });
        const ranges = treeChildren(node).map((child) => treeRange(child, partitions));
        assert.equal(ranges.length, 16);
        assert.deepEqual(ranges[0]?.first, treeRange(node, partitions).first);
        assert.deepEqual(ranges.at(-1)?.last, treeRange(node, partitions).last);
        for (const [index, range] of ranges.entries()) {
          assert.ok(compareTokens(range.first, range.last) <= 0);
          const next = ranges[index + 1];
          if (next !== undefined) assert.deepEqual(tokenAfter(range.last), next.first);
        }
      },
    ),
  );
});

test('there is nothing below the greatest depth', () => {
  const node = treeNodeOf({ high: 7, low: 9 }, { depth: treeDepthMax, partitions: 256 });
  assert.deepEqual(treeChildren(node), []);
});

test('a node that a peer made up is told apart', () => {
  const { partition, depth, prefix } = treeNodeOf({ high: 2 ** 31, low: 0 }, { depth: 2, partitions: 16 });
  assert.ok(isTreeNode({ partition, depth, prefix }, 16));
  for (const wrong of [
    { partition: 16, depth, prefix },
    { partition: -1, depth, prefix },
    { partition: 0.5, depth, prefix },
    { partition, depth: treeDepthMax + 1, prefix },
    { partition, depth, prefix: 256 },
    { partition, depth, prefix: Number.NaN },
  ]) {
    assert.ok(!isTreeNode(wrong, 16), JSON.stringify(wrong));
  }
});
