import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { limits } from '../core/limits.ts';
import {
  compactionShare,
  planCompaction,
  type CompactionCandidate,
  type CompactionRun,
} from './compaction-plan.ts';

const compactionLimits = { segmentBytesMax: 100_000, deadBytesMin: 0 };

function segment(live: number, more: Partial<CompactionCandidate> = {}): CompactionCandidate {
  return {
    bytes: 100_000,
    liveBytes: live * 1_000,
    dropBytes: 0,
    collectedBytes: 0,
    cleanSequence: 0,
    endSequence: 0,
    mayHoldHints: false,
    isEligible: true,
    ...more,
  };
}

/** The plan but for what it says of forgotten entries, which has tests of its own. */
function plan(...segments: CompactionCandidate[]): Omit<CompactionRun, 'cleanSequence'> | undefined {
  const run = planCompaction(segments, compactionLimits);
  return run === undefined ? undefined : { from: run.from, to: run.to, keepsDrops: run.keepsDrops };
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

  test('waits for dead bytes, but not to join small segments', () => {
    const waiting = { ...compactionLimits, deadBytesMin: 150_000 };
    assert.equal(planCompaction([segment(20), segment(40)], waiting), undefined);
    assert.equal(
      planCompaction([segment(20), segment(40), segment(5, { isEligible: false })], waiting),
      undefined,
    );
    assert.equal(planCompaction([segment(20), segment(30)], waiting)?.to, 1);
    const small = segment(4, { bytes: 4_000 });
    const run = planCompaction(
      Array.from({ length: 9 }, () => small),
      waiting,
    );
    assert.equal(run?.to, 8);
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

test('compaction takes a greater share of the time the further it has fallen behind, within bounds', () => {
  const { maintenanceShare: least, maintenanceShareMax: most } = limits;
  // 10,000 bytes are alive, and as many dead ones are let grow.
  const shareOf = (dead: number): number =>
    compactionShare([segment(10, { bytes: 10_000 + dead }), segment(0, { isEligible: false })], {
      deadBytesMin: 10_000,
    });
  assert.deepEqual([0, 20_000, 30_000].map(shareOf), [least, least, least]);
  assert.ok(Math.abs(shareOf(45_000) - (least + most) / 2) < 1e-9);
  assert.deepEqual([60_000, 900_000].map(shareOf), [most, most]);
});

test('a large store of which half is dead has not fallen behind', () => {
  const large = Array.from({ length: 1_000 }, () => segment(51));
  assert.equal(compactionShare(large, { deadBytesMin: 400_000 }), limits.maintenanceShare);
});

describe('forgotten entries in a compaction plan', () => {
  const everySequence = Number.MAX_SAFE_INTEGER;
  const collected = { collectedBytes: 80_000, endSequence: 200 };

  function run(...segments: CompactionCandidate[]): CompactionRun | undefined {
    return planCompaction(segments, compactionLimits);
  }

  test('go with the oldest segment, for which there is nothing to outlive', () => {
    const expected = { from: 0, to: 0, keepsDrops: false, cleanSequence: everySequence };
    assert.deepEqual(run(segment(10, collected), segment(90)), expected);
  });

  test('are kept as long as an older segment may hold what they superseded', () => {
    // Less than a tenth of the log: nothing is rewritten for their sake.
    const large = segment(90, { bytes: 5_000_000, liveBytes: 4_900_000 });
    assert.equal(run({ ...large, cleanSequence: 199 }, segment(10, collected)), undefined);
    const expected = { from: 1, to: 1, keepsDrops: false, cleanSequence: 200 };
    assert.deepEqual(run({ ...large, cleanSequence: 200 }, segment(10, collected)), expected);
  });

  test('have the segments before them rewritten once they take a tenth of the log', () => {
    const first = segment(90, { endSequence: 100 });
    const expected = { from: 0, to: 0, keepsDrops: false, cleanSequence: everySequence };
    assert.deepEqual(run(first, segment(15, collected)), expected);
    const clean = { ...first, cleanSequence: 300 };
    assert.deepEqual(run(clean, segment(15, collected))?.from, 1);
    assert.equal(run(first, segment(90, { collectedBytes: 10_000, endSequence: 200 })), undefined);
  });

  test('do not have a segment rewritten that cannot help, as behind a damaged one', () => {
    const damaged = segment(90, { isEligible: false });
    assert.equal(run(damaged, segment(90), segment(15, collected)), undefined);
  });

  test('are gone once every segment up to theirs has been rewritten', () => {
    const rewritten = segment(90, { cleanSequence: 300, endSequence: 100 });
    assert.equal(
      run(rewritten, { ...rewritten, bytes: 20_000, liveBytes: 15_000, endSequence: 200 }),
      undefined,
    );
  });
});
