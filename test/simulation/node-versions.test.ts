/**
 * One seed is one history on every supported Node, and on one core as on two.
 *
 * The oldest supported version comes from the registry, pinned, into a folder of its own. Where the registry can't be
 * reached, or has no such package for this machine, the comparison is skipped and says why.
 */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test, type TestContext } from 'node:test';
import { runtimePackages } from '../../bin/runtime.mjs';

const repository = path.join(import.meta.dirname, '../..');
const oldestVersion = '24.21.0';
const installMsMax = 120_000;
const seeds = 20;

let folder = '';
before(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'mini-dynamo-node-24-'));
});
after(() => rmSync(folder, { recursive: true, force: true }));

test('all traces together have the same hash on the oldest supported Node, on one core and on two', (context) => {
  const two = digestUnder(process.execPath, 2);
  assert.equal(digestUnder(process.execPath, 1), two, 'on one core');
  const oldest = oldestNode(context);
  if (oldest !== undefined) assert.equal(digestUnder(oldest, 1), two, `on Node ${oldestVersion}`);
});

/** Runs the seeds under a runtime; the digest over all their traces. */
function digestUnder(executable: string, jobs: number): string {
  const program = path.join(repository, 'bin/mini-dynamo.mjs');
  const options = ['simulate', '--seed', '1', '--seeds', String(seeds), '--jobs', String(jobs)];
  const { stdout, stderr, status } = spawnSync(executable, [program, ...options], { encoding: 'utf8' });
  assert.equal(status, 0, stderr);
  return /all traces together ([0-9a-f]{16})/.exec(stdout)?.[1] ?? assert.fail(stdout);
}

/** The oldest supported Node, installed beside; undefined, with the reason told, where there is none. */
function oldestNode(context: TestContext): string | undefined {
  const name = runtimePackages[`${process.platform}-${process.arch}`];
  if (name === undefined) {
    context.skip(`no Node ${oldestVersion} in the registry for ${process.platform}-${process.arch}`);
    return undefined;
  }
  const options = ['install', '--no-save', '--ignore-scripts', '--no-audit', '--no-fund', '--prefix', folder];
  const { status, stderr } = spawnSync('npm', [...options, `${name}@${oldestVersion}`], {
    encoding: 'utf8',
    timeout: installMsMax,
    shell: process.platform === 'win32',
  });
  const executable = path.join(folder, 'node_modules', name, 'bin/node');
  if (status === 0 && existsSync(executable)) return executable;
  const reason = stderr.split('\n').findLast((line) => line.startsWith('npm error')) ?? 'no answer in time';
  context.skip(`Node ${oldestVersion} can not be installed: ${reason}`);
  return undefined;
}
