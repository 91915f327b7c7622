import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AdmissionLimit } from '../core/admission-limit.ts';
import { limits } from '../core/limits.ts';
import { ManualClock } from '../sim/manual-clock.ts';
import { AdmissionGate, type Admission } from './admission-gate.ts';

const patientMs = 10_000;

interface Stage {
  readonly clock: ManualClock;
  readonly gate: AdmissionGate;
  readonly counts: ReadonlyMap<string, number>;
  /** Lets a request wait; what becomes of it is added to `outcomes` by its name. */
  readonly wait: (
    name: string,
    options?: { readonly client?: { isGone: boolean }; readonly waitMsMax?: number },
  ) => void;
  readonly outcomes: string[];
  /** Lets continuations run. */
  readonly settle: () => Promise<void>;
}

function stage(limit: number): Stage {
  const clock = new ManualClock();
  const counts = new Map<string, number>();
  const outcomes: string[] = [];
  const gate = new AdmissionGate({
    clock,
    observer: { count: (name, by = 1) => counts.set(name, (counts.get(name) ?? 0) + by) },
    limit: new AdmissionLimit({ start: limit, min: limit, max: limit, targetMsMin: 20 }),
  });
  const tell = (name: string) => (admission: Admission) =>
    outcomes.push(admission.kind === 'admitted' ? name : `${name} ${admission.reason}`);
  return {
    clock,
    gate,
    counts,
    outcomes,
    wait: (name, { client, waitMsMax = patientMs } = {}) => {
      assert.equal(gate.tryEnter(), false, 'there is room');
      void gate.wait({ client, waitMsMax }).then(tell(name));
    },
    settle: async () => {
      for (let turn = 0; turn < 4; turn++) await Promise.resolve();
    },
  };
}

function fill(gate: AdmissionGate, count: number): void {
  for (let entered = 0; entered < count; entered++) assert.equal(gate.tryEnter(), true);
}

test('requests enter at once up to the limit, and one more for each that leaves', async () => {
  const { gate, clock, wait, outcomes, settle } = stage(2);
  fill(gate, 2);
  wait('a');
  wait('b');
  await settle();
  assert.deepEqual(outcomes, []);
  gate.leave(clock.monotonicNow(), true);
  await settle();
  assert.deepEqual(outcomes, ['a']);
  assert.deepEqual([gate.inFlight, gate.queued], [2, 1]);
  gate.leave(clock.monotonicNow(), true);
  gate.leave(clock.monotonicNow(), true);
  await settle();
  assert.deepEqual(outcomes, ['a', 'b']);
  assert.deepEqual([gate.inFlight, gate.queued], [1, 0]);
});

test('first come, first served, as long as that is soon', async () => {
  const { gate, clock, wait, outcomes, settle } = stage(1);
  fill(gate, 1);
  for (const name of ['a', 'b', 'c', 'd']) {
    wait(name);
    clock.advance(10);
  }
  for (let served = 0; served < 4; served++) gate.leave(clock.monotonicNow(), true);
  await settle();
  assert.deepEqual(outcomes, ['a', 'b', 'c', 'd']);
});

test('when the oldest has waited for nearly as long as it may, the newest goes first', async () => {
  const { gate, clock, wait, outcomes, settle } = stage(1);
  fill(gate, 1);
  for (const name of ['a', 'b', 'c', 'd']) {
    wait(name);
    clock.advance(10);
  }
  clock.advance(0.8 * limits.admissionWaitMsMax);
  gate.leave(clock.monotonicNow(), true);
  gate.leave(clock.monotonicNow(), true);
  await settle();
  assert.deepEqual(outcomes, ['d', 'c']);
});

test('how long clients wait is learned from those that have gone: then the newest goes first sooner', async () => {
  for (const gone of [0, 60]) {
    const { gate, clock, wait, outcomes, settle } = stage(1);
    fill(gate, 1);
    for (let index = 0; index < gone; index++) {
      const client = { isGone: false };
      wait(`gone ${index}`, { client });
      client.isGone = true;
    }
    clock.advance(limits.admissionSweepMs);
    for (const name of ['a', 'b', 'c', 'd']) wait(name);
    clock.advance(100);
    gate.leave(clock.monotonicNow(), true);
    await settle();
    assert.equal(outcomes.at(-1), gone === 0 ? 'a' : 'd');
  }
});

test('few that wait for a slow disk have their turn one after the other, however long that takes', async () => {
  const { gate, clock, wait, outcomes, settle } = stage(2);
  // Two a sync of 300 ms, and two more that wait; whoever is answered asks again at once.
  const began: number[] = [];
  const begin = (): void => void began.push(clock.monotonicNow());
  fill(gate, 2);
  begin();
  begin();
  let asked = 0;
  for (; asked < 2; asked++) wait(`${asked}`);
  for (let sync = 0; sync < 20; sync++) {
    for (let step = 0; step < 30; step++) clock.advance(10);
    for (const beganAtMs of began.splice(0)) {
      gate.leave(beganAtMs, true);
      wait(`${asked++}`);
      begin();
    }
    await settle();
  }
  assert.deepEqual(
    outcomes,
    Array.from({ length: 40 }, (_, index) => `${index}`),
  );
});

test('what has waited for its time is refused, and not before', async () => {
  const { gate, clock, wait, outcomes, settle, counts } = stage(1);
  fill(gate, 1);
  wait('patient');
  wait('hurried', { waitMsMax: 100 });
  clock.advance(99);
  await settle();
  assert.deepEqual(outcomes, []);
  clock.advance(1 + limits.admissionSweepMs);
  await settle();
  assert.deepEqual(outcomes, ['hurried too-late']);
  clock.advance(limits.admissionWaitMsMax - 150 - limits.admissionSweepMs);
  await settle();
  assert.equal(outcomes.length, 1);
  clock.advance(100 + limits.admissionSweepMs);
  await settle();
  assert.deepEqual(outcomes, ['hurried too-late', 'patient too-late']);
  assert.equal(counts.get('admission.refused.late'), 2);
  assert.equal(gate.queued, 0);
  assert.equal(clock.timers, 0, 'an empty queue needs no sweep');
});

test('what grew old while the process stood still is not refused for that', async () => {
  const { gate, clock, wait, outcomes, settle } = stage(1);
  fill(gate, 1);
  wait('a');
  wait('hurried', { waitMsMax: 1_000 });
  clock.sleepThrough(3 * limits.admissionWaitMsMax);
  await settle();
  assert.deepEqual(outcomes, ['hurried too-late'], 'its client has given up');
  gate.leave(clock.monotonicNow(), true);
  await settle();
  assert.deepEqual(outcomes, ['hurried too-late', 'a']);
});

test('a request whose time is over does not begin although there is room', async () => {
  const { gate, clock, wait, outcomes, settle } = stage(1);
  fill(gate, 1);
  wait('a', { waitMsMax: 30 });
  clock.advance(40);
  gate.leave(clock.monotonicNow(), true);
  await settle();
  assert.deepEqual(outcomes, ['a too-late']);
  assert.equal(gate.inFlight, 0);
});

test('nothing begins for a client that has gone', async () => {
  const { gate, clock, wait, outcomes, settle, counts } = stage(1);
  const client = { isGone: false };
  const other = { isGone: false };
  fill(gate, 1);
  wait('a', { client });
  wait('b', { client: other });
  wait('c');
  client.isGone = true;
  gate.leave(clock.monotonicNow(), true);
  await settle();
  assert.deepEqual(outcomes, ['a client-gone', 'b']);
  assert.equal(gate.inFlight, 1);
  assert.equal(counts.get('admission.dropped'), 1);
});

test('a client that goes while it waits is noticed by the next sweep', async () => {
  const { gate, clock, wait, outcomes, settle } = stage(1);
  const client = { isGone: false };
  fill(gate, 1);
  wait('a', { client });
  client.isGone = true;
  clock.advance(limits.admissionSweepMs);
  await settle();
  assert.deepEqual(outcomes, ['a client-gone']);
  assert.equal(gate.queued, 0);
});

test('no more wait than the bound: one more is refused at once', async () => {
  const { gate, wait, outcomes, settle, counts } = stage(1);
  fill(gate, 1);
  for (let index = 0; index < limits.admissionQueueMax; index++) {
    wait(String(index));
    assert.equal(gate.isCrowded, index + 1 >= limits.admissionCrowdedFrom);
  }
  wait('more');
  await settle();
  assert.deepEqual(outcomes, ['more full']);
  assert.equal(gate.queued, limits.admissionQueueMax);
  assert.equal(counts.get('admission.refused.full'), 1);
});

test('requests that hang on others stop no window: more may begin', async () => {
  const clock = new ManualClock();
  const gate = new AdmissionGate({ clock, observer: { count: () => undefined } });
  fill(gate, limits.admissionLimitStart);
  let admitted = 0;
  for (let index = 0; index < 100; index++) {
    assert.equal(gate.tryEnter(), false);
    void gate.wait({ client: undefined, waitMsMax: patientMs }).then(({ kind }) => {
      if (kind === 'admitted') admitted++;
    });
  }
  // Not one is answered.
  for (let step = 0; step < 30; step++) {
    clock.advance(10);
    await Promise.resolve();
  }
  assert.equal(admitted, 100);
});

test('stopping refuses all that waits, and lets nothing wait any more', async () => {
  const { gate, clock, wait, outcomes, settle } = stage(1);
  fill(gate, 1);
  wait('a');
  wait('b');
  gate.stop();
  wait('c');
  await settle();
  assert.deepEqual(outcomes.toSorted(), ['a stopping', 'b stopping', 'c stopping']);
  assert.equal(clock.timers, 0);
  gate.leave(clock.monotonicNow(), true);
  assert.equal(gate.inFlight, 0);
});

test('the status tells of what waits and what requests take', () => {
  const { gate, clock, wait } = stage(1);
  fill(gate, 1);
  wait('a');
  clock.advance(30);
  const { limit, inFlight, queued, oldestMs, averageMs } = gate.status;
  assert.deepEqual(
    { limit, inFlight, queued, oldestMs, averageMs },
    {
      ...{ limit: 1, inFlight: 1, queued: 1, oldestMs: 30, averageMs: undefined },
    },
  );
  gate.leave(0, true);
  assert.equal(gate.status.averageMs, 30);
  assert.equal(gate.status.usualMs, 30);
});
