import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { inMacrotask, provenDrain } from './drain.ts';
import { Scheduler } from './scheduler.ts';
import { SimRandom } from './sim-random.ts';
import { TraceHash } from './trace-hash.ts';

/** Runs `body` with a scheduler from a macrotask. */
function withScheduler<Result>(seed: number, body: (scheduler: Scheduler) => Result): Promise<Result> {
  return inMacrotask(() =>
    body(
      new Scheduler({
        ties: new SimRandom(seed).fork('ties'),
        drain: provenDrain(),
        trace: new TraceHash(),
      }),
    ),
  );
}

describe('Scheduler', () => {
  test('events run in the order of virtual time, whenever they were planned', async () => {
    const order = await withScheduler(1, (scheduler) => {
      const random = new SimRandom(7);
      const seen: number[] = [];
      for (let index = 0; index < 500; index++) {
        const delay = random.below(1_000_000);
        scheduler.after(delay, () => seen.push(scheduler.nowMicros));
      }
      assert.equal(scheduler.run(), 'empty');
      return seen;
    });
    assert.equal(order.length, 500);
    assert.deepEqual(
      order,
      order.toSorted((left, right) => left - right),
    );
  });

  test('events of one microsecond run in an order that the seed decides', async () => {
    const orderOf = (seed: number): Promise<string> =>
      withScheduler(seed, (scheduler) => {
        let order = '';
        for (const name of 'abcdefgh') scheduler.at(5, () => (order += name));
        scheduler.run();
        return order;
      });
    assert.equal(await orderOf(1), await orderOf(1));
    const orders = new Set([await orderOf(1), await orderOf(2), await orderOf(3)]);
    assert.ok(orders.size > 1);
  });

  test('all microtasks of an event have run before the next event', async () => {
    const log = await withScheduler(1, (scheduler) => {
      const seen: string[] = [];
      scheduler.at(1, () => {
        void (async () => {
          for (let step = 0; step < 40; step++) await undefined;
          seen.push('chain of the first event');
        })();
      });
      scheduler.at(2, () => seen.push('second event'));
      scheduler.run();
      return seen;
    });
    assert.deepEqual(log, ['chain of the first event', 'second event']);
  });

  test('a cancelled event does not run, and thousands of them take no room', async () => {
    const ran = await withScheduler(1, (scheduler) => {
      let count = 0;
      for (let index = 0; index < 10_000; index++) {
        const cancel = scheduler.after(1_000_000 + index, () => (count += 1_000_000));
        scheduler.after(index, () => {
          cancel();
          cancel();
          count += 1;
        });
      }
      scheduler.run();
      return { count, events: scheduler.events };
    });
    assert.deepEqual(ran, { count: 10_000, events: 10_000 });
  });

  test('a run ends at its deadline, its condition or its stop, and goes on from there', async () => {
    await withScheduler(1, (scheduler) => {
      const seen: number[] = [];
      for (const time of [10, 20, 30, 40]) scheduler.at(time, () => seen.push(time));
      assert.equal(scheduler.run({ deadlineMicros: 15 }), 'deadline');
      assert.equal(scheduler.nowMicros, 15);
      assert.equal(scheduler.run({ until: () => seen.length === 2 }), 'done');
      scheduler.at(25, () => scheduler.stop());
      assert.equal(scheduler.run(), 'stopped');
      assert.equal(scheduler.run(), 'empty');
      assert.deepEqual(seen, [10, 20, 30, 40]);
    });
  });

  test('events that follow each other without delay for ever are reported as a livelock', async () => {
    await withScheduler(1, (scheduler) => {
      const again = (): void => {
        scheduler.after(0, again);
      };
      again();
      assert.throws(() => scheduler.run(), /livelock/);
    });
  });

  test('one seed leaves one trace', async () => {
    const traceOf = (seed: number): Promise<string> =>
      withScheduler(seed, (scheduler) => {
        const random = new SimRandom(seed);
        const spawn = (left: number): void => {
          if (left > 0) scheduler.after(random.below(100), () => spawn(left - 1));
        };
        for (let index = 0; index < 10; index++) spawn(20);
        scheduler.run();
        return scheduler.trace.toString();
      });
    assert.equal(await traceOf(5), await traceOf(5));
    assert.notEqual(await traceOf(5), await traceOf(6));
  });
});
