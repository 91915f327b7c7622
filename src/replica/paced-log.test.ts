import assert from 'node:assert/strict';
import { test } from 'node:test';
import { limits } from '../core/limits.ts';
import type { LogFields } from '../ports/observer.ts';
import { ManualClock } from '../sim/manual-clock.ts';
import { PacedLog } from './paced-log.ts';

test('what fails ten thousand times is said once a second, with how often it was left out', () => {
  const clock = new ManualClock();
  const lines: [string, LogFields | undefined][] = [];
  let counted = 0;
  const log = new PacedLog(
    {
      log: (_level, event, _message, fields) => lines.push([event, fields]),
      count: () => counted++,
    },
    clock,
  );
  for (let attempt = 0; attempt < 10_000; attempt++) {
    log.log('warn', 'replica.put-refused', 'no space', { code: 'DISK_FULL' });
    log.count('refused.DISK_FULL');
  }
  log.log('warn', 'replica.put-refused', 'a clock', { code: 'CLOCK_SKEW' });
  clock.advance(limits.logRepeatMs);
  log.log('warn', 'replica.put-refused', 'no space', { code: 'DISK_FULL' });
  assert.deepEqual(lines, [
    ['replica.put-refused', { code: 'DISK_FULL' }],
    ['replica.put-refused', { code: 'CLOCK_SKEW' }],
    ['replica.put-refused', { code: 'DISK_FULL', suppressed: 9_999 }],
  ]);
  assert.equal(counted, 10_000);
});
