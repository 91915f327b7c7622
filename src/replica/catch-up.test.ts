import assert from 'node:assert/strict';
import { test } from 'node:test';
import { limits } from '../core/limits.ts';
import { CatchUp } from './catch-up.ts';

const step = limits.catchUpVersionsMin;

test('an owner that catches up from heartbeat to heartbeat is left alone', () => {
  const catchUp = new CatchUp(0);
  assert.equal(catchUp.onLead(10 * step, 500), false, 'one heartbeat tells nothing');
  for (let lead = 9; lead > 0; lead--) assert.equal(catchUp.onLead(lead * step, 1_000), true);
});

test('one that stands still, loses ground or gains too little is not', () => {
  const catchUp = new CatchUp(0);
  catchUp.onLead(10 * step, 0);
  assert.equal(catchUp.onLead(10 * step, 500), false);
  assert.equal(catchUp.onLead(11 * step, 1_000), false);
  assert.equal(catchUp.onLead(10 * step - step + 1, 1_500), false);
});

test('ground that was lost in between does not count as gained', () => {
  const catchUp = new CatchUp(0);
  catchUp.onLead(10 * step, 0);
  catchUp.onLead(20 * step, 500);
  assert.equal(catchUp.onLead(10 * step, 1_000), false);
  assert.equal(catchUp.onLead(9 * step, 1_500), true);
});

test('an owner that is not behind has something to be fetched', () => {
  const catchUp = new CatchUp(0);
  catchUp.onLead(step, 0);
  assert.equal(catchUp.onLead(-step, 500), false);
});

test('after a comparison, and a long time without one, it starts anew', () => {
  const catchUp = new CatchUp(0);
  catchUp.onLead(10 * step, 0);
  assert.equal(catchUp.onLead(9 * step, limits.catchUpMsMax), false);
  catchUp.onCompared(limits.catchUpMsMax);
  assert.equal(catchUp.onLead(8 * step, limits.catchUpMsMax + 500), false);
  assert.equal(catchUp.onLead(7 * step, limits.catchUpMsMax + 1_000), true);
});
