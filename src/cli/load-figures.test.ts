import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadRemarks } from './load-figures.ts';

const page = { limit: 120, queued: 0, oldest_ms: 0, refused_late: 5, refused_full: 2 };

test('a node with requests that wait says so, and one without says nothing', () => {
  assert.deepEqual(loadRemarks('n1', undefined), []);
  assert.deepEqual(loadRemarks('n1', page), []);
  assert.deepEqual(loadRemarks('n1', { ...page, queued: 30, oldest_ms: 81.6 }), [
    'n1: 30 requests wait for their turn, the oldest for 82 ms; 120 may be under way at once, and 7 were refused since the start',
  ]);
});
