import assert from 'node:assert/strict';
import { test } from 'node:test';

import { isRunning, ownIdentity, parseProcessStat } from './process-identity.ts';

/** A line of `/proc/<pid>/stat` as Linux writes it, with these fields of it. */
function statLine(options: { command: string; state: string; threads: number; startTime: number }): string {
  const { command, state, threads, startTime } = options;
  return `77 (${command}) ${state} 1 77 77 0 -1 4227084 2936 6493 1 0 4 2 4 1 20 0 ${threads} 0 ${startTime} 0 0 0`;
}

test('a command name with spaces and brackets does not shift the fields', () => {
  const stat = parseProcessStat(statLine({ command: 'a) S 1 (b', state: 'S', threads: 11, startTime: 4711 }));
  assert.deepEqual(stat, { startTime: '4711', hasEnded: false });
});

test('a zombie has ended, but not while a thread of it is still in the kernel', () => {
  const zombie = { command: 'node', state: 'Z', startTime: 1 };
  assert.equal(parseProcessStat(statLine({ ...zombie, threads: 1 }))?.hasEnded, true);
  assert.equal(parseProcessStat(statLine({ ...zombie, threads: 2 }))?.hasEnded, false);
});

test('a process that does not exist has no stat', () => {
  assert.equal(parseProcessStat(''), undefined);
});

test('this process runs, and one with its pid but another start does not', () => {
  assert.equal(isRunning(ownIdentity()), true);
  assert.equal(isRunning({ ...ownIdentity(), startTime: '1' }), false);
});
