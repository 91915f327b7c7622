import assert from 'node:assert/strict';
import { test } from 'node:test';
import { limits } from '../../core/limits.ts';
import type { ScanCursor } from '../../storage/store.ts';
import { ScanCursors } from './scan-cursors.ts';

function position(text: string): ScanCursor {
  return text as ScanCursor;
}

test('each scan has cursors of its own, and each page another', () => {
  const cursors = new ScanCursors();
  const first = cursors.follow(0, position('a'));
  const other = cursors.follow(0, position('b'));
  const second = cursors.follow(first, position('c'));
  assert.equal(new Set([0, first, other, second]).size, 4);
  assert.equal(cursors.find(first), 'a');
  assert.equal(cursors.find(other), 'b');
  assert.equal(cursors.find(second), 'c');
  assert.ok(Number.isSafeInteger(second));
});

test('a page can be asked for again, and leads to the same next one', () => {
  const cursors = new ScanCursors();
  const first = cursors.follow(0, position('a'));
  const second = cursors.follow(first, position('b'));
  assert.equal(cursors.find(first), 'a');
  assert.equal(cursors.follow(first, position('b')), second);
  assert.equal(cursors.find(second), 'b');
  const third = cursors.follow(second, position('c'));
  assert.equal(cursors.find(second), 'b');
  assert.equal(cursors.find(third), 'c');
  // Only the last page and the one before are known.
  assert.equal(cursors.find(first), undefined);
});

test('a number that was not given out is not known', () => {
  const cursors = new ScanCursors();
  const first = cursors.follow(0, position('a'));
  for (const number of [1, first + 1, first - 1, first + 2 ** 32, Number.MAX_SAFE_INTEGER, 2 ** 64]) {
    assert.equal(cursors.find(number), undefined, String(number));
  }
});

test('the scan that was not used for longest is forgotten when there are too many', () => {
  const cursors = new ScanCursors();
  const first = cursors.follow(0, position('a'));
  const second = cursors.follow(0, position('b'));
  for (let index = 2; index < limits.redisScansMax; index++) cursors.follow(0, position('x'));
  assert.equal(cursors.find(first), 'a');
  cursors.follow(0, position('y'));
  assert.equal(cursors.find(first), 'a');
  assert.equal(cursors.find(second), undefined);
});
