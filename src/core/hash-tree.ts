/**
 * The hash tree over the versions of one partition, as an address space: which tokens a node covers.
 *
 * The root (depth 0) covers the whole partition, and each node has 16 children, by the next four bits of the
 * token (Merkle 1987; DeCandia et al. 2007, §4.7). Nodes are not stored: a store keeps the sum of the root, and
 * finds that of any other node by walking its tokens, which lie next to each other in an ordered index.
 */

import { assert } from './errors.ts';
import type { Token, TokenRange } from './token.ts';

/** A node of the tree of one partition. */
export interface TreeNode {
  readonly partition: number;
  /** 0 at the root, at most `treeDepthMax`. */
  readonly depth: number;
  /** The `4 × depth` bits that follow the partition's in all tokens below the node. */
  readonly prefix: number;
}

/** Children of a node: with 16 a difference among 16 million versions is six exchanges away. */
export const treeFanOut = 16;
/** The prefix then has 32 bits: four billion leaves a partition, so one rarely covers two tokens. */
export const treeDepthMax = 8;

const tokenBits = 64;
const bitsPerLevel = 4;

/** The node that covers a whole partition. */
export function treeRoot(partition: number): TreeNode {
  return { partition, depth: 0, prefix: 0 };
}

/** The children of a node in token order; none below `treeDepthMax`. */
export function treeChildren(node: TreeNode): readonly TreeNode[] {
  if (node.depth >= treeDepthMax) return [];
  const { partition, depth, prefix } = node;
  return Array.from({ length: treeFanOut }, (_, child) => ({
    partition,
    depth: depth + 1,
    prefix: prefix * treeFanOut + child,
  }));
}

/** Whether a node, as a peer named it, exists among `partitions` partitions. */
export function isTreeNode(node: TreeNode, partitions: number): boolean {
  return (
    isBelow(node.partition, partitions) &&
    isBelow(node.depth, treeDepthMax + 1) &&
    isBelow(node.prefix, treeFanOut ** node.depth)
  );
}

/** The tokens that a node covers, where there are `partitions` partitions, a power of two of at most 2^16. */
export function treeRange(node: TreeNode, partitions: number): TokenRange {
  assert(isTreeNode(node, partitions), 'a tree node lies in its partition');
  const fixedBits = Math.log2(partitions) + bitsPerLevel * node.depth;
  // At most 48 bits, so every product and quotient here is exact.
  const fixed = node.partition * treeFanOut ** node.depth + node.prefix;
  if (fixedBits <= 32) {
    const width = 2 ** (32 - fixedBits);
    return {
      first: { high: fixed * width, low: 0 },
      last: { high: (fixed + 1) * width - 1, low: 0xffff_ffff },
    };
  }
  const width = 2 ** (tokenBits - fixedBits);
  const high = Math.floor(fixed / 2 ** (fixedBits - 32));
  const low = (fixed - high * 2 ** (fixedBits - 32)) * width;
  return { first: { high, low }, last: { high, low: low + width - 1 } };
}

/** The node at a depth that covers a token. */
export function treeNodeOf(
  token: Token,
  options: { readonly depth: number; readonly partitions: number },
): TreeNode {
  const { depth, partitions } = options;
  const partitionBits = Math.log2(partitions);
  // The upper 48 bits of the token: enough for every node, and exact.
  const upper = token.high * 0x1_0000 + (token.low >>> 16);
  const fixed = Math.floor(upper / 2 ** (48 - partitionBits - bitsPerLevel * depth));
  const partition = Math.floor(fixed / treeFanOut ** depth);
  return { partition, depth, prefix: fixed - partition * treeFanOut ** depth };
}

function isBelow(value: number, end: number): boolean {
  return Number.isInteger(value) && value >= 0 && value < end;
}
