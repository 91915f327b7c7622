/** Promise 1: an acknowledged write survives the death of every node. The full bar is `test/e2e/kill-all.ts`. */

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { killAllRounds } from './kill-all-rounds.ts';

const rounds = Number(process.env['KILL_ALL_ROUNDS'] ?? 3);

test(`no acknowledged write is lost when all nodes are killed ${rounds} times under load`, async () => {
  const reports = await killAllRounds({ rounds });
  assert.equal(reports.length, rounds);
  for (const { round, acknowledged } of reports) {
    assert.ok(
      acknowledged > 100,
      `round ${round} acknowledged only ${acknowledged} writes: no load, no test`,
    );
  }
});

test('nor with the second storage engine', async () => {
  const [report] = await killAllRounds({ rounds: 1, settings: { engine: 'classic-level' } });
  assert.ok(report !== undefined && report.acknowledged > 100);
});
