import assert from 'node:assert/strict';
import { test } from 'node:test';
import { limits } from '../core/limits.ts';
import { HedgePacing } from './hedge-pacing.ts';

test('a read hedges after what answers usually need, within a floor and the configured ceiling', () => {
  let usualMs = 0;
  const pacing = new HedgePacing({ delayMsMax: 50, usualMsMax: () => usualMs });
  assert.equal(pacing.startRead(), limits.hedgeAfterMsMin);
  usualMs = 12;
  assert.equal(pacing.startRead(), 12);
  usualMs = 700;
  assert.equal(pacing.startRead(), 50);
});

test('beyond a burst no more than five of a hundred reads hedge', () => {
  const pacing = new HedgePacing({ delayMsMax: 50, usualMsMax: () => 5 });
  let hedges = 0;
  for (let read = 0; read < 10_000; read++) {
    pacing.startRead();
    if (pacing.takeHedge()) hedges++;
  }
  assert.ok(hedges <= 500 + limits.hedgeBurst && hedges >= 499, String(hedges));
});
