import assert from 'node:assert/strict';
import { test } from 'node:test';

import { cpuSecondsOf, ticksOf } from './process-cpu.ts';

test('the CPU fields are found behind a name with spaces and brackets', () => {
  const stat = '42 (a ) name (x) S 1 42 42 0 -1 4194560 100 0 0 0 250 50 0 0 20 0 11 0 100 1000 1';
  assert.equal(ticksOf(stat), 300);
});

const skip = process.platform !== 'linux' && 'only Linux has /proc';

test('the CPU time of a process grows with its work', { skip }, () => {
  const before = cpuSecondsOf([process.pid]) ?? Number.NaN;
  const start = process.cpuUsage();
  while (process.cpuUsage(start).user < 60_000);
  assert.ok((cpuSecondsOf([process.pid]) ?? Number.NaN) >= before + 0.04);
});

test('a process that is gone has no CPU time', () => {
  assert.equal(cpuSecondsOf([2 ** 30]), undefined);
  assert.equal(cpuSecondsOf([]), undefined);
});
