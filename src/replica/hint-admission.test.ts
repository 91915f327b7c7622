import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { NodeId } from '../core/config.ts';
import { limits } from '../core/limits.ts';
import { HintAdmission } from './hint-admission.ts';

const [n2, n3] = ['n2' as NodeId, 'n3' as NodeId];

test('a second of refusals leaves no more hints than the limit and the burst, for each owner apart', () => {
  const admission = new HintAdmission();
  let admitted = 0;
  for (let nowMs = 0; nowMs < 1_000; nowMs += 0.1) {
    if (admission.admit(n2, nowMs)) admitted++;
  }
  assert.ok(admitted <= 2 * limits.hintsPerSecondWhileUp && admitted >= 1.9 * limits.hintsPerSecondWhileUp);
  assert.equal(admission.admit(n2, 1_000), true);
  assert.equal(admission.admit(n2, 1_000), false);
  assert.equal(admission.admit(n3, 1_000), true);
});

test('what is not used is not saved up beyond one second', () => {
  const admission = new HintAdmission();
  assert.equal(admission.admit(n2, 0), true);
  let admitted = 0;
  while (admission.admit(n2, 3_600_000)) admitted++;
  assert.equal(admitted, limits.hintsPerSecondWhileUp);
});
