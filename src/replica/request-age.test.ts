import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { RequestAge, tickMs, tickOf } from './request-age.ts';

/** An asker whose clock has nothing in common with the receiver's. */
function asker(clockOffsetMs: number, incarnation = 1) {
  return (sentMs: number) => ({ incarnation, sentTick: tickOf(sentMs + clockOffsetMs) });
}

test('what comes as quickly as ever has not waited', () => {
  const age = new RequestAge();
  const sent = asker(123_456_789);
  for (let atMs = 0; atMs < 1_000_000; atMs += 10_007) {
    assert.ok(age.of('n2', sent(atMs), atMs + 3) <= tickMs, `${atMs}`);
  }
});

test('what comes later than others has waited for as long, whatever both clocks show', () => {
  fc.assert(
    fc.property(
      fc.record({
        offsetMs: fc.integer({ min: -1e9, max: 1e12 }),
        startMs: fc.nat(1e9),
        wayMs: fc.nat(200),
        waitedMs: fc.nat(500_000),
      }),
      ({ offsetMs, startMs, wayMs, waitedMs }) => {
        const age = new RequestAge();
        const sent = asker(offsetMs);
        age.of('n2', sent(startMs), startMs + wayMs);
        const told = age.of('n2', sent(startMs + 1_000), startMs + 1_000 + wayMs + waitedMs);
        assert.ok(Math.abs(told - waitedMs) <= 2 * tickMs, `${told}`);
      },
    ),
  );
});

test('one late message does not make those after it look early, nor the way look longer', () => {
  const age = new RequestAge();
  const sent = asker(0);
  age.of('n2', sent(0), 5);
  assert.ok(age.of('n2', sent(100), 4_100) >= 3_900);
  assert.ok(age.of('n2', sent(4_200), 4_205) <= tickMs);
  assert.ok(age.of('n2', sent(5_000), 7_005) >= 1_900);
});

test('a new life of the asker starts anew', () => {
  const age = new RequestAge();
  age.of('n2', asker(0, 1)(0), 5);
  assert.equal(age.of('n2', asker(-400_000, 2)(1_000), 1_005), 0);
});

test('clocks that drift apart by a hundred parts in a million are no delay', () => {
  const age = new RequestAge();
  for (let atMs = 0; atMs < 3_600_000; atMs += 500) {
    const sent = { incarnation: 1, sentTick: tickOf(atMs * 0.9999) };
    assert.ok(age.of('n2', sent, atMs + 2) <= 3 * tickMs, `${atMs}`);
  }
});

test('the ways to different peers have nothing to do with each other', () => {
  const age = new RequestAge();
  age.of('n2', asker(0)(0), 5);
  assert.equal(age.of('n3', asker(0)(0), 3_000), 0);
});
