/** A few seeds of deletes that are forgotten; one seed in four of `mini-dynamo simulate` is such a one. */

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { inMacrotask } from '../drain.ts';
import { ordinaryPlan } from '../ordinary-plan.ts';
import { judgeSeed } from '../seed-verdict.ts';
import { Sometimes } from '../sometimes.ts';
import { noFaults } from '../swarm-plan.ts';
import { withFloors } from './deletes-stay.ts';

test('deletes are forgotten and stay, whatever comes back', async () => {
  const sometimes = new Sometimes();
  // A plan of its own: what the swarm draws changes as it learns of new faults.
  const faults = { ...noFaults, kills: true, powerLosses: true, partitions: true, gracefulRestarts: true };
  const plan = withFloors({ ...ordinaryPlan, faults });
  for (let seed = 1; seed <= 4; seed++) {
    const verdict = await inMacrotask(() => judgeSeed(seed, { plan }));
    assert.deepEqual(verdict.broken, [], `seed ${seed}`);
    sometimes.addAll(verdict.sometimes);
  }
  for (const name of ['floor.forgotten', 'away.old-disk', 'floor.strays-dropped']) {
    assert.ok(sometimes.read(name) > 0, `some seed has ${name}`);
  }
});
