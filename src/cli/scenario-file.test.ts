import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { inMacrotask } from '../sim/drain.ts';
import { judgeSeed, planOfSeed } from '../sim/seed-verdict.ts';
import type { SwarmPlan } from '../sim/swarm-plan.ts';
import { formatScenario, parseScenario } from './scenario-file.ts';

const plan = planOfSeed(3);

function refusalOf(change: (plan: SwarmPlan) => unknown): string {
  const text = JSON.stringify({ seed: 3, plan: change(plan) });
  try {
    parseScenario(text, 'plan.json');
  } catch (error) {
    assert.ok(error instanceof Error);
    return error.message;
  }
  return '';
}

describe('a scenario file', () => {
  test('holds any plan that a seed draws, and gives it back as it was', () => {
    for (let seed = 1; seed <= 200; seed++) {
      const scenario = { seed, plan: planOfSeed(seed) };
      assert.deepEqual(parseScenario(formatScenario(scenario), 'plan.json'), scenario);
    }
  });

  test('runs as its seed does', async () => {
    const { seed, plan: read } = parseScenario(formatScenario({ seed: 3, plan }), 'plan.json');
    const drawn = await inMacrotask(() => judgeSeed(3));
    const given = await inMacrotask(() => judgeSeed(seed, { plan: read }));
    assert.equal(given.traceHash, drawn.traceHash);
  });

  test('a problem names the file, the field, its value and what is allowed', () => {
    assert.equal(
      refusalOf((plan) => ({ ...plan, nodes: 0 })),
      'plan.json: plan.nodes is 0, but must be an integer from 1 to 9',
    );
    assert.match(
      refusalOf((plan) => ({ ...plan, faults: { kils: true } })),
      /^plan\.json: plan\.faults\.kils is not a setting here; allowed are kills, powerLosses, /,
    );
    assert.match(
      refusalOf((plan) => ({ ...plan, workload: undefined })),
      /^plan\.json: plan\.workload is missing; it must be an object with clients, /,
    );
    assert.match(
      refusalOf((plan) => ({ ...plan, partitions: 3 })),
      /partitions is 3, but must be a power of two/,
    );
    assert.throws(() => parseScenario('{', 'plan.json'), /^StoreError: plan\.json is not JSON/);
    assert.throws(() => parseScenario('7', 'plan.json'), /plan\.json: the file is 7, but must be an object/);
  });

  test('fields that contradict each other are refused', () => {
    const withQuorum = (n: number, r: number, w: number): string =>
      refusalOf((plan) => ({ ...plan, nodes: 3, quorum: { n, r, w } }));
    assert.equal(withQuorum(3, 2, 2), '');
    assert.match(withQuorum(4, 4, 4), /n is 4, but there are 3 nodes/);
    assert.match(withQuorum(3, 1, 2), /r \+ w is 3, but must be above n, which is 3/);
    assert.match(withQuorum(2, 3, 2), /must not be above n, which is 2/);
  });

  test('a kind of fault that is missing is off', () => {
    const read = parseScenario(JSON.stringify({ seed: 1, plan: { ...plan, faults: {} } }), 'plan.json');
    assert.deepEqual([...new Set(Object.values(read.plan.faults))], [false]);
  });
});
