/**
 * Plans in which disks keep less than the ordinary ones: what is promised then holds, and the checkers notice when
 * more is lost than the plan admits.
 */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { BrokenPromise } from '../checkers/broken-promise.ts';
import { inMacrotask } from '../drain.ts';
import { History } from '../history.ts';
import { ordinaryPlan } from '../ordinary-plan.ts';
import { judgeSeed, logStoreOf } from '../seed-verdict.ts';
import { simulate } from '../simulation.ts';
import { noFaults, type SwarmPlan } from '../swarm-plan.ts';
import { durableWrites } from './durable-writes.ts';

const seeds = 6;
const plan: SwarmPlan = {
  ...ordinaryPlan,
  nodes: 3,
  faults: { ...noFaults, powerLossesOfAll: true, tornWrites: true },
  faultPauseMicros: 1_000_000,
  workload: { ...ordinaryPlan.workload, clients: 4, operationsPerClient: 60, pauseMicrosMax: 500_000 },
};

/** What some seeds of a plan break, on stores that follow another. */
async function brokenBy(claimed: SwarmPlan, actual = claimed): Promise<readonly BrokenPromise[]> {
  const broken: BrokenPromise[] = [];
  for (let seed = 1; seed <= seeds; seed++) {
    const run = (): readonly BrokenPromise[] =>
      simulate({ seed }, (world) => durableWrites(world, claimed, logStoreOf(actual), new History())).result
        .broken;
    broken.push(...(await inMacrotask(run)));
  }
  return broken;
}

function promisesOf(broken: readonly BrokenPromise[]): string[] {
  return [...new Set(broken.map(({ promise }) => promise))];
}

describe('a durability level', () => {
  test('of interval or never loses what it admits and no more', async () => {
    const interval = { ...plan, durability: { mode: 'interval', intervalMs: 200 } } as const;
    assert.deepEqual(await brokenBy(interval), []);
    assert.deepEqual(await brokenBy({ ...plan, durability: { mode: 'never' } }), []);
  });

  test('that is weaker than claimed loses acknowledged writes, which is found', async () => {
    const broken = await brokenBy(plan, { ...plan, durability: { mode: 'never' } });
    assert.ok(promisesOf(broken).includes('acknowledged-writes-survive'), promisesOf(broken).join());
  });

  test('that syncs later than its interval is found', async () => {
    const claimed = { ...plan, durability: { mode: 'interval', intervalMs: 20 } } as const;
    const broken = await brokenBy(claimed, { ...plan, durability: { mode: 'interval', intervalMs: 2_000 } });
    assert.deepEqual(promisesOf(broken), ['losses-stay-within-the-level']);
  });
});

describe('a disk that lies about its syncs', () => {
  const lying: SwarmPlan = {
    ...plan,
    frailNodes: 1,
    faults: { ...plan.faults, lyingSyncs: true },
  };

  test('costs no promise while fewer than W nodes have one', async () => {
    for (let seed = 1; seed <= seeds; seed++) {
      const { broken } = await inMacrotask(() => judgeSeed(seed, { plan: lying }));
      assert.deepEqual(broken, [], `seed ${seed}`);
    }
  });

  test('costs acknowledged writes where all nodes have one, which is found', async () => {
    const broken = await brokenBy({ ...lying, frailNodes: 3 });
    assert.ok(promisesOf(broken).includes('acknowledged-writes-survive'), promisesOf(broken).join());
  });
});
