import assert from 'node:assert/strict';
import { test } from 'node:test';
import { diskWritesOf, stolenTicksOf } from './machine-figures.ts';

test('stolen time is that of all processors together', () => {
  const stat = 'cpu  10 20 30 40 50 60 70 81 0 0\ncpu0 1 2 3 4 5 6 7 9 0 0\nintr 5\n';
  assert.equal(stolenTicksOf(stat), 81);
  assert.equal(stolenTicksOf('nothing of the kind'), 0);
});

test('each write of a disk counts once, not again for its partition', () => {
  const diskstats = [
    ' 253 0 vda 11 1 22 2 33 3 44 4 0 5 6 0 0 0 0 7 8',
    ' 253 1 vda1 11 1 22 2 33 3 44 4 0 5 6 0 0 0 0 7 8',
    ' 259 0 nvme0n1 1 1 1 1 500 1 1 1 0 1 1',
    ' 259 1 nvme0n1p1 1 1 1 1 500 1 1 1 0 1 1',
    '   7 0 loop0 1 0 1 1 9 0 0 0 0 1 1',
    '   8 0 sda 1 1 1 1 2 1 1 1 0 1 1',
  ].join('\n');
  assert.equal(diskWritesOf(diskstats), 535);
});
