import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ordinaryPlan } from '../ordinary-plan.ts';
import { noFaults, type SwarmPlan } from '../swarm-plan.ts';
import { restartsAreLetIn } from './restarts-are-let-in.ts';

const plan: SwarmPlan = { ...ordinaryPlan, durability: { mode: 'always' }, frailNodes: 0, faults: noFaults };

test('restarts-are-let-in finds a node that was refused although its disk had kept all', () => {
  assert.deepEqual(restartsAreLetIn({ plan, doubted: 0 }), []);
  assert.match(restartsAreLetIn({ plan, doubted: 2 })[0]?.message ?? '', /refused 2 starts/);
});

test('restarts-are-let-in says nothing where a disk may lack what peers heard of', () => {
  for (const changes of [
    { durability: { mode: 'never' } },
    { durability: { mode: 'interval', intervalMs: 20 } },
    { frailNodes: 1, faults: { ...noFaults, oldDisks: true } },
  ] as const) {
    assert.deepEqual(restartsAreLetIn({ plan: { ...plan, ...changes }, doubted: 2 }), []);
  }
});
