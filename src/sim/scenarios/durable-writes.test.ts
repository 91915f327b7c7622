/**
 * The swarm, at the size of a test run; `npm run sim` runs more of it.
 */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { inMacrotask } from '../drain.ts';
import { Narrator } from '../narrator.ts';
import { judgeSeed } from '../seed-verdict.ts';
import { Sometimes } from '../sometimes.ts';
import { rarePaths } from './durable-writes.ts';

const seeds = 100;
const seedsPerTest = 25;

async function assertClean(seed: number, sometimes: Sometimes): Promise<string> {
  const verdict = await inMacrotask(() => judgeSeed(seed));
  sometimes.addAll(verdict.sometimes);
  const first = verdict.broken[0];
  assert.equal(
    first,
    undefined,
    `seed ${seed} breaks ${first?.promise} for ${first?.key}: ${first?.message}\n` +
      `its story: npm run sim -- --seeds 1 --from ${seed}`,
  );
  return verdict.traceHash;
}

describe('durable writes', () => {
  const sometimes = new Sometimes();

  for (let from = 1; from <= seeds; from += seedsPerTest) {
    test(`seeds ${from} to ${from + seedsPerTest - 1} break no promise`, async () => {
      for (let seed = from; seed < from + seedsPerTest; seed++) await assertClean(seed, sometimes);
    });
  }

  test('the faults led through every rare path', () => {
    assert.deepEqual(
      rarePaths.filter((name) => sometimes.read(name) === 0),
      [],
    );
  });

  test('one seed is one history, whether or not somebody listens', async () => {
    for (const seed of [3, 14, 159]) {
      const first = await assertClean(seed, new Sometimes());
      assert.equal(await assertClean(seed, new Sometimes()), first);
      const narrator = new Narrator(new TextEncoder().encode('key-0'));
      const told = await inMacrotask(() => judgeSeed(seed, { narrator }));
      assert.equal(told.traceHash, first);
      assert.ok(narrator.lines.length > 20);
    }
  });
});
