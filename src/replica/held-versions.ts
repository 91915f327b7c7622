/**
 * What this node holds of what it compares with an owner, listed in slices with a turn of the event loop between them:
 * a walk may ask for tens of thousands of versions at once, and clients must not wait for that.
 *
 * The slices are of different instants. A version that comes in meanwhile is at worst fetched once more.
 */

import { compareTokens, type Token, type TokenRange } from '../core/token.ts';
import { limits } from '../core/limits.ts';
import { splitRanges } from '../core/tree-walk.ts';
import type { SummedVersion } from '../core/version-sum.ts';
import type { Store } from '../storage/store.ts';
import { listVersions } from './tree-responder.ts';

/** Lets everything else that waits have its turn. */
type GiveWay = () => Promise<void>;

/** All that is held in disjoint, ascending ranges, in token order. */
export async function heldInRanges(
  store: Pick<Store, 'listVersions'>,
  ranges: readonly TokenRange[],
  giveWay: GiveWay,
): Promise<readonly SummedVersion[]> {
  const held: SummedVersion[] = [];
  let left = ranges;
  for (;;) {
    const { versions, next } = await listVersions(store, left, limits.treeVersionsPerTurn);
    held.push(...versions);
    if (next === undefined) return held;
    left = splitRanges(left, next).from;
    await giveWay();
  }
}

/** All that is held under ascending tokens, of which some may be equal, in token order. */
export async function heldUnderTokens(
  store: Pick<Store, 'listVersions'>,
  tokens: readonly Token[],
  giveWay: GiveWay,
): Promise<readonly SummedVersion[]> {
  const held: SummedVersion[] = [];
  let before: Token | undefined;
  let lookedUp = 0;
  for (const token of tokens) {
    if (before !== undefined && compareTokens(before, token) === 0) continue;
    before = token;
    if (lookedUp++ === limits.treeLookUpsPerTurn) {
      await giveWay();
      lookedUp = 1;
    }
    const { versions } = await store.listVersions({ first: token, last: token }, limits.treeVersionsMax);
    held.push(...versions);
  }
  return held;
}
