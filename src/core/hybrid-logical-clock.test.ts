import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  compareTimes,
  HybridLogicalClock,
  wallMsMax,
  zeroTime,
  type HlcTime,
} from './hybrid-logical-clock.ts';

const clockSkewMsMax = 500;
const time = fc.record({
  wallMs: fc.nat({ max: 3_000 }),
  counter: fc.oneof(fc.nat({ max: 3 }), fc.constant(0xffff)),
});

type Event =
  | { readonly kind: 'mint'; readonly nowMs: number }
  | { readonly kind: 'observe'; readonly seen: HlcTime; readonly nowMs: number };

/** A wall clock that jumps either way, and readings from elsewhere. */
const event: fc.Arbitrary<Event> = fc.oneof(
  fc.record({ kind: fc.constant('mint'), nowMs: fc.nat({ max: 3_000 }) }),
  fc.record({ kind: fc.constant('observe'), seen: time, nowMs: fc.nat({ max: 3_000 }) }),
);

test('a minted reading is greater than all that were minted or taken in before, and never too far ahead', () => {
  fc.assert(
    fc.property(fc.array(event, { maxLength: 60 }), (events) => {
      const clock = new HybridLogicalClock({ clockSkewMsMax });
      let greatest: HlcTime = zeroTime;
      for (const step of events) {
        if (step.kind === 'mint') {
          const minted = clock.mint(step.nowMs);
          if (minted === undefined) continue;
          assert.ok(compareTimes(minted, greatest) > 0);
          assert.ok(minted.wallMs <= step.nowMs + clockSkewMsMax);
          assert.ok(minted.counter <= 0xffff);
          greatest = minted;
        } else if (clock.observe(step.seen, step.nowMs) && compareTimes(step.seen, greatest) > 0) {
          greatest = step.seen;
        }
        assert.deepEqual(clock.last, greatest);
      }
    }),
    { numRuns: 500 },
  );
});

test('a reading is refused exactly when it is more than the allowed skew ahead, and then changes nothing', () => {
  fc.assert(
    fc.property(time, fc.nat({ max: 3_000 }), (seen, nowMs) => {
      const clock = new HybridLogicalClock({ clockSkewMsMax, start: { wallMs: 7, counter: 7 } });
      const isTaken = seen.wallMs <= nowMs + clockSkewMsMax;
      assert.equal(clock.observe(seen, nowMs), isTaken);
      assert.equal(clock.isTooFarAhead(seen, nowMs), !isTaken);
      if (!isTaken) assert.deepEqual(clock.last, { wallMs: 7, counter: 7 });
    }),
  );
});

test('readings follow the wall clock while it moves on, and count while it stands still or runs back', () => {
  const clock = new HybridLogicalClock({ clockSkewMsMax });
  assert.deepEqual(clock.mint(1_000), { wallMs: 1_000, counter: 0 });
  assert.deepEqual(clock.mint(1_000), { wallMs: 1_000, counter: 1 });
  assert.deepEqual(clock.mint(700), { wallMs: 1_000, counter: 2 });
  assert.deepEqual(clock.mint(1_001), { wallMs: 1_001, counter: 0 });
});

test('a full counter carries into the next millisecond', () => {
  const clock = new HybridLogicalClock({ clockSkewMsMax, start: { wallMs: 1_000, counter: 0xffff } });
  assert.deepEqual(clock.mint(1_000), { wallMs: 1_001, counter: 0 });
});

test('no reading is minted while the wall clock is set back by more than the skew, and the clock keeps its place', () => {
  const clock = new HybridLogicalClock({ clockSkewMsMax, start: { wallMs: 10_000, counter: 3 } });
  assert.equal(clock.mint(9_499), undefined);
  assert.deepEqual(clock.last, { wallMs: 10_000, counter: 3 });
  assert.deepEqual(clock.mint(9_500), { wallMs: 10_000, counter: 4 });
});

test('a reading from the end of time is refused, not adopted', () => {
  const clock = new HybridLogicalClock({ clockSkewMsMax });
  assert.equal(clock.observe({ wallMs: wallMsMax, counter: 0xffff }, 1_790_000_000_000), false);
  assert.deepEqual(clock.mint(1_790_000_000_000), { wallMs: 1_790_000_000_000, counter: 0 });
});

test('readings are ordered by milliseconds, then by counter', () => {
  fc.assert(
    fc.property(time, time, (left, right) => {
      const wide = ({ wallMs, counter }: HlcTime): number => wallMs * 0x1_0000 + counter;
      assert.equal(Math.sign(compareTimes(left, right)), Math.sign(wide(left) - wide(right)));
    }),
  );
});
