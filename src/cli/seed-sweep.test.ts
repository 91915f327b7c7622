import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { SeedRunner, type SeedReport } from './seed-runner.ts';
import { sweepSeeds, type SweepOptions, type SweepResult } from './seed-sweep.ts';

const sweep = (options: Partial<SweepOptions>): Promise<SweepResult> =>
  sweepSeeds({
    from: 1,
    seeds: 4,
    deadlineMs: Infinity,
    jobs: 1,
    plan: undefined,
    twiceOneIn: 0,
    ...options,
  });

/** Judges by a rule in place of runs. The thread that got the lowest block is the slowest. */
function ruled(judge: (seed: number) => Partial<SeedReport>): NonNullable<SweepOptions['newRunner']> {
  return () => ({
    run: async (task, onReport) => {
      for (let turn = 0; turn < (task.from === 1 ? 50 : 1); turn++) await Promise.resolve();
      for (let seed = task.from; seed < task.from + task.count; seed++) {
        const nothing = {
          broken: [],
          operations: 0,
          acknowledged: 0,
          faults: 0,
          virtualMicros: 0,
          counts: [],
        };
        onReport({ ...nothing, seed, traceHash: 'a', secondTraceHash: undefined, ...judge(seed) });
      }
    },
    stop: () => Promise.resolve(),
  });
}

describe('sweeping over seeds', () => {
  test('the answer is the same with any number of threads, and counts every seed once', async () => {
    const one = await sweep({ twiceOneIn: 2 });
    const two = await sweep({ jobs: 2 });
    assert.equal(two.digest, one.digest);
    assert.deepEqual([one.failure, one.totals.seeds, two.totals.seeds], [undefined, 4, 4]);
    assert.deepEqual([one.totals.repeated, two.totals.repeated], [2, 0]);
    assert.equal(two.totals.operations, one.totals.operations);
    assert.deepEqual(two.totals.sometimes.entries(), one.totals.sometimes.entries());
    assert.notEqual((await sweep({ from: 2 })).digest, one.digest);
  });

  test('the lowest seed that fails is reported, whichever fails first, and nothing begins after it', async () => {
    const broken = [{ promise: 'p', key: undefined, message: '' }];
    const newRunner = ruled((seed) => (seed === 5 || seed === 12 ? { broken } : {}));
    const { failure, totals } = await sweep({ seeds: 10_000, jobs: 2, newRunner });
    assert.equal(failure?.seed, 5);
    assert.ok(totals.seeds < 100, `${totals.seeds} seeds`);
  });

  test('a seed whose two runs differ is a broken promise', async () => {
    const newRunner = ruled((seed) => ({ secondTraceHash: seed === 3 ? 'b' : 'a' }));
    const { failure } = await sweep({ newRunner });
    assert.deepEqual([failure?.seed, failure?.broken[0]?.promise], [3, 'one-seed-is-one-history']);
  });

  test('no block begins after the deadline', async () => {
    const { totals } = await sweep({ seeds: 1_000_000, deadlineMs: performance.now() - 1 });
    assert.equal(totals.seeds, 0);
  });

  test('a run that does not end is a broken promise, and the thread is replaced', async () => {
    const runner = new SeedRunner({ seedTimeoutMs: 1 });
    const reports: SeedReport[] = [];
    const task = { from: 14, count: 3, plan: undefined, twiceOneIn: 0 };
    for (let round = 0; round < 2; round++) await runner.run(task, (report) => reports.push(report));
    await runner.stop();
    assert.deepEqual(
      reports.map(({ seed, broken }) => [seed, broken[0]?.promise, broken[0]?.message]),
      [14, 14].map((seed) => [seed, 'the-run-ends-well', 'the run did not end within 0.001 s']),
    );
  });
});
