/**
 * Which tokens one owner has to fetch from another, seen from what both list for the same tokens.
 *
 * A list has no keys and no actors, so it can't tell which version wins: all that is not identical, and not provably
 * older at the other owner, is fetched, and merge decides. Two keys may share a token; then their versions are
 * compared as a set. (Should each side hold another of the two, the one with the older version learns of the newer
 * first, and the other finds the set in its next round.)
 */

import { compareTokens, type Token } from './token.ts';
import type { SummedVersion } from './version-sum.ts';

/**
 * The tokens to fetch, ascending. Both lists are in token order and complete for the same tokens. What `theirs` holds
 * that is stamped later than `upToMs` is left alone: it is most likely still on its way here.
 */
export function tokensToFetch(lists: {
  readonly own: readonly SummedVersion[];
  readonly theirs: readonly SummedVersion[];
  readonly upToMs: number;
}): Token[] {
  const { own, theirs, upToMs } = lists;
  const tokens: Token[] = [];
  let ownIndex = 0;
  for (let index = 0; index < theirs.length;) {
    const token = theirs[index]?.token ?? noToken;
    const theirEnd = endOfToken(theirs, index, token);
    while (ownIndex < own.length && compareTokens(own[ownIndex]?.token ?? noToken, token) < 0) ownIndex++;
    const ownEnd = endOfToken(own, ownIndex, token);
    const settled = theirs.slice(index, theirEnd).filter((version) => version.wallMs <= upToMs);
    if (lacksAny(own.slice(ownIndex, ownEnd), settled)) tokens.push(token);
    index = theirEnd;
    ownIndex = ownEnd;
  }
  return tokens;
}

const noToken: Token = { high: 0, low: 0 };

/** The index after the last version of a token that starts, if at all, at `index`. */
function endOfToken(versions: readonly SummedVersion[], index: number, token: Token): number {
  let end = index;
  for (; end < versions.length; end++) {
    const version = versions[end];
    if (version === undefined || compareTokens(version.token, token) !== 0) break;
  }
  return end;
}

function lacksAny(own: readonly SummedVersion[], theirs: readonly SummedVersion[]): boolean {
  const [only] = own;
  // With one key a side an older version there is one that this side has left behind.
  if (only !== undefined && own.length === 1 && theirs.length === 1) {
    return theirs.some((version) => !isSame(only, version) && !isOlder(version, only));
  }
  const rest = [...own];
  return theirs.some((version) => {
    const found = rest.findIndex((held) => isSame(held, version));
    if (found >= 0) rest.splice(found, 1);
    return found < 0;
  });
}

function isSame(left: SummedVersion, right: SummedVersion): boolean {
  return left.wallMs === right.wallMs && left.counter === right.counter && left.checksum === right.checksum;
}

function isOlder(version: SummedVersion, than: SummedVersion): boolean {
  return version.wallMs < than.wallMs || (version.wallMs === than.wallMs && version.counter < than.counter);
}
