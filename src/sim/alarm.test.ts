import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { withAlarm } from './alarm.ts';

describe('withAlarm', () => {
  const attempts: Record<string, () => unknown> = {
    'Date.now': () => Date.now(),
    'new Date()': () => new Date(),
    'Math.random': () => Math.random(),
    'performance.now': () => performance.now(),
    setTimeout: () => setTimeout(() => undefined, 0),
    setInterval: () => setInterval(() => undefined, 1),
    setImmediate: () => setImmediate(() => undefined),
    fetch: () => fetch('http://127.0.0.1:1/'),
    'crypto.randomUUID': () => crypto.randomUUID(),
    'crypto.getRandomValues': () => crypto.getRandomValues(new Uint8Array(1)),
    'AbortSignal.timeout': () => AbortSignal.timeout(1),
    'process.hrtime': () => process.hrtime(),
  };
  for (const [name, attempt] of Object.entries(attempts)) {
    test(`${name} trips the alarm, and works again afterwards`, async () => {
      withAlarm(() => {
        assert.throws(attempt, /was called inside a simulation/);
      });
      const result = attempt();
      if (name === 'setInterval' || name === 'setTimeout') clearTimeout(Number(result));
      if (result instanceof Promise) await result.catch(() => undefined);
    });
  }

  test('dates of given times can be made', () => {
    assert.equal(
      withAlarm(() => new Date(0).toISOString()),
      '1970-01-01T00:00:00.000Z',
    );
  });

  test('the real world comes back after a simulation that threw', () => {
    assert.throws(() => withAlarm(() => assert.fail('broken')), /broken/);
    assert.ok(Date.now() > 0);
  });
});
