import assert from 'node:assert/strict';
import { test } from 'node:test';
import { limits } from '../core/limits.ts';
import { compareTokens, isInRange, type Token, type TokenRange } from '../core/token.ts';
import type { ListedVersion, VersionPage } from '../storage/store.ts';
import { heldInRanges, heldUnderTokens } from './held-versions.ts';

const versionAt = (low: number, counter = 0): ListedVersion => ({
  ...{ token: { high: 1, low }, wallMs: 5, counter, checksum: low, tombstone: false, expires: false },
});

/** Tokens 0, 2, 4 … of the upper half 1, with two versions under every tenth of them. */
const held = Array.from({ length: 6_000 }, (_, index) => versionAt(2 * index)).flatMap((version, index) =>
  index % 10 === 0 ? [version, versionAt(version.token.low, 1)] : [version],
);

/** What a store has to list, and how much of it in one turn at most. */
class Shelf {
  listedInTurn = 0;
  asksInTurn = 0;
  listedMost = 0;
  asksMost = 0;

  listVersions({ first, last }: TokenRange, limit: number): Promise<VersionPage> {
    const all = held.filter(({ token }) => isInRange(token, { first, last }));
    const next = all[limit]?.token;
    const versions = next === undefined ? all : all.filter(({ token }) => compareTokens(token, next) < 0);
    this.listedMost = Math.max(this.listedMost, (this.listedInTurn += versions.length));
    this.asksMost = Math.max(this.asksMost, ++this.asksInTurn);
    return Promise.resolve({ versions, next });
  }

  readonly giveWay = (): Promise<void> => {
    this.listedInTurn = this.asksInTurn = 0;
    return Promise.resolve();
  };
}

const range = (first: number, last: number): TokenRange => ({
  first: { high: 1, low: first },
  last: { high: 1, low: last },
});

test('all of some ranges is listed, in slices with turns between them', async () => {
  const shelf = new Shelf();
  const ranges = [range(0, 4_999), range(5_001, 9_000), range(9_100, 11_999)];
  const versions = await heldInRanges(shelf, ranges, shelf.giveWay);
  assert.deepEqual(
    versions,
    held.filter(({ token }) => ranges.some((each) => isInRange(token, each))),
  );
  assert.ok(shelf.listedMost <= limits.treeVersionsPerTurn, `${shelf.listedMost} versions in a turn`);
});

test('what is held under some tokens is looked up, each once, in slices with turns between them', async () => {
  const shelf = new Shelf();
  const tokens = held
    .slice(0, 2_000)
    .map(({ token }): Token => ({ high: 1, low: token.low + (token.low % 3) }));
  const versions = await heldUnderTokens(shelf, tokens, shelf.giveWay);
  const wanted = new Set(tokens.map(({ low }) => low));
  assert.deepEqual(
    versions,
    held.filter(({ token }) => wanted.has(token.low)),
  );
  assert.ok(shelf.asksMost <= limits.treeLookUpsPerTurn, `${shelf.asksMost} look-ups in a turn`);
});
