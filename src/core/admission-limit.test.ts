import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { AdmissionLimit, admissionBounds } from './admission-limit.ts';

const bounds = { start: 256, min: 16, max: 4_096, targetMsMin: 20 };

/** Ends windows in which all that may be under way is, and takes what `latencyMs` says of so many. */
function load(
  limit: AdmissionLimit,
  windows: number,
  latencyMs: (inFlight: number) => number | undefined,
): void {
  for (let window = 0; window < windows; window++) {
    limit.endWindow({ averageMs: latencyMs(limit.value), inFlightMax: limit.value });
  }
}

/** A node whose throughput is all there is: requests take as long as there are many (Little's law). */
function ofCapacity(perMs: number, leastMs: number): (inFlight: number) => number {
  return (inFlight) => Math.max(leastMs, inFlight / perMs);
}

test('the limit settles where requests take what they may', () => {
  for (const perMs of [2, 8, 30]) {
    const limit = new AdmissionLimit(bounds);
    load(limit, 100, ofCapacity(perMs, 1));
    const tookMs = limit.value / perMs;
    assert.ok(
      tookMs > 12 && tookMs < 25,
      `${limit.value} requests take ${tookMs} ms each at ${perMs} per ms`,
    );
  }
});

test('a limit that is not reached stays as it is while requests are quick', () => {
  const limit = new AdmissionLimit(bounds);
  for (let window = 0; window < 50; window++) limit.endWindow({ averageMs: 2, inFlightMax: 100 });
  assert.equal(limit.value, 256);
});

test('one slow window costs no more than three tenths', () => {
  const limit = new AdmissionLimit(bounds);
  limit.endWindow({ averageMs: 2, inFlightMax: 256 });
  const before = limit.value;
  limit.endWindow({ averageMs: 900, inFlightMax: before });
  assert.ok(limit.value >= Math.floor(before * 0.7));
  assert.ok(limit.value < before);
});

test('a limit far above what is under way comes down to that as soon as requests are slow', () => {
  const limit = new AdmissionLimit({ ...bounds, start: 4_096 });
  limit.endWindow({ averageMs: 1, inFlightMax: 100 });
  limit.endWindow({ averageMs: 40, inFlightMax: 100 });
  assert.ok(limit.value <= 70, `${limit.value}`);
});

test('requests that are slow although few are under way do not shrink the limit', () => {
  const limit = new AdmissionLimit(bounds);
  limit.endWindow({ averageMs: 1, inFlightMax: 4 });
  for (let window = 0; window < 100; window++) limit.endWindow({ averageMs: 400, inFlightMax: 8 });
  assert.equal(limit.value, 256);
});

test('a disk that becomes slow pushes the limit down towards its floor for some seconds, not for ever', () => {
  const limit = new AdmissionLimit(bounds);
  limit.endWindow({ averageMs: 2, inFlightMax: 4 });
  // What a request takes no longer depends on how many there are.
  load(limit, 8, () => 120);
  assert.equal(limit.value, bounds.min);
  let windows = 8;
  for (; windows < 200 && limit.value < bounds.start; windows++) load(limit, 1, () => 120);
  assert.ok(windows <= 45, `it took ${windows} windows`);
  load(limit, 20, () => 120);
  assert.ok(limit.value > 2 * bounds.start, 'and it grows on, since more under way take no longer');
});

test('when the disk is quick again so is the target', () => {
  const limit = new AdmissionLimit(bounds);
  load(limit, 20, () => 120);
  assert.ok(limit.targetMs > 100);
  load(limit, 1, () => 2);
  assert.equal(limit.targetMs, bounds.targetMsMin);
});

test('requests that hang on others are no load: nothing is answered, and more may begin', () => {
  const limit = new AdmissionLimit(bounds);
  load(limit, 1, () => 2);
  const before = limit.value;
  load(limit, 10, () => undefined);
  assert.ok(limit.value >= Math.min(bounds.max, 5 * before));
});

test('whatever is measured, the limit stays between its bounds, and the target above its least', () => {
  const windows = fc.array(
    fc.record({
      averageMs: fc.option(fc.double({ min: 0, max: 1e6, noNaN: true }), { nil: undefined }),
      inFlightMax: fc.nat(10_000),
    }),
    { maxLength: 200 },
  );
  fc.assert(
    fc.property(windows, (measured) => {
      const limit = new AdmissionLimit();
      for (const window of measured) {
        limit.endWindow(window);
        assert.ok(limit.value >= admissionBounds.min && limit.value <= admissionBounds.max);
        assert.ok(limit.targetMs >= admissionBounds.targetMsMin);
      }
    }),
  );
});
