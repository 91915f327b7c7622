/** The Makefile, package.json and .ci/run say the same: whoever has no make finds everything in npm. */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import manifest from '../../package.json' with { type: 'json' };

const repository = path.join(import.meta.dirname, '../..');
const makefile = readFileSync(path.join(repository, 'Makefile'), 'utf8');
const targets = Array.from(makefile.matchAll(/^([\w%-]+):.*## .+$/gm), ([, name = '']) => name);
const scripts = Object.keys(manifest.scripts);

test('every make target is an npm script of the same name', () => {
  assert.ok(targets.length > 15, `only ${targets.length} targets have a description`);
  const missing = targets.map((target) => target.replace('-%', '')).filter((name) => !scripts.includes(name));
  assert.deepEqual(missing, []);
});

test('help lists every target with both ways to run it', () => {
  const help = spawnSync(process.execPath, ['scripts/help.mjs'], {
    cwd: repository,
    encoding: 'utf8',
  }).stdout;
  for (const target of targets) {
    const name = target.replace('%', 'n2');
    assert.match(help, new RegExp(`make ${name} +npm run ${name.replace('-n2', ' n2')} `));
  }
});

test('continuous integration runs make test and nothing else', () => {
  const lines = readFileSync(path.join(repository, '.ci/run'), 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'));
  assert.deepEqual(lines, ['set -euo pipefail', 'cd "$(dirname "$0")/.."', 'make test']);
});

test('every dependency is pinned to one version', () => {
  const { dependencies, devDependencies, optionalDependencies } = manifest;
  const versions = Object.entries({ ...dependencies, ...devDependencies, ...optionalDependencies });
  assert.deepEqual(
    versions.filter(([, version]) => !/^\d+\.\d+\.\d+$/.test(version)),
    [],
  );
});
