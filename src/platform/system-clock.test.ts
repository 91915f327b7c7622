import assert from 'node:assert/strict';
import { test } from 'node:test';
import { testClockContract } from '../ports/clock-contract.ts';
import { SystemClock } from './system-clock.ts';

testClockContract('SystemClock', (body) => body(new SystemClock()));

test('a timer beyond the range of Node is split, not handed over for Node to warn about and fire at once', async () => {
  const warnings: string[] = [];
  const onWarning = (warning: Error): number => warnings.push(warning.name);
  process.on('warning', onWarning);
  const cancel = new SystemClock().startTimer(2 ** 32, () => {});
  await new Promise((resolve) => setImmediate(resolve));
  cancel();
  process.off('warning', onWarning);
  assert.deepEqual(warnings, []);
});
