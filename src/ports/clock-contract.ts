/**
 * What every `Clock` does, as a test suite: run against the real one in `platform/` and against the
 * simulated one in `sim/`.
 */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { sleep, type Clock } from './clock.ts';

/**
 * Runs `body` with a clock. A simulated one turns its scheduler until the returned promise is settled.
 */
export type WithClock = (body: (clock: Clock) => Promise<void>) => Promise<void>;

/** Registers the suite under `name`. */
export function testClockContract(name: string, withClock: WithClock): void {
  const contract = (title: string, body: (clock: Clock) => Promise<void>): void => {
    test(title, () => withClock(body));
  };

  describe(`${name}: clock`, () => {
    contract('the wall clock is a whole number of milliseconds within 48 bits', (clock) => {
      const now = clock.wallNow();
      assert.ok(Number.isInteger(now) && now > 0 && now < 2 ** 48, String(now));
      return Promise.resolve();
    });

    contract('the monotonic clock never goes back, and moves while a timer runs', async (clock) => {
      const start = clock.monotonicNow();
      let last = start;
      for (let reading = 0; reading < 1_000; reading++) {
        const now = clock.monotonicNow();
        assert.ok(now >= last);
        last = now;
      }
      await timer(clock, 3);
      assert.ok(clock.monotonicNow() > start);
    });

    contract('a timer fires once, in a later turn, and never before its delay is over', async (clock) => {
      for (const delayMs of [0, 0.3, 1, 1.5, 2, 7]) {
        const start = clock.monotonicNow();
        let calls = 0;
        const fired = Promise.withResolvers<void>();
        clock.startTimer(delayMs, () => {
          calls += 1;
          fired.resolve();
        });
        assert.equal(calls, 0, 'not within startTimer');
        await fired.promise;
        const elapsedMs = clock.monotonicNow() - start;
        assert.ok(elapsedMs >= delayMs, `a timer of ${delayMs} ms fired after ${elapsedMs} ms`);
        await timer(clock, 3);
        assert.equal(calls, 1);
      }
    });

    contract('a short timer fires before a longer one that was started earlier', async (clock) => {
      const order: string[] = [];
      const long = timer(clock, 30).then(() => order.push('long'));
      const short = timer(clock, 2).then(() => order.push('short'));
      await Promise.all([long, short]);
      assert.deepEqual(order, ['short', 'long']);
    });

    contract('a cancelled timer never fires, and cancelling late or twice is harmless', async (clock) => {
      let calls = 0;
      const cancelled = clock.startTimer(1, () => (calls += 10));
      cancelled();
      cancelled();
      const fired = Promise.withResolvers<void>();
      const cancelLate = clock.startTimer(2, () => {
        calls += 1;
        fired.resolve();
      });
      await fired.promise;
      cancelLate();
      await timer(clock, 3);
      assert.equal(calls, 1);
    });

    contract(
      'a timer of more days than a 32-bit count of milliseconds holds does not fire at once',
      async (clock) => {
        let fired = false;
        const cancel = clock.startTimer(2 ** 32, () => (fired = true));
        await timer(clock, 5);
        cancel();
        assert.equal(fired, false);
      },
    );

    contract(
      'the next turn comes after all that this turn has queued, in the order of asking',
      async (clock) => {
        const order: string[] = [];
        const done = Promise.withResolvers<void>();
        clock.nextTurn(() => order.push('first turn'));
        clock.nextTurn(() => {
          order.push('second turn');
          done.resolve();
        });
        order.push('synchronous');
        const chain = (async () => {
          for (let step = 0; step < 20; step++) await Promise.resolve();
          order.push('end of a promise chain');
        })();
        await chain;
        await done.promise;
        assert.deepEqual(order, ['synchronous', 'end of a promise chain', 'first turn', 'second turn']);
      },
    );

    contract('sleep ends after its delay, and at once when it is aborted', async (clock) => {
      const start = clock.monotonicNow();
      await sleep(clock, 4);
      assert.ok(clock.monotonicNow() - start >= 4);
      const aborted = new AbortController();
      const sleeping = sleep(clock, 3_600_000, aborted.signal);
      aborted.abort();
      await sleeping;
      await sleep(clock, 3_600_000, aborted.signal);
      assert.ok(clock.monotonicNow() - start < 3_600_000);
    });
  });
}

function timer(clock: Clock, delayMs: number): Promise<void> {
  return new Promise((resolve) => {
    clock.startTimer(delayMs, resolve);
  });
}
