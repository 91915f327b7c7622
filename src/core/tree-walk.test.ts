import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { limits } from './limits.ts';
import { compareTokens, isInRange, tokenAfter, type Token, type TokenRange } from './token.ts';
import { splitRanges, TreeWalk } from './tree-walk.ts';
import { tokensToFetch } from './version-difference.ts';
import { RunningSum, type SummedVersion, type VersionSum } from './version-sum.ts';

const partitions = 4;
const everything = Number.POSITIVE_INFINITY;

interface Held extends SummedVersion {
  readonly key: number;
}

/** One owner, in memory: what it holds by key, in token order. */
class Owner {
  readonly #versions = new Map<number, Held>();

  constructor(versions: readonly Held[]) {
    for (const version of versions) this.merge(version);
  }

  merge(version: Held): void {
    const held = this.#versions.get(version.key);
    if (held === undefined || compare(version, held) > 0) this.#versions.set(version.key, version);
  }

  all(): Held[] {
    return [...this.#versions.values()].sort(
      (left, right) => compareTokens(left.token, right.token) || left.key - right.key,
    );
  }

  sum(range: TokenRange, upToMs: number): VersionSum {
    const sum = new RunningSum();
    for (const version of this.all()) {
      if (isInRange(version.token, range) && version.wallMs <= upToMs) sum.add(version);
    }
    return sum.value();
  }

  list(ranges: readonly TokenRange[]): Held[] {
    return this.all().filter((version) => ranges.some((range) => isInRange(version.token, range)));
  }

  with(tokens: readonly Token[]): Held[] {
    return this.all().filter((version) => tokens.some((token) => compareTokens(version.token, token) === 0));
  }
}

function compare(left: Held, right: Held): number {
  return left.wallMs - right.wallMs || left.counter - right.counter || left.checksum - right.checksum;
}

interface Travelled {
  readonly byToken: Held[];
  readonly byRange: Held[];
  questions: number;
  /** Versions that this side had to list or look up. */
  ownListed: number;
}

/** `own` heals itself from `theirs`; lists and records come in pages of `page`. */
function pull(own: Owner, theirs: Owner, options: { page?: number; upToMs?: number } = {}): Travelled {
  const { page = 1_000, upToMs = everything } = options;
  const travelled: Travelled = { byToken: [], byRange: [], questions: 0, ownListed: 0 };
  const walk = new TreeWalk({ roots: [0, 1, 2, 3], partitions, upToMs });
  for (let question = walk.next(); question !== undefined; question = walk.next()) {
    assert.ok(++travelled.questions < 10_000, 'a walk ends');
    switch (question.kind) {
      case 'sums':
        walk.onSums(
          question.ranges.map((range) => own.sum(range, upToMs)),
          question.ranges.map((range) => theirs.sum(range, upToMs)),
        );
        break;
      case 'versions': {
        const { items, next } = pageOf(theirs.list(question.ranges), page);
        const { before, from } = splitRanges(question.ranges, next);
        const { sparse } = question;
        const held = sparse ? own.with(items.map(({ token }) => token)) : own.list(before);
        travelled.ownListed += held.length;
        walk.onVersions({ own: held, theirs: items, rest: from, sparse });
        break;
      }
      case 'range': {
        const { items, next } = pageOf(theirs.list([question.range]), page);
        for (const version of items) own.merge(version);
        travelled.byRange.push(...items);
        walk.onFetched({ range: next === undefined ? undefined : { ...question.range, first: next } });
        break;
      }
      case 'tokens': {
        assert.ok(question.tokens.length <= limits.treeTokensPerRequest);
        const { items, next } = pageOf(theirs.with(question.tokens), page);
        for (const version of items) own.merge(version);
        travelled.byToken.push(...items);
        const rest = next;
        const tokens =
          rest === undefined ? [] : question.tokens.filter((token) => compareTokens(token, rest) >= 0);
        walk.onFetched({ tokens });
        break;
      }
    }
  }
  return travelled;
}

/** The first versions, all of a token together, and the first token that is not among them. */
function pageOf(
  versions: readonly Held[],
  page: number,
): { items: readonly Held[]; next: Token | undefined } {
  const last = versions[page - 1];
  const rest =
    last === undefined ? undefined : versions.find(({ token }) => compareTokens(token, last.token) > 0);
  if (rest === undefined) return { items: versions, next: undefined };
  return { items: versions.filter(({ token }) => compareTokens(token, rest.token) < 0), next: rest.token };
}

/** Few tokens, so that keys share them; some close together, so that walks go deep. */
const tokens: fc.Arbitrary<Token> = fc.oneof(
  fc.record({ high: fc.nat(0xffff_ffff), low: fc.nat(0xffff_ffff) }),
  fc.record({ high: fc.constantFrom(0, 0x4000_0000, 0xffff_ffff), low: fc.nat(20) }),
);
const versions = fc
  .uniqueArray(tokens, {
    minLength: 1,
    maxLength: 150,
    comparator: (left, right) => compareTokens(left, right) === 0,
  })
  .chain((drawn) =>
    fc
      .array(
        fc.record({
          key: fc.nat(drawn.length + 5),
          wallMs: fc.integer({ min: 1, max: 4 }),
          counter: fc.nat(1),
          checksum: fc.nat(1),
          side: fc.constantFrom('left', 'right', 'both', 'both', 'both'),
        }),
        { maxLength: 400 },
      )
      .map((entries) =>
        entries.map(({ side, ...version }) => ({
          side,
          // A checksum covers the key.
          version: {
            ...version,
            checksum: 2 * version.key + version.checksum,
            token: drawn[version.key % drawn.length] ?? { high: 0, low: 0 },
          },
        })),
      ),
  );

test('whatever two owners hold, once each has pulled from the other they hold the same', () => {
  fc.assert(
    fc.property(versions, fc.integer({ min: 1, max: 40 }), (entries, page) => {
      const heldBy = (side: string): Owner =>
        new Owner(entries.filter((entry) => entry.side !== side).map(({ version }) => version));
      const [left, right] = [heldBy('right'), heldBy('left')];
      pull(left, right, { page });
      pull(right, left, { page });
      // Only where each held another of two keys with one token is there anything left.
      pull(left, right, { page });
      assert.deepEqual(left.all(), right.all());
    }),
    { numRuns: 200 },
  );
});

test('what travels by token is what differs, and nothing else', () => {
  fc.assert(
    fc.property(versions, (entries) => {
      const [left, right] = ['right', 'left'].map(
        (side) => new Owner(entries.filter((entry) => entry.side !== side).map(({ version }) => version)),
      );
      assert.ok(left !== undefined && right !== undefined);
      const before = new Map(left.all().map((version) => [version.key, version]));
      const { byToken, byRange } = pull(left, right);
      const carried = [...byToken, ...byRange].map((version) => version.key);
      assert.equal(new Set(carried).size, carried.length, 'nothing travels twice');
      for (const { token } of byToken) {
        const together: Held[] = right.with([token]);
        const needed = together.some((version) => {
          const held = before.get(version.key);
          return held === undefined || compare(version, held) > 0;
        });
        // Where keys share a token, or dots are equal, only the merge can tell.
        const unclear: boolean = together.length > 1 || left.with([token]).length > 1;
        const tied = together.some((version) => {
          const held = before.get(version.key);
          return held?.wallMs === version.wallMs && held.counter === version.counter;
        });
        assert.ok(needed || unclear || tied);
      }
    }),
    { numRuns: 200 },
  );
});

function crowd(count: number): Held[] {
  return Array.from({ length: count }, (_, key) => ({
    key,
    token: { high: Math.imul(key, 0x9e37_79b1) >>> 0, low: key },
    wallMs: 1,
    counter: 0,
    checksum: key,
  }));
}

test('one difference among many is found in a handful of questions and alone travels', () => {
  const all = crowd(3_000);
  const theirs = new Owner(all.map((version) => (version.key === 77 ? { ...version, wallMs: 2 } : version)));
  const { byToken, byRange, questions } = pull(new Owner(all), theirs);
  assert.deepEqual(
    byToken.map((version) => version.key),
    [77],
  );
  assert.deepEqual(byRange, []);
  assert.ok(questions <= 5, `${questions} questions`);
});

test('an owner that holds nothing is sent everything, without lists', () => {
  const { byToken, byRange, questions } = pull(new Owner([]), new Owner(crowd(3_000)), { page: 500 });
  assert.deepEqual([byToken.length, byRange.length], [0, 3_000]);
  assert.ok(questions <= 1 + 4 * 3, `${questions} questions`);
});

test('what only this side holds is asked nothing about', () => {
  const { questions } = pull(new Owner(crowd(1_000)), new Owner([]));
  assert.equal(questions, 1);
});

test('where the other side holds next to nothing this side looks up what that is, and lists nothing', () => {
  const all = crowd(4_000);
  const few = all.filter(({ key }) => key % 100 === 0).map((version) => ({ ...version, wallMs: 2 }));
  const { byToken, byRange, ownListed } = pull(new Owner(all), new Owner(few), { page: 7 });
  assert.deepEqual([byToken.length, byRange.length, ownListed], [few.length, 0, few.length]);
});

test('what was stamped after the cutoff is still under way and is not fetched', () => {
  const all = crowd(500);
  const theirs = new Owner(
    all.map((version) => (version.key % 5 === 0 ? { ...version, wallMs: 9 } : version)),
  );
  const { byToken, byRange } = pull(new Owner(all), theirs, { upToMs: 8 });
  assert.deepEqual([...byToken, ...byRange], []);
});

const at = (wallMs: number, checksum = 0, low = 1): SummedVersion => ({
  ...{ token: { high: 1, low }, wallMs, counter: 0, checksum },
});

test('only what is provably older at the other owner is left there', () => {
  const fetched = (own: SummedVersion[], theirs: SummedVersion[]): number =>
    tokensToFetch({ own, theirs, upToMs: everything }).length;
  assert.equal(fetched([at(2)], [at(1)]), 0);
  assert.equal(fetched([at(2)], [at(2)]), 0);
  assert.equal(fetched([at(2)], [at(3)]), 1);
  assert.equal(fetched([at(2, 1)], [at(2, 2)]), 1);
  assert.equal(fetched([at(2, 2)], [at(2, 1)]), 1);
  assert.equal(fetched([], [at(1)]), 1);
  assert.equal(fetched([at(1)], []), 0);
  // Of two keys that share a token an older one may be the one that is missing here.
  assert.equal(fetched([at(5)], [at(5), at(1, 7)]), 1);
  assert.equal(fetched([at(5), at(1, 7)], [at(5), at(1, 7)]), 0);
  assert.equal(fetched([at(5), at(5)], [at(5), at(5)]), 0);
  assert.equal(fetched([at(5)], [at(5), at(5)]), 1);
  assert.equal(fetched([at(5, 0, 3)], [at(5, 0, 2)]), 1);
});

test('ranges are split at a token without losing any', () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.nat(200), { minLength: 2, maxLength: 12 }), fc.nat(201), (bounds, cut) => {
      const sorted = bounds.toSorted((left, right) => left - right);
      const token = (low: number): Token => ({
        high: low > 100 ? 1 : 0,
        low: low > 100 ? low - 101 : 0xffff_ff9b + low,
      });
      const ranges = Array.from({ length: sorted.length >>> 1 }, (_, index) => ({
        first: token(sorted[2 * index] ?? 0),
        last: token(sorted[2 * index + 1] ?? 0),
      }));
      const { before, from } = splitRanges(ranges, token(cut));
      for (
        let point: Token | undefined = token(0);
        point !== undefined && point.low !== 200;
        point = tokenAfter(point)
      ) {
        const here: Token = point;
        const isIn = (list: readonly TokenRange[]): boolean => list.some((range) => isInRange(here, range));
        const isBefore = compareTokens(here, token(cut)) < 0;
        assert.equal(isIn(before), isBefore && isIn(ranges));
        assert.equal(isIn(from), !isBefore && isIn(ranges));
      }
    }),
  );
});
