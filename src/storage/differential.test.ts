/**
 * The two engines against each other: the same random operations, reopens and crashes, and after
 * every step both must answer alike.
 *
 * They share no code below `Store`, so a mistake of one is unlikely to be a mistake of the other. The log engine
 * runs on a simulated disk that loses everything unsynced, in segments so small that a run goes through
 * rotation, checkpoints and compaction; `classic-level` runs on real files. What was under way in a crash may be
 * there or not: both are given it again, after which merging leaves no room for a difference.
 *
 * More runs: DIFFERENTIAL_RUNS=1000. A failure prints its seed and the shortest steps that show it.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';

import { isNodeId, type NodeId } from '../core/config.ts';
import { crc32 } from '../core/crc32.ts';
import { formatDot } from '../core/dot.ts';
import type { StoredRecord } from '../core/record.ts';
import { compareTokens } from '../core/token.ts';
import { ClassicLevelHarness } from '../platform/classic-level-harness-contract.ts';
import type { SimDisk } from '../sim/sim-disk.ts';
import { snapshotDirectory } from './checkpoint-file.ts';
import { LogStoreHarness } from './log-store-harness-contract.ts';
import { logDirectory } from './segment-name.ts';
import {
  collidingKeys,
  digestOf,
  keyText,
  recordOf,
  scanAll,
  sumOfScan,
  wholeRing,
} from './store-contract-records.ts';
import type { StoreHarness } from './store-contract.ts';
import type { Store } from './store.ts';

const runs = Number(process.env['DIFFERENTIAL_RUNS'] ?? 12);

/** So small that a run of some dozen steps fills segments, writes checkpoints and compacts. */
const small = {
  segmentBytesMax: 4_096,
  checkpointAfterBytes: 6_000,
  compactionBytesPerSecond: 1e9,
  compactionDeadBytesMin: 0,
};

const keys: readonly (string | Uint8Array)[] = [
  ...Array.from({ length: 14 }, (_, index) => `key ${index}`),
  ...collidingKeys(3),
  Uint8Array.of(0xff),
  Uint8Array.of(0xff, 0x00),
];
const targets: readonly NodeId[] = ['n2', 'n22', 'n3'].map((text) => {
  assert.ok(isNodeId(text));
  return text;
});

/** Plain fields, so that a counterexample can be read; `recordFor` makes the record of it. */
const draft = fc.record({
  key: fc.nat({ max: keys.length - 1 }),
  wallMs: fc.integer({ min: 1, max: 12 }),
  counter: fc.integer({ min: 0, max: 1 }),
  actor: fc.constantFrom('n1.a', 'n2.b'),
  fill: fc.constantFrom('x', 'y'),
  valueBytes: fc.oneof(
    { weight: 4, arbitrary: fc.integer({ min: 0, max: 10 }) },
    { weight: 2, arbitrary: fc.integer({ min: 0, max: 900 }) },
    { weight: 1, arbitrary: fc.constant(6_000) },
  ),
  tombstone: fc.integer({ min: 0, max: 5 }).map((draw) => draw === 0),
  expiresAtMs: fc.constantFrom(0, 0, 0, 5_000),
});
type Draft = typeof draft extends fc.Arbitrary<infer Value> ? Value : never;

function recordFor({ key, fill, valueBytes, ...fields }: Draft): StoredRecord {
  return recordOf({ ...fields, key: keys[key] ?? '', value: fill.repeat(valueBytes) });
}

const target = fc.constantFrom(...targets);

const change = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('merge' as const), draft }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('putHint' as const), draft, target }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('removeHint' as const), draft, target }) },
);
type Change = typeof change extends fc.Arbitrary<infer Value> ? Value : never;

const steps = fc.oneof(
  { weight: 8, arbitrary: fc.record({ kind: fc.constant('one' as const), change }) },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('together' as const),
      changes: fc.array(change, { minLength: 2, maxLength: 25 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('scan' as const),
      limit: fc.integer({ min: 1, max: 9 }),
      partition: fc.option(fc.integer({ min: 0, max: 15 }), { nil: undefined }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('checkpoint' as const, 'sync' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('reopen' as const) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('crash' as const),
      /** Whether the log's checkpoints and hint files are gone too: it must then do with its segments. */
      isBare: fc.integer({ min: 0, max: 2 }).map((draw) => draw === 0),
      // Only what adds up may be cut short: a removal is not the same before and after what it removes.
      underWay: fc
        .array(change, { maxLength: 8 })
        .map((all) => all.filter(({ kind }) => kind !== 'removeHint')),
    }),
  },
);
type Step = typeof steps extends fc.Arbitrary<infer Value> ? Value : never;

/** What an engine said to a change, comparable. */
async function apply(store: Store, change: Change): Promise<unknown> {
  const record = recordFor(change.draft);
  switch (change.kind) {
    case 'merge': {
      const { changed, held } = await store.merge(record);
      return { changed, held: digestOf(held) };
    }
    case 'putHint':
      return store.putHint(change.target, record);
    case 'removeHint':
      return store.removeHint(change.target, record);
  }
}

/** What a store holds under one key, comparable. */
async function keyContent(store: Store, { key, token }: StoredRecord): Promise<unknown> {
  const held = await store.get(key, token);
  const digest = await store.digest(key, token);
  const hinted = await store.findHinted(key, token);
  return [textOf(held), digest === undefined ? undefined : digestOf(digest), textOf(hinted)];
}

/** Everything that a store holds, comparable. */
async function contentOf(store: Store): Promise<unknown> {
  const hints: unknown[] = [];
  for (const target of targets) {
    hints.push((await store.readHints(target, 1_000)).map(textOf).toSorted(byText));
    hints.push(store.hints().find((summary) => summary.target === target)?.count ?? 0);
  }
  return {
    records: await Promise.all(keys.map((key) => keyContent(store, recordOf({ key })))),
    hints,
    keys: store.status().keys,
    ...(await sumsOf(store)),
    scan: await scanOf(store, { limit: 1_000 }),
  };
}

/** The sums of a store, after checking that they are those of what it holds, and the versions in them. */
async function sumsOf(store: Store): Promise<object> {
  const sums = Array.from({ length: 16 }, (_, partition) => store.partitionSum(partition));
  for (const [partition, sum] of sums.entries()) {
    assert.deepEqual(sum, await sumOfScan(store, { partition }), `the sum of partition ${partition}`);
  }
  const { versions } = await store.listVersions(wholeRing, 1_000);
  return {
    sums,
    ofEarly: await store.sumRanges([wholeRing], 6),
    versions: versions.toSorted(
      (left, right) => compareTokens(left.token, right.token) || left.checksum - right.checksum,
    ),
  };
}

/** The entries of a scan, comparable: keys of one token come in no particular order. */
async function scanOf(
  store: Store,
  options: { readonly limit: number; readonly partition?: number },
): Promise<readonly unknown[]> {
  const entries = await scanAll(store, options);
  for (const [index, entry] of entries.entries()) {
    const before = entries[index - 1];
    assert.ok(before === undefined || compareTokens(before.token, entry.token) <= 0, 'tokens ascend');
  }
  return entries
    .map((entry) => ({ ...entry, key: keyText(entry.key), digest: digestOf(entry.digest) }))
    .toSorted((left, right) => byText(left.key, right.key));
}

function byText(left: string, right: string): number {
  return left < right ? -1 : 1;
}

/** A record by its bytes, short enough to be read in a report. */
function textOf(record: StoredRecord | undefined): string {
  if (record === undefined) return 'nothing';
  const { dot, tombstone } = record.version;
  const what = tombstone ? 'tombstone' : `${record.version.value.length} bytes`;
  return `${keyText(record.key)} ${formatDot(dot)} ${what} ${crc32(record.bytes).toString(16)}`;
}

/** Takes one engine through one step; what it returns must be what the other engine returns. */
class Engine {
  readonly #harness: StoreHarness;
  readonly #bare: () => Promise<void>;
  store: Store;

  /** `bare` crashes the disk and leaves nothing on it but what is indispensable. */
  constructor(harness: StoreHarness, store: Store, bare: () => Promise<void> = async () => {}) {
    this.#harness = harness;
    this.#bare = bare;
    this.store = store;
  }

  async take(step: Step): Promise<unknown> {
    switch (step.kind) {
      case 'one':
        return [
          await apply(this.store, step.change),
          await keyContent(this.store, recordFor(step.change.draft)),
        ];
      case 'together':
        return [
          await Promise.all(step.changes.map((each) => apply(this.store, each))),
          await Promise.all(step.changes.map((each) => keyContent(this.store, recordFor(each.draft)))),
        ];
      case 'scan': {
        const { limit, partition } = step;
        return [
          await scanOf(this.store, partition === undefined ? { limit } : { limit, partition }),
          await sumsOf(this.store),
        ];
      }
      case 'checkpoint':
        return this.store.checkpoint();
      case 'sync':
        return this.store.sync();
      case 'reopen':
        this.store = await this.#harness.reopen();
        return contentOf(this.store);
      case 'crash':
        for (const each of step.underWay) apply(this.store, each).catch(() => {});
        if (step.isBare) await this.#bare();
        this.store = await this.#harness.crash();
        for (const each of step.underWay) await apply(this.store, each);
        return contentOf(this.store);
    }
  }
}

/** A crash after which only the log's segments are left. */
async function crashToSegments(disk: SimDisk): Promise<void> {
  disk.crash();
  for (const folder of [snapshotDirectory, logDirectory]) {
    for (const { name } of await disk.list(folder)) {
      if (!name.endsWith('.seg')) await disk.remove(`${folder}/${name}`);
    }
    if ((await disk.list('')).some(({ name }) => name === folder)) await disk.syncDirectory(folder);
  }
}

test('both engines answer alike, whatever is asked of them and whenever they crash', async () => {
  const seen = { segments: 0, compactions: 0, checkpoints: 0 };
  const property = fc.asyncProperty(
    fc.array(steps, { minLength: 1, maxLength: 60, size: 'max' }),
    async (all) => {
      const log = new LogStoreHarness(small);
      const classicLevel = await ClassicLevelHarness.create({ writeBufferBytes: 64 * 1024 });
      try {
        const left = new Engine(log, await log.open(), () => crashToSegments(log.disk));
        const right = new Engine(classicLevel, await classicLevel.open());
        const last: Step = { kind: 'crash', isBare: true, underWay: [] };
        for (const step of [...all, last]) {
          const { segments, compactions, lastSnapshotWallMs } = left.store.status();
          seen.segments = Math.max(seen.segments, segments);
          seen.compactions = Math.max(seen.compactions, compactions);
          seen.checkpoints += Number(lastSnapshotWallMs !== undefined);
          assert.deepEqual(await left.take(step), await right.take(step));
        }
        assert.deepEqual(left.store.status().quarantined, []);
        assert.deepEqual(right.store.status().quarantined, []);
      } finally {
        await log.dispose();
        await classicLevel.dispose();
      }
    },
  );
  // Shrinking replays a run many times over; the seed is enough to go on after a minute of it.
  await fc.assert(property, {
    numRuns: runs,
    interruptAfterTimeLimit: 60_000 + runs * 2_000,
    markInterruptAsFailure: true,
  });
  assert.ok(seen.segments > 1, 'some run goes through several segments');
  assert.ok(seen.compactions > 0, 'some run compacts');
  assert.ok(seen.checkpoints > 0, 'some run writes a checkpoint');
});
