import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { inMacrotask, provenDrain } from './drain.ts';
import { ProcessScope } from './process-scope.ts';
import { Scheduler } from './scheduler.ts';
import { SimClock, SimClockHardware, simulationStartWallMs } from './sim-clock.ts';
import { SimRandom } from './sim-random.ts';
import { TraceHash } from './trace-hash.ts';

interface World {
  readonly scheduler: Scheduler;
  readonly hardware: SimClockHardware;
  readonly scope: ProcessScope;
  readonly clock: SimClock;
}

function withClock(
  options: { readonly driftPerMillion?: number },
  body: (world: World) => void,
): Promise<void> {
  return inMacrotask(() => {
    const random = new SimRandom(1);
    const scheduler = new Scheduler({
      ties: random.fork('ties'),
      drain: provenDrain(),
      trace: new TraceHash(),
    });
    const hardware = new SimClockHardware({ scheduler, ...options });
    const scope = new ProcessScope('n1', scheduler);
    body({ scheduler, hardware, scope, clock: new SimClock({ hardware, scheduler, random, scope }) });
  });
}

describe('SimClock', () => {
  test('virtual time moves both clocks', () =>
    withClock({}, ({ scheduler, clock }) => {
      assert.equal(clock.wallNow(), simulationStartWallMs);
      scheduler.after(2_500, () => undefined);
      scheduler.run();
      assert.equal(clock.wallNow(), simulationStartWallMs + 2);
      assert.equal(clock.monotonicNow(), 2.5);
    }));

  test('a jump moves the wall clock alone', () =>
    withClock({}, ({ hardware, clock }) => {
      const monotonic = clock.monotonicNow();
      hardware.jump(-3_600_000);
      assert.equal(clock.wallNow(), simulationStartWallMs - 3_600_000);
      assert.equal(clock.monotonicNow(), monotonic);
    }));

  test('a timer never fires early by its own drifting clock', async () => {
    for (const driftPerMillion of [-100_000, -37, 0, 41, 100_000]) {
      await withClock({ driftPerMillion }, ({ scheduler, clock }) => {
        let elapsedMs = 0;
        scheduler.after(123_457, () => {
          const startMs = clock.monotonicNow();
          clock.startTimer(1_000, () => {
            elapsedMs = clock.monotonicNow() - startMs;
          });
        });
        scheduler.run();
        assert.ok(elapsedMs >= 1_000 && elapsedMs < 1_003, `${elapsedMs} ms at drift ${driftPerMillion}`);
      });
    }
  });

  test('timers die with the process', () =>
    withClock({}, ({ scheduler, scope, clock }) => {
      clock.startTimer(10, () => assert.fail('a dead process ran'));
      clock.nextTurn(() => assert.fail('a dead process ran'));
      scope.kill();
      scheduler.run();
    }));

  test('what comes due in a pause waits, in order, and can still be cancelled', () =>
    withClock({}, ({ scheduler, scope, clock }) => {
      const seen: string[] = [];
      clock.startTimer(10, () => {
        seen.push('first');
        cancelThird();
      });
      clock.startTimer(20, () => seen.push('second'));
      const cancelThird = clock.startTimer(30, () => seen.push('third'));
      scope.pause();
      scheduler.after(1_000_000, () => scope.resume());
      scheduler.after(1_000_001, () => scope.enter(() => seen.push('late comer')));
      scheduler.run({ deadlineMicros: 999_999 });
      assert.deepEqual(seen, []);
      scheduler.run();
      assert.deepEqual(seen, ['first', 'second', 'late comer']);
    }));
});
