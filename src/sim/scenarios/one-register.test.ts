/**
 * Which level a key keeps to, by how its clients write; and that the checker sees when it does not.
 */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { byKey } from '../checkers/broken-promise.ts';
import { keysAreRegisters } from '../checkers/keys-are-registers.ts';
import { readsNeverGoBack } from '../checkers/reads-never-go-back.ts';
import { inMacrotask } from '../drain.ts';
import type { Operation } from '../history.ts';
import { KeyRegister } from '../linearizability/key-register.ts';
import { logStoreOf, planOfSeed } from '../seed-verdict.ts';
import { simulate } from '../simulation.ts';
import type { SwarmPlan } from '../swarm-plan.ts';
import { oneRegister, withStrictQuorums, withTrueClocks, type WriteDiscipline } from './one-register.ts';

const seeds = 20;

async function historyOf(
  seed: number,
  plan: SwarmPlan,
  discipline: WriteDiscipline,
): Promise<readonly Operation[]> {
  const openStore = logStoreOf(plan);
  const run = (): readonly Operation[] =>
    simulate({ seed }, (world) => oneRegister(world, { plan, discipline, openStore })).result;
  return await inMacrotask(run);
}

function strictPlan(seed: number): SwarmPlan {
  return withStrictQuorums(planOfSeed(seed, 'durable-writes'));
}

async function assertLinearizable(discipline: WriteDiscipline): Promise<void> {
  for (let seed = 1; seed <= seeds; seed++) {
    const history = await historyOf(seed, strictPlan(seed), discipline);
    assert.deepEqual(keysAreRegisters({ history, stampsFollowTime: true }), [], `seed ${seed}`);
  }
}

describe('a key under strict quorums', () => {
  test('is a linearizable register when writers hand on the newest version they were shown', () =>
    assertLinearizable('hand-on'));

  test('is a linearizable register when all its writes go through one coordinator', () =>
    assertLinearizable('one-coordinator'));

  test('is weaker without such discipline: writes are ordered by their stamps, and reads never go back', async () => {
    const overtaken: number[] = [];
    for (let seed = 1; seed <= seeds; seed++) {
      const history = await historyOf(seed, strictPlan(seed), 'anywhere');
      assert.deepEqual(keysAreRegisters({ history, stampsFollowTime: false }), [], `seed ${seed}`);
      assert.deepEqual(readsNeverGoBack({ history, readQuorumsMeet: true }), [], `seed ${seed}`);
      if (keysAreRegisters({ history, stampsFollowTime: true }).length > 0) overtaken.push(seed);
    }
    assert.ok(overtaken.length > 0, 'some seed has to show that the stronger promise would be broken');
  });

  test('has no write overtaken by more than the tick of a millisecond while all clocks show true time', async () => {
    for (let seed = 1; seed <= seeds; seed++) {
      const history = await historyOf(seed, withTrueClocks(strictPlan(seed)), 'anywhere');
      for (const operations of byKey(history).values()) {
        for (const { dot, by } of new KeyRegister(operations).overtakenWrites()) {
          assert.ok(by.dot.wallMs - dot.wallMs <= 1, `seed ${seed}`);
        }
      }
    }
  });

  test('is read without going back only where two read quorums meet: at R = 1 an old version comes back', async () => {
    const wentBack: number[] = [];
    for (let seed = 1; seed <= seeds / 2; seed++) {
      const plan = strictPlan(seed);
      const { n } = plan.quorum;
      const history = await historyOf(seed, { ...plan, quorum: { n, r: 1, w: n } }, 'hand-on');
      assert.deepEqual(readsNeverGoBack({ history, readQuorumsMeet: false }), [], `seed ${seed}`);
      if (keysAreRegisters({ history, stampsFollowTime: true }).length > 0) wentBack.push(seed);
    }
    assert.ok(wentBack.length > 0, 'some seed has to show that the stronger promise would be broken');
  });
});
