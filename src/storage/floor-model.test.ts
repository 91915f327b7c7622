/**
 * The stability floor against a model: random puts, deletes, expiries, strays, raises, compactions, refills,
 * restarts, crashes and lost checkpoints, and after every step a key is what the model says. A key that was
 * forgotten never reads as an older version, and once all is rewritten no forgotten entry is on the disk.
 *
 * More runs: FLOOR_RUNS=1000. A failure prints its seed and the shortest steps that show it.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';

import { isNodeId, type NodeId } from '../core/config.ts';
import { errorCodeOf } from '../core/errors.ts';
import { supersedes } from '../core/merge.ts';
import type { StoredRecord } from '../core/record.ts';
import { isBelowFloor, isCollectable } from '../core/stability.ts';
import { partitionOf } from '../core/token.ts';
import { ClassicLevelHarness } from '../platform/classic-level-harness-contract.ts';
import { snapshotDirectory } from './checkpoint-file.ts';
import { LogStoreHarness } from './log-store-harness-contract.ts';
import { logDirectory } from './segment-name.ts';
import { collidingKeys, keyText, recordOf } from './store-contract-records.ts';
import type { StoreHarness } from './store-contract.ts';
import type { Store } from './store.ts';

const runs = Number(process.env['FLOOR_RUNS'] ?? 30);
const partitions = 16;
const small = {
  segmentBytesMax: 1_500,
  checkpointAfterBytes: 2_500,
  compactionBytesPerSecond: 1e9,
  compactionDeadBytesMin: 0,
};
const keys = [...Array.from({ length: 7 }, (_, index) => `key ${index}`), ...collidingKeys(3)];

/** Times are told from where the life has come to: mostly behind it, and sometimes from far below. */
const draft = fc.record({
  key: fc.nat({ max: keys.length - 1 }),
  agoMs: fc.oneof(
    { weight: 4, arbitrary: fc.constant(0) },
    { weight: 1, arbitrary: fc.integer({ min: 1, max: 60 }) },
  ),
  content: fc.oneof(
    {
      weight: 3,
      arbitrary: fc.integer({ min: 0, max: 300 }).map((bytes) => ({ kind: 'value' as const, bytes })),
    },
    { weight: 3, arbitrary: fc.constant({ kind: 'tombstone' as const }) },
    {
      weight: 1,
      arbitrary: fc.integer({ min: 1, max: 40 }).map((livesMs) => ({ kind: 'expiring' as const, livesMs })),
    },
  ),
});
type Draft = typeof draft extends fc.Arbitrary<infer Value> ? Value : never;

const step = fc.oneof(
  { weight: 12, arbitrary: fc.record({ kind: fc.constant('merge' as const), draft }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('raise' as const), agoMs: fc.nat({ max: 20 }) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom('checkpoint' as const, 'compact' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('hint' as const, 'refill' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('reopen' as const, 'crash' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('loseCheckpoints' as const) }) },
);
type Step = typeof step extends fc.Arbitrary<infer Value> ? Value : never;

/** What a store should hold, by the rules alone. */
class Model {
  readonly held = new Map<string, StoredRecord>();
  readonly forgotten: StoredRecord[] = [];
  nowMs = 1_000;
  floorMs = 0;
  isRefilling = false;

  record({ key, agoMs, content }: Draft): StoredRecord {
    this.nowMs += 3;
    const wallMs = this.nowMs - agoMs;
    return recordOf({
      key: keys[key] ?? '',
      wallMs,
      tombstone: content.kind === 'tombstone',
      // A value that no other record has, so that it can be looked for on the disk.
      value: content.kind === 'value' ? `${this.nowMs} `.padEnd(content.bytes, 'v') : '',
      expiresAtMs: content.kind === 'expiring' ? wallMs + content.livesMs : 0,
    });
  }

  /** What becomes of a record that is merged. */
  merge(record: StoredRecord): 'changed' | 'unchanged' | 'STALE_VERSION' {
    const held = this.held.get(keyText(record.key));
    if (!supersedes(record.version, held?.version)) return 'unchanged';
    if (this.floorMs > 0 && isBelowFloor(record.version, this.floorMs)) {
      const isToForget = isCollectable(record.version, this.floorMs);
      if (isToForget && held === undefined) return 'unchanged';
      if (isToForget || !this.isRefilling) return 'STALE_VERSION';
    }
    this.held.set(keyText(record.key), record);
    return 'changed';
  }

  /** No owner that a refill asks holds such a record: all had what was forgotten. */
  hasForgottenNewer(record: StoredRecord): boolean {
    const sameKey = this.forgotten.filter(({ key }) => keyText(key) === keyText(record.key));
    return sameKey.some(({ version }) => supersedes(version, record.version));
  }

  raise(floorMs: number): void {
    this.floorMs = Math.max(this.floorMs, floorMs);
    for (const [key, record] of this.held) {
      if (!isCollectable(record.version, this.floorMs)) continue;
      this.held.delete(key);
      this.forgotten.push(record);
    }
  }
}

async function assertAsModelled(store: Store, model: Model): Promise<void> {
  for (const key of keys) {
    const { key: bytes, token } = recordOf({ key });
    const held = await store.get(bytes, token);
    const expected = model.held.get(keyText(bytes));
    assert.deepEqual(Buffer.from(held?.bytes ?? []), Buffer.from(expected?.bytes ?? []));
  }
  assert.equal(store.status().keys, model.held.size);
  for (let partition = 0; partition < partitions; partition++) {
    const held = [...model.held.values()].filter(({ token }) => partitionOf(token, partitions) === partition);
    assert.equal(store.partitionSum(partition).count, held.length);
  }
}

const target = nodeId('n2');

class Life {
  readonly #harness: StoreHarness;
  readonly #model = new Model();
  /** Loses all that only accelerates a start. */
  readonly #loseCheckpoints: () => Promise<void>;
  readonly #assertGone: (forgotten: readonly StoredRecord[]) => void;
  #store: Store;

  get store(): Store {
    return this.#store;
  }

  constructor(
    harness: StoreHarness,
    store: Store,
    disk: {
      readonly loseCheckpoints: () => Promise<void>;
      readonly assertGone: (forgotten: readonly StoredRecord[]) => void;
    },
  ) {
    this.#harness = harness;
    this.#store = store;
    this.#loseCheckpoints = disk.loseCheckpoints;
    this.#assertGone = disk.assertGone;
  }

  async take(step: Step): Promise<void> {
    const model = this.#model;
    switch (step.kind) {
      case 'merge': {
        const record = model.record(step.draft);
        if (model.isRefilling && model.hasForgottenNewer(record)) return;
        const result = this.#store
          .merge(record)
          .then(({ changed }) => (changed ? 'changed' : 'unchanged'), errorCodeOf);
        assert.equal(await result, model.merge(record));
        break;
      }
      case 'raise': {
        const floorMs = model.nowMs - step.agoMs;
        model.raise(floorMs);
        await this.#store.raiseFloors(
          Array.from({ length: partitions }, (_, partition) => ({ partition, floorMs })),
        );
        break;
      }
      case 'refill':
        model.isRefilling = !model.isRefilling;
        for (let partition = 0; partition < partitions; partition++) {
          this.#store.setRefill(partition, model.isRefilling);
        }
        break;
      case 'hint': {
        const hint = recordOf({ key: 'hinted', value: 'h'.repeat(90), wallMs: model.nowMs + 1 });
        await this.#store.putHint(target, hint);
        await this.#store.removeHint(target, hint);
        break;
      }
      case 'checkpoint':
        await this.#store.checkpoint();
        break;
      case 'compact':
        await this.#store.compactNow();
        assert.equal(this.#store.status().collectedBytes, 0);
        this.#assertGone(model.forgotten);
        break;
      case 'reopen':
        await this.#started(await this.#harness.reopen());
        break;
      case 'crash':
        await this.#started(await this.#harness.crash());
        break;
      case 'loseCheckpoints':
        await this.#loseCheckpoints();
        await this.#started(await this.#harness.crash());
    }
    await assertAsModelled(this.#store, model);
  }

  async #started(store: Store): Promise<void> {
    this.#store = store;
    this.#model.isRefilling = false;
    // Waits for the sweep of expired values that follows a start.
    await store.raiseFloors([]);
    assert.deepEqual(store.status().quarantined, []);
  }
}

async function check(options: {
  readonly numRuns: number;
  readonly live: (steps: readonly Step[]) => Promise<void>;
}): Promise<void> {
  const steps = fc.array(step, { minLength: 5, maxLength: 90, size: 'max' });
  await fc.assert(fc.asyncProperty(steps, options.live), {
    numRuns: options.numRuns,
    interruptAfterTimeLimit: 60_000 + options.numRuns * 1_000,
    markInterruptAsFailure: true,
  });
}

test('the log engine never brings back what it forgot, and in the end has none of it on the disk', async () => {
  const seen = { segments: 0, compactions: 0, collected: 0 };
  const live = async (steps: readonly Step[]): Promise<void> => {
    const harness = new LogStoreHarness(small);
    const store = await harness.open();
    const { disk } = harness;
    const life = new Life(harness, store, {
      loseCheckpoints: async () => {
        disk.crash();
        for (const folder of [snapshotDirectory, logDirectory]) {
          for (const { name } of await disk.list(folder)) {
            if (!name.endsWith('.seg')) disk.removeNow(`${folder}/${name}`);
          }
        }
      },
      assertGone: (forgotten) => {
        const segments = disk.paths().filter((path) => path.startsWith(`${logDirectory}/`));
        for (const path of segments) {
          const bytes = Buffer.from(disk.readNow(path) ?? []);
          for (const record of forgotten) assert.equal(bytes.indexOf(record.bytes), -1, `in ${path}`);
        }
      },
    });
    try {
      for (const each of steps) {
        await life.take(each);
        const status = life.store.status();
        seen.segments = Math.max(seen.segments, status.segments);
        seen.compactions = Math.max(seen.compactions, status.compactions);
        seen.collected = Math.max(seen.collected, status.collectedBytes);
      }
      // Whatever has come before, a start from the segments alone must end in the same state.
      await life.take({ kind: 'loseCheckpoints' });
      await life.take({ kind: 'compact' });
      await life.take({ kind: 'loseCheckpoints' });
    } finally {
      await harness.dispose();
    }
  };
  await check({ numRuns: runs, live });
  assert.ok(seen.segments > 2, 'some life goes through several segments');
  assert.ok(seen.compactions > 0, 'some life compacts by itself');
  assert.ok(seen.collected > 0, 'in some life forgotten entries wait in the log');
});

test('classic-level never brings back what it forgot', async () => {
  const live = async (steps: readonly Step[]): Promise<void> => {
    const harness = await ClassicLevelHarness.create({ writeBufferBytes: 64 * 1024 });
    try {
      const disk = { loseCheckpoints: () => Promise.resolve(), assertGone: () => undefined };
      const life = new Life(harness, await harness.open(), disk);
      for (const each of steps) await life.take(each);
    } finally {
      await harness.dispose();
    }
  };
  await check({ numRuns: Math.ceil(runs / 15), live });
});

function nodeId(text: string): NodeId {
  assert.ok(isNodeId(text));
  return text;
}
