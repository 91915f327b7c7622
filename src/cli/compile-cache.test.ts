import assert from 'node:assert/strict';
import { test } from 'node:test';
import { childEnvironment } from './compile-cache.ts';
import { allocatorEnvironment } from './program-process.ts';

const name = 'MALLOC_MMAP_THRESHOLD_';

test('a process that runs this program has the allocator told how to give memory back', () => {
  const before = process.env[name];
  try {
    delete process.env[name];
    assert.equal(childEnvironment()[name], allocatorEnvironment[name]);
    process.env[name] = '4096';
    assert.equal(childEnvironment()[name], '4096', 'what the caller has set is kept');
  } finally {
    if (before === undefined) delete process.env[name];
    else process.env[name] = before;
  }
});
