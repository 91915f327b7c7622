import assert from 'node:assert/strict';
import { test } from 'node:test';
import { limits } from '../core/limits.ts';
import type { Observer } from '../ports/observer.ts';
import { ManualClock } from '../sim/manual-clock.ts';
import type { ScrubOptions, ScrubReport } from '../storage/store.ts';
import { ScrubLoop } from './scrub-loop.ts';

const clean: ScrubReport = { records: 10, bytes: 1_000, corrupt: 0, sumMismatches: 0 };
const hour = 3_600_000;

/** A store whose scrubs last until a test ends them. */
class Stage {
  readonly clock = new ManualClock();
  readonly scrubs: (ScrubOptions & PromiseWithResolvers<ScrubReport>)[] = [];
  readonly logged: string[] = [];
  readonly loop: ScrubLoop;

  constructor(periodMs: number) {
    const observer: Observer = {
      log: (level, event) => void this.logged.push(`${level} ${event}`),
      count: () => undefined,
    };
    const scrub = (options: ScrubOptions): Promise<ScrubReport> => {
      const ending = Promise.withResolvers<ScrubReport>();
      this.scrubs.push({ ...options, ...ending });
      return ending.promise;
    };
    this.loop = new ScrubLoop({ store: { scrub }, clock: this.clock, observer, periodMs });
  }
}

/** Lets what is ready run. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
}

/** Lets a long time pass. */
async function pass(clock: ManualClock, durationMs: number): Promise<void> {
  const endMs = clock.monotonicNow() + durationMs;
  while (clock.monotonicNow() < endMs) {
    clock.advance(Math.min(1_000, endMs - clock.monotonicNow()));
    await settle();
  }
}

test('a node scrubs slowly, first an hour after its start and then once in every period', async () => {
  const { loop, clock, scrubs } = new Stage(2 * hour);
  loop.start();
  await settle();
  await pass(clock, limits.scrubDelayMs - 1);
  assert.equal(scrubs.length, 0);
  assert.deepEqual(loop.status(), { periodMs: 2 * hour, newest: undefined, completed: 0 });
  await pass(clock, 1);
  assert.equal(scrubs[0]?.bytesPerSecond, limits.scrubBytesPerSecond);
  assert.equal(loop.status().newest?.state, 'running');
  scrubs[0]?.resolve(clean);
  await settle();
  assert.equal(loop.status().newest?.state, 'done');
  assert.equal(loop.status().newest?.asked, false);
  await pass(clock, 2 * hour - 1);
  assert.equal(scrubs.length, 1);
  await pass(clock, 1);
  assert.equal(scrubs.length, 2);
  scrubs[1]?.resolve(clean);
  await loop.stop();
  assert.equal(loop.status().completed, 1);
});

test('a scrub that failed by itself is tried again after an hour', async () => {
  const { loop, clock, scrubs, logged } = new Stage(100 * hour);
  loop.start();
  await settle();
  await pass(clock, hour);
  scrubs[0]?.reject(new Error('the disk is gone'));
  await pass(clock, hour - 1);
  assert.equal(scrubs.length, 1);
  assert.deepEqual(logged, ['warn scrub.failed']);
  await pass(clock, 1);
  assert.equal(scrubs.length, 2);
  scrubs[1]?.resolve(clean);
  await loop.stop();
});

test('with a period of 0 a node scrubs only when it is asked to', async () => {
  const { loop, clock, scrubs } = new Stage(0);
  loop.start();
  await settle();
  await pass(clock, 5 * hour);
  assert.equal(scrubs.length, 0);
  const asked = loop.runNow();
  assert.equal(scrubs[0]?.bytesPerSecond, limits.scrubNowBytesPerSecond);
  scrubs[0]?.resolve(clean);
  assert.deepEqual(await asked, clean);
  assert.equal(loop.status().newest?.asked, true);
  await loop.stop();
});

test('a second scrub is refused while one is under way, whoever started it, and is welcome after it', async () => {
  const { loop, scrubs } = new Stage(0);
  const first = loop.runNow();
  await assert.rejects(loop.runNow(), { code: 'OVERLOADED' });
  scrubs[0]?.resolve(clean);
  await first;
  const second = loop.runNow();
  scrubs[1]?.reject(new Error('the disk is gone'));
  await assert.rejects(second, /the disk is gone/);
  assert.equal(loop.status().newest?.state, 'failed');
  assert.equal(loop.status().newest?.error, 'the disk is gone');
  const third = loop.runNow();
  scrubs[2]?.resolve(clean);
  assert.deepEqual(await third, clean);
});

test('progress is shown while it goes on, and damage is told loudly', async () => {
  const { loop, scrubs, logged } = new Stage(0);
  const shown: number[] = [];
  const asked = loop.runNow(({ records }) => void shown.push(records));
  scrubs[0]?.onProgress?.({ ...clean, records: 4 });
  assert.equal(loop.status().newest?.report.records, 4);
  scrubs[0]?.resolve({ ...clean, corrupt: 1 });
  await asked;
  assert.deepEqual(shown, [4]);
  assert.deepEqual(logged, ['error scrub.found-damage']);
});

test('a node that stops ends its scrub and waits for it', async () => {
  const { loop, scrubs } = new Stage(0);
  const asked = loop.runNow();
  const stopped = loop.stop();
  assert.equal(scrubs[0]?.signal?.aborted, true);
  scrubs[0]?.resolve(clean);
  await Promise.all([asked, stopped]);
  assert.equal(loop.status().newest?.state, 'stopped');
  assert.equal(loop.status().completed, 0);
});
