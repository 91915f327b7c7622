/**
 * At the end of its refill a node drops what only its old disk has from below the floor: all owners had agreed, so
 * what a complete one does not hold was deleted, and forgotten, while this disk was away.
 *
 * Versions above the floor are left alone: those the owners level among each other.
 */

import { treeRange, treeRoot } from '../core/hash-tree.ts';
import { limits } from '../core/limits.ts';
import { compareTokens, type Token, type TokenRange } from '../core/token.ts';
import { equalSums, type SummedVersion } from '../core/version-sum.ts';
import type { Store } from '../storage/store.ts';
import type { OwnerExchange } from './owner-exchange.ts';

/** Drops strays of a partition against what a complete owner holds; returns how many. Throws as the exchange does. */
export async function dropStrays(options: {
  readonly store: Store;
  readonly exchange: OwnerExchange;
  readonly partition: number;
  readonly partitions: number;
}): Promise<number> {
  const { store, exchange, partition, partitions } = options;
  const floorMs = store.floorOf(partition);
  if (floorMs === 0) return 0;
  const whole = treeRange(treeRoot(partition), partitions);
  const [theirs] = await exchange.rangeSums([whole], floorMs);
  const [own] = await store.sumRanges([whole], floorMs);
  if (theirs !== undefined && own !== undefined && equalSums(own, theirs)) return 0;
  let dropped = 0;
  let range: TokenRange | undefined = whole;
  while (range !== undefined) {
    const held = await store.listVersions(range, limits.treeVersionsPerReply / 2);
    const end: Token = held.versions.at(-1)?.token ?? whole.last;
    const below = held.versions.filter(({ wallMs }) => wallMs <= floorMs);
    if (below.length > 0) {
      const known = await namesHeldBy(exchange, { first: range.first, last: end });
      dropped += await store.dropStrays(
        partition,
        below.filter((version) => !known.has(nameOf(version))),
      );
    }
    range = held.next === undefined ? undefined : { first: held.next, last: whole.last };
  }
  return dropped;
}

async function namesHeldBy(exchange: OwnerExchange, range: TokenRange): Promise<ReadonlySet<string>> {
  const names = new Set<string>();
  let rest: TokenRange | undefined = range;
  while (rest !== undefined) {
    const { versions, next } = await exchange.versions([rest]);
    for (const version of versions) names.add(nameOf(version));
    rest =
      next === undefined || compareTokens(next, range.last) > 0
        ? undefined
        : { first: next, last: range.last };
  }
  return names;
}

function nameOf({ token, wallMs, counter, checksum }: SummedVersion): string {
  return `${token.high}.${token.low}.${wallMs}.${counter}.${checksum}`;
}
