import assert from 'node:assert/strict';
import { test } from 'node:test';
import { limits } from '../core/limits.ts';
import { ChangeLog } from './change-log.ts';

const later = limits.connectionLogIntervalMs;

test('a thing is news once, and again only after it changed', () => {
  const log = new ChangeLog();
  assert.equal(log.isNews('n2', 'refused', 0), true);
  assert.equal(log.isNews('n2', 'refused', 100 * later), false);
  assert.equal(log.isNews('n2', 'unreachable', 101 * later), true);
  assert.equal(log.isNews('n2', 'refused', 102 * later), true);
});

test('each source has its own story', () => {
  const log = new ChangeLog();
  assert.equal(log.isNews('n2', 'refused', 0), true);
  assert.equal(log.isNews('n3', 'refused', 0), true);
});

test('a source that keeps changing its story is heard once per interval', () => {
  const log = new ChangeLog();
  let heard = 0;
  for (let nowMs = 0; nowMs < 10 * later; nowMs++) if (log.isNews('n2', `story ${nowMs}`, nowMs)) heard += 1;
  assert.equal(heard, 10);
});

test('after all was well the same failure is news again', () => {
  const log = new ChangeLog();
  log.isNews('n2', 'refused', 0);
  log.forget('n2');
  assert.equal(log.isNews('n2', 'refused', 1), true);
});

test('only so many sources are remembered, the latest', () => {
  const log = new ChangeLog();
  for (let source = 0; source <= limits.connectionLogSourcesMax; source++)
    log.isNews(`source ${source}`, 'x', 0);
  assert.equal(log.isNews(`source ${limits.connectionLogSourcesMax}`, 'x', later), false);
  assert.equal(log.isNews('source 1', 'x', later), false);
  assert.equal(log.isNews('source 0', 'x', later), true, 'the oldest was forgotten');
});
