import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { planOfSeed } from './seed-verdict.ts';
import { reductionsOf, shrinkPlan, type ShrunkPlan } from './shrink-plan.ts';
import type { SwarmPlan } from './swarm-plan.ts';

const never = (): boolean => false;

/** Shrinks a plan under a rule in place of runs: which plans fail. */
function shrinkWhile(plan: SwarmPlan, fails: (plan: SwarmPlan) => boolean): Promise<ShrunkPlan> {
  return shrinkPlan({
    plan,
    seed: 7,
    failingSeed: (smaller, seed) => Promise.resolve(fails(smaller) ? seed + 1 : undefined),
    isOver: never,
  });
}

describe('shrinkPlan', () => {
  test('what the failure needs is left, and nothing else', async () => {
    const drawn = planOfSeed(14);
    const faults = { ...drawn.faults, kills: true, resets: true, pauses: true };
    const plan = { ...drawn, nodes: 5, faults, workload: { ...drawn.workload, keys: 30 } };
    const shrunk = await shrinkWhile(
      plan,
      ({ nodes, faults, workload }) => nodes >= 2 && faults.kills && faults.resets && workload.keys >= 2,
    );
    const on = Object.entries(shrunk.plan.faults).filter(([, isOn]) => isOn);
    assert.deepEqual(
      on.map(([kind]) => kind),
      ['kills', 'resets'],
    );
    const { nodes, workload } = shrunk.plan;
    assert.deepEqual([nodes, workload.keys, workload.clients, workload.operationsPerClient], [2, 2, 1, 1]);
    assert.equal(shrunk.seed, 7 + shrunk.kept, 'the seed that failed last');
  });

  test('every reduction of any plan is smaller: shrinking comes to an end', async () => {
    for (let seed = 1; seed <= 50; seed++) {
      const shrunk = await shrinkWhile(planOfSeed(seed), () => true);
      assert.deepEqual(reductionsOf(shrunk.plan), []);
      assert.ok(shrunk.tried < 200);
    }
  });

  test('quorums go on to overlap with fewer nodes', () => {
    for (let seed = 1; seed <= 50; seed++) {
      for (const { plan } of reductionsOf(planOfSeed(seed))) {
        const { n, r, w } = plan.quorum;
        assert.ok(n <= plan.nodes && r <= n && w <= n && r + w > n);
      }
    }
  });

  test('a plan of which nothing can be spared stays as it is, also when time is up', async () => {
    const plan = planOfSeed(14);
    const kept = await shrinkWhile(plan, never);
    assert.deepEqual([kept.plan, kept.seed], [plan, 7]);
    const failingSeed = (_: SwarmPlan, seed: number): Promise<number> => Promise.resolve(seed);
    const late = await shrinkPlan({ plan, seed: 7, failingSeed, isOver: () => true });
    assert.deepEqual(late, { plan, seed: 7, tried: 0, kept: 0 });
  });
});
