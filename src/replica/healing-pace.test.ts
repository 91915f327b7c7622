import assert from 'node:assert/strict';
import { test } from 'node:test';
import { limits } from '../core/limits.ts';
import { healingPauseMs } from './healing-pace.ts';

const busy = limits.healingBusyTurnMs;

test('on an idle node only the byte rate slows healing down', () => {
  assert.equal(healingPauseMs({ workMs: 40, bytes: 1_000, urgent: false }, 0), 0);
  const second = healingPauseMs({ workMs: 100, bytes: limits.healingBytesPerSecond, urgent: true }, 0);
  assert.equal(second, 900);
});

test('on a busy node healing takes no more than its share of the time', () => {
  for (const urgent of [true, false]) {
    const share = urgent ? limits.healingShareUrgent : limits.healingShare;
    const pauseMs = healingPauseMs({ workMs: 10, bytes: 0, urgent }, busy);
    assert.ok(Math.abs(10 / (10 + pauseMs) - share) < 1e-9);
  }
  assert.equal(healingPauseMs({ workMs: 10, bytes: 0, urgent: false }, busy - 1), 0);
});

test('a node that is no witness heals faster', () => {
  const pause = (urgent: boolean): number => healingPauseMs({ workMs: 10, bytes: 0, urgent }, busy);
  assert.ok(pause(true) < pause(false) / 2);
});
