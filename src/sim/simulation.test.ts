import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { inMacrotask } from './drain.ts';
import { simulate } from './simulation.ts';

describe('simulate', () => {
  test('a day of virtual time passes within the call', async () => {
    const { result, virtualMicros } = await inMacrotask(() =>
      simulate({ seed: 1 }, async (world) => {
        for (let minute = 0; minute < 30; minute++) await world.sleep(60_000_000);
        return 'done';
      }),
    );
    assert.deepEqual([result, virtualMicros], ['done', 1_800_000_000]);
  });

  test('a flow that waits for nothing is a deadlock and is reported', async () => {
    await assert.rejects(
      inMacrotask(() => simulate({ seed: 1 }, () => new Promise<void>(() => undefined))),
      /stuck at 0 µs: empty/,
    );
  });

  test('what the flow throws ends the run', async () => {
    const run = inMacrotask(() =>
      simulate({ seed: 1 }, async (world) => {
        await world.sleep(5);
        throw new Error('broken flow');
      }),
    );
    await assert.rejects(run, /broken flow/);
  });

  test('a rejection that nobody handles ends the run', async () => {
    const run = inMacrotask(() =>
      simulate({ seed: 1 }, async (world) => {
        void Promise.reject(new Error('forgotten'));
        await world.sleep(1_000);
      }),
    );
    await assert.rejects(run, /not handled by anyone: forgotten/);
  });

  test('the real clock is out of reach inside, and back afterwards', async () => {
    const run = inMacrotask(() => simulate({ seed: 1 }, () => Promise.resolve(Date.now())));
    await assert.rejects(run, /Date.now was called inside a simulation/);
    assert.ok(Date.now() > 0);
  });
});
