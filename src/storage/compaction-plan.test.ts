import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { planCompaction, type CompactionCandidate } from './compaction-plan.ts';

const segmentBytesMax = 100_000;

function segment(live: number, more: Partial<CompactionCandidate> = {}): CompactionCandidate {
  return {
    bytes: 100_000,
    liveBytes: live * 1_000,
    dropBytes: 0,
    mayHoldHints: false,
    isEligible: true,
    ...more,
  };
}

function plan(...segments: CompactionCandidate[]): ReturnType<typeof planCompaction> {
  return planCompaction(segments, segmentBytesMax);
}

describe('a compaction plan', () => {
  test('is none when at least half of every segment is live', () => {
    assert.equal(plan(), undefined);
    assert.equal(plan(segment(100), segment(60), segment(51)), undefined);
  });

  test('takes a segment that is more than half dead', () => {
    assert.deepEqual(plan(segment(90), segment(40), segment(90)), { from: 1, to: 1, keepsDrops: false });
  });

  test('joins adjacent sparse segments as far as the result fits one', () => {
    assert.deepEqual(plan(segment(90), segment(10), segment(20), segment(30)), {
      from: 1,
      to: 3,
      keepsDrops: false,
    });
    assert.deepEqual(plan(segment(45), segment(45), segment(45)), { from: 0, to: 1, keepsDrops: false });
  });

  test('takes the run that frees most', () => {
    assert.deepEqual(plan(segment(45), segment(90), segment(5)), { from: 2, to: 2, keepsDrops: false });
  });

  test('leaves out what is not finished or is damaged', () => {
    const damaged = segment(5, { isEligible: false });
    assert.equal(plan(damaged), undefined);
    assert.deepEqual(plan(segment(40), damaged, segment(30)), { from: 2, to: 2, keepsDrops: false });
  });

  test('counts drops as kept only where something older may hold hints', () => {
    const drops = segment(10, { dropBytes: 80_000 });
    assert.deepEqual(plan(segment(90), drops), { from: 1, to: 1, keepsDrops: false });
    assert.equal(plan(segment(90, { mayHoldHints: true }), drops), undefined);
    const fewDrops = segment(10, { dropBytes: 20_000 });
    assert.deepEqual(plan(segment(90, { mayHoldHints: true }), fewDrops), {
      from: 1,
      to: 1,
      keepsDrops: true,
    });
  });

  test('does not take a result that holds nothing again and again', () => {
    assert.equal(plan(segment(0, { bytes: 60 })), undefined);
    assert.equal(plan(segment(90), segment(0, { bytes: 120 }), segment(90)), undefined);
  });

  test('joins many small segments although nothing in them is dead', () => {
    const small = segment(4, { bytes: 4_000 });
    assert.equal(plan(...Array.from({ length: 7 }, () => small)), undefined);
    assert.deepEqual(plan(segment(90), ...Array.from({ length: 9 }, () => small)), {
      from: 1,
      to: 9,
      keepsDrops: false,
    });
  });
});
