import assert from 'node:assert/strict';
import { test } from 'node:test';
import { childEnvironment } from './compile-cache.ts';
import { allocatorEnvironment } from './program-process.ts';

test('a process that runs this program has the allocator told how to give memory back', () => {
  const { MALLOC_MMAP_THRESHOLD_: before } = process.env;
  try {
    delete process.env.MALLOC_MMAP_THRESHOLD_;
    assert.equal(childEnvironment().MALLOC_MMAP_THRESHOLD_, allocatorEnvironment.MALLOC_MMAP_THRESHOLD_);
    process.env.MALLOC_MMAP_THRESHOLD_ = '4096';
    assert.equal(childEnvironment().MALLOC_MMAP_THRESHOLD_, '4096', 'what the caller has set is kept');
  } finally {
    if (before === undefined) delete process.env.MALLOC_MMAP_THRESHOLD_;
    else process.env.MALLOC_MMAP_THRESHOLD_ = before;
  }
});
