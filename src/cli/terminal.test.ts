import assert from 'node:assert/strict';
import { test } from 'node:test';

import { formatBytes, formatDuration, formatTable } from './terminal.ts';

test('columns line up and lines end without blanks', () => {
  const table = formatTable([
    ['NODE', 'ADDRESS', 'PID'],
    ['n1', '127.0.0.1:9001', '4711'],
    ['node-22', '[::1]:1', ''],
  ]);
  assert.deepEqual(table.split('\n'), [
    'NODE     ADDRESS         PID',
    'n1       127.0.0.1:9001  4711',
    'node-22  [::1]:1',
  ]);
});

test('bytes and durations are shortened for a person', () => {
  assert.deepEqual([0, 1023, 1024, 1536, 5 * 1024 ** 3].map(formatBytes), [
    '0 B',
    '1023 B',
    '1.0 KiB',
    '1.5 KiB',
    '5.0 GiB',
  ]);
  assert.deepEqual([-5, 999, 61_000, 3_600_000, 90_061_000].map(formatDuration), [
    '0s',
    '0s',
    '1m 1s',
    '1h 0m',
    '1d 1h',
  ]);
});
