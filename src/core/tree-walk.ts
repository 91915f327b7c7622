/**
 * What to ask an owner next to find, and fetch, what it holds and this node lacks (DeCandia et al. 2007, §4.7).
 *
 * A decider without messages or timers. It starts at the roots of some partitions and goes down where the sums
 * differ; where few versions are left it compares lists, and where this side holds next to nothing it fetches all.
 * One question is open at a time: `next` hands it out and one of the `on…` methods takes the answer.
 *
 * Pull only: what this side holds and the other lacks is the other's business. Each answer makes the tree that is left
 * smaller, whatever the other owner claims, so a walk ends.
 */

import { assert } from './errors.ts';
import { treeChildren, treeRange, treeRoot, type TreeNode } from './hash-tree.ts';
import { limits } from './limits.ts';
import { compareTokens, type Token, type TokenRange } from './token.ts';
import { tokensToFetch } from './version-difference.ts';
import { equalSums, type SummedVersion, type VersionSum } from './version-sum.ts';

/** Where one side has at most so many versions they are listed: a list of 64 is 1.3 KB, the next level's sums 0.5 KB. */
const listedVersionsMax = 64;
/** Where the other side holds so many times more, fetching all costs less than finding out what is held already. */
const fetchAllRatio = 8;
/** Where this side holds so many times more, looking up what the other lists costs less than listing all of it. */
const lookUpRatio = 4;

export type WalkQuestion =
  /** The sums of both sides. Ranges are disjoint and ascending, here and below. */
  | { readonly kind: 'sums'; readonly ranges: readonly TokenRange[] }
  /** The versions of both sides; of this side only those with tokens that the other lists where that is `sparse`. */
  | { readonly kind: 'versions'; readonly ranges: readonly TokenRange[]; readonly sparse: boolean }
  /** All records of a range. */
  | { readonly kind: 'range'; readonly range: TokenRange }
  /** All records with these tokens. */
  | { readonly kind: 'tokens'; readonly tokens: readonly Token[] };

export class TreeWalk {
  readonly #partitions: number;
  readonly #upToMs: number;
  /** Nodes whose sums have not been compared. */
  readonly #nodes: TreeNode[];
  readonly #ranges: TokenRange[] = [];
  readonly #lists: TokenRange[] = [];
  /** Those of which the other side holds next to nothing. */
  readonly #sparseLists: TokenRange[] = [];
  readonly #tokens: Token[] = [];
  #asked: readonly TreeNode[] = [];
  readonly #differentRoots: number[] = [];
  #differences = 0;

  /** `partitions` is their number in the cluster; versions later than `upToMs` count as equal. */
  constructor(options: {
    readonly roots: readonly number[];
    readonly partitions: number;
    readonly upToMs: number;
  }) {
    this.#partitions = options.partitions;
    this.#upToMs = options.upToMs;
    this.#nodes = options.roots.map(treeRoot);
  }

  /** Tokens found so far that this side lacks something of, beside those in ranges that are fetched whole. */
  get differences(): number {
    return this.#differences;
  }

  /** The partitions whose versions up to the cutoff are not the same on both sides, whoever lacks something. */
  get differentRoots(): readonly number[] {
    return this.#differentRoots;
  }

  /** The next question; undefined when the walk is at its end. */
  next(): WalkQuestion | undefined {
    if (this.#tokens.length >= limits.treeTokensPerRequest) return this.#askTokens();
    const range = this.#ranges.shift();
    if (range !== undefined) return { kind: 'range', range };
    for (const lists of [this.#lists, this.#sparseLists]) {
      if (lists.length >= limits.treeRangesPerRequest) return this.#askVersions(lists);
    }
    if (this.#nodes.length > 0) return this.#askSums();
    for (const lists of [this.#lists, this.#sparseLists]) {
      if (lists.length > 0) return this.#askVersions(lists);
    }
    return this.#tokens.length > 0 ? this.#askTokens() : undefined;
  }

  onSums(own: readonly VersionSum[], theirs: readonly VersionSum[]): void {
    const asked = this.#asked;
    assert(own.length === asked.length && theirs.length === asked.length, 'one sum for each range');
    asked.forEach((node, index) => {
      const [ownSum, theirSum] = [own[index], theirs[index]];
      if (ownSum !== undefined && theirSum !== undefined) this.#compare(node, ownSum, theirSum);
    });
  }

  /** What both sides hold in the ranges that were asked for; those of `rest` have to be asked for again. */
  onVersions(lists: {
    readonly own: readonly SummedVersion[];
    readonly theirs: readonly SummedVersion[];
    readonly rest: readonly TokenRange[];
    readonly sparse: boolean;
  }): void {
    (lists.sparse ? this.#sparseLists : this.#lists).push(...lists.rest);
    const tokens = tokensToFetch({ ...lists, upToMs: this.#upToMs });
    this.#differences += tokens.length;
    this.#tokens.push(...tokens);
  }

  /** What could not be fetched in one go. */
  onFetched(rest: { readonly range?: TokenRange | undefined; readonly tokens?: readonly Token[] }): void {
    if (rest.range !== undefined) this.#ranges.unshift(rest.range);
    if (rest.tokens !== undefined) this.#tokens.push(...rest.tokens);
  }

  #compare(node: TreeNode, own: VersionSum, theirs: VersionSum): void {
    if (equalSums(own, theirs)) return;
    if (node.depth === 0) this.#differentRoots.push(node.partition);
    if (theirs.count === 0) return;
    const range = treeRange(node, this.#partitions);
    if (own.count * fetchAllRatio <= theirs.count) {
      this.#ranges.push(range);
      return;
    }
    const children = treeChildren(node);
    if (Math.min(own.count, theirs.count) <= listedVersionsMax || children.length === 0) {
      (theirs.count * lookUpRatio <= own.count ? this.#sparseLists : this.#lists).push(range);
    } else {
      this.#nodes.push(...children);
    }
  }

  /** The nodes found last are asked for first, so that the nodes that wait stay few. */
  #askSums(): WalkQuestion {
    const asked = this.#nodes
      .splice(-limits.treeRangesPerRequest)
      .map((node) => ({ node, range: treeRange(node, this.#partitions) }))
      .sort((left, right) => compareTokens(left.range.first, right.range.first));
    this.#asked = asked.map(({ node }) => node);
    return { kind: 'sums', ranges: asked.map(({ range }) => range) };
  }

  #askVersions(lists: TokenRange[]): WalkQuestion {
    lists.sort((left, right) => compareTokens(left.first, right.first));
    const ranges = lists.splice(0, limits.treeRangesPerRequest);
    return { kind: 'versions', ranges, sparse: lists === this.#sparseLists };
  }

  #askTokens(): WalkQuestion {
    this.#tokens.sort(compareTokens);
    return { kind: 'tokens', tokens: this.#tokens.splice(0, limits.treeTokensPerRequest) };
  }
}

/** Splits ranges at a token: those before it, and those from it on. Without a token all are before. */
export function splitRanges(
  ranges: readonly TokenRange[],
  at: Token | undefined,
): { readonly before: readonly TokenRange[]; readonly from: readonly TokenRange[] } {
  if (at === undefined) return { before: ranges, from: [] };
  const before: TokenRange[] = [];
  const from: TokenRange[] = [];
  for (const range of ranges) {
    if (compareTokens(range.last, at) < 0) before.push(range);
    else if (compareTokens(range.first, at) >= 0) from.push(range);
    else {
      before.push({ first: range.first, last: tokenBefore(at) });
      from.push({ first: at, last: range.last });
    }
  }
  return { before, from };
}

/** The token that precedes one that is not the first of all. */
function tokenBefore(token: Token): Token {
  return token.low > 0
    ? { high: token.high, low: token.low - 1 }
    : { high: token.high - 1, low: 0xffff_ffff };
}
