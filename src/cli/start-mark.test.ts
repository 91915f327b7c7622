import assert from 'node:assert/strict';
import { test } from 'node:test';

import { startTimeCommand } from './start-mark.ts';

test('every system has a command for the start of a process, and Linux needs none', () => {
  assert.equal(startTimeCommand('linux', 4711), undefined);
  assert.deepEqual(startTimeCommand('darwin', 4711)?.arguments, ['-o', 'lstart=', '-p', '4711']);
  assert.match(startTimeCommand('win32', 4711)?.arguments.at(-1) ?? '', /-Id 4711\)\.StartTime/);
});
