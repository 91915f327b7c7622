/**
 * The full bar: `node test/e2e/kill-all.ts --rounds 20`. Each round kills all three nodes under 64
 * connections of writes, restarts them and reads every acknowledged write back.
 */

import { parseArgs } from 'node:util';

import { killAllRounds } from './kill-all-rounds.ts';

const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '20' }, engine: { type: 'string', default: 'log' } },
});
const rounds = Number(values.rounds);
if (!Number.isInteger(rounds) || rounds < 1) throw new Error('--rounds must be a whole number above 0');

const reports = await killAllRounds({
  rounds,
  settings: { engine: values.engine },
  onRound: ({ round, killedAfterMs, acknowledged, unknown, restartMs }) =>
    console.log(
      `round ${round}: killed after ${killedAfterMs} ms, ${acknowledged} acknowledged and all read back, ` +
        `${unknown} unknown, ready again after ${restartMs} ms`,
    ),
});
const total = reports.reduce((sum, report) => sum + report.acknowledged, 0);
console.log(`${rounds} rounds, ${total} acknowledged writes, none lost`);
