/** The command from outside, on a plan that can not be served: each node takes all others for dead. */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';

import { planOfSeed } from '../sim/seed-verdict.ts';
import { noFaults } from '../sim/swarm-plan.ts';
import { formatScenario, parseScenario } from './scenario-file.ts';

const program = path.join(import.meta.dirname, '../../bin/mini-dynamo.mjs');
let folder = '';

function simulate(...options: string[]): {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
} {
  return spawnSync(process.execPath, [program, 'simulate', ...options], {
    encoding: 'utf8',
    cwd: folder,
    timeout: 120_000,
  });
}

before(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'mini-dynamo-simulate-'));
  const drawn = planOfSeed(14);
  const plan = {
    ...drawn,
    nodes: 3,
    quorum: { n: 3, r: 2, w: 2 },
    frailNodes: 0,
    faults: noFaults,
    timing: { ...drawn.timing, heartbeatMs: 3_600_000, peerDownAfterMs: 1 },
    workload: { ...drawn.workload, clients: 2, operationsPerClient: 10, keys: 2 },
  };
  writeFileSync(path.join(folder, 'deaf.json'), formatScenario({ seed: 14, plan }));
});
after(() => rmSync(folder, { recursive: true, force: true }));

describe('mini-dynamo simulate', () => {
  test('a broken promise ends it with 1, the seed, the story and the command to run it again', () => {
    const failed = simulate('--scenario', 'deaf.json', '--seeds', '2', '--jobs', '2');
    assert.equal(failed.status, 1, failed.stderr);
    assert.equal(failed.stdout, '');
    const [, seed = '', promise = ''] =
      /✘ seed (\d+) under deaf\.json breaks ([a-z-]+)/.exec(failed.stderr) ?? [];
    assert.ok(promise !== '', failed.stderr);
    const story = /The story of (key-\d), its last 150 lines:\n +\d+\.\d{3} ms /.exec(failed.stderr);
    const key = story?.[1] ?? '';
    const again = `simulate --seed ${seed} --scenario deaf.json --key ${key}`;
    assert.ok(
      failed.stderr.includes(`Run it again:     npx mini-dynamo ${again}\n`),
      failed.stderr.slice(-900),
    );
    assert.match(failed.stderr, new RegExp(`\\nseed ${seed} broke a promise\\.\\n$`));

    const alone = simulate(...again.split(' ').slice(1), '--jobs', '1');
    assert.equal(alone.status, 1);
    const verdictOf = (text: string): string | undefined => /✘ seed .*/.exec(text)?.[0];
    assert.equal(verdictOf(alone.stderr), verdictOf(failed.stderr), 'with one thread or two');
  });

  test('--shrink writes a smaller scenario that fails by itself', () => {
    const shrunk = simulate(
      '--scenario',
      'deaf.json',
      '--seeds',
      '4',
      '--jobs',
      '1',
      '--shrink',
      'small.json',
    );
    assert.equal(shrunk.status, 1);
    assert.match(shrunk.stderr, /reductions still fail.*\nRun it: .*simulate --scenario small\.json\n/);
    const { plan, why } = parseScenario(readFileSync(path.join(folder, 'small.json'), 'utf8'), 'small.json');
    assert.match(why ?? '', /^breaks [a-z-]+$/);
    assert.deepEqual([plan.workload.operationsPerClient, plan.workload.clients], [1, 1]);
    assert.deepEqual([...new Set(Object.values(plan.faults))], [false]);
    assert.equal(simulate('--scenario', 'small.json').status, 1);
  });

  test('a printed scenario is what its seed draws, and can be traced', () => {
    const printed = simulate('--seed', '3', '--print');
    assert.deepEqual(parseScenario(printed.stdout, 'stdout'), { seed: 3, plan: planOfSeed(3) });
    const files = ['--trace', 'run.jsonl', '--history', 'run.json'];
    const traced = simulate('--seed', '3', ...files);
    assert.equal(traced.status, 0, traced.stderr);
    assert.match(traced.stdout, /^✔ no promise broken in 1 seed; .* all traces together [0-9a-f]{16}\n$/);
    const lines = readFileSync(path.join(folder, 'run.jsonl'), 'utf8').trimEnd().split('\n');
    assert.ok(traced.stderr.includes(`${lines.length} events in run.jsonl`));
    assert.ok(lines.every((line) => line.startsWith('{"micros":')));
    assert.match(readFileSync(path.join(folder, 'run.json'), 'utf8'), /^\{"format":"mini-dynamo-history"/);
  });

  test('what is asked wrongly ends it with 2 and runs nothing', () => {
    for (const [options, message] of [
      [['--seeds', '2', '--trace', 'x'], /--trace and --history are for one seed/],
      [['--scenario', 'missing.json'], /missing\.json cannot be read: .*\nPrint one to start from/],
      [['--seed', '4294967295', '--seeds', '2'], /seeds go up to 4294967295/],
    ] as const) {
      const refused = simulate(...options);
      assert.equal(refused.status, 2);
      assert.match(refused.stderr, message);
    }
  });
});
