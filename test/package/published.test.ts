/** What `npm publish` would send, packed, installed in an empty folder and run there. */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { z } from 'zod';
import manifest from '../../package.json' with { type: 'json' };

const repository = path.join(import.meta.dirname, '../..');
const Packed = z.tuple([z.object({ filename: z.string(), files: z.array(z.object({ path: z.string() })) })]);

let folder = '';
let files: readonly string[] = [];

before(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'mini-dynamo-published-'));
  const packed = run('npm', ['pack', '--json', '--silent', `--pack-destination=${folder}`], repository);
  const [{ filename, files: entries }] = Packed.parse(JSON.parse(packed));
  files = entries.map((entry) => entry.path);
  writeFileSync(path.join(folder, 'package.json'), '{}');
  // The pinned runtime is tested by itself, and is a hundred megabytes.
  const flags = [
    '--omit=optional',
    '--ignore-scripts',
    '--prefer-offline',
    '--no-audit',
    '--no-fund',
    '--silent',
  ];
  run('npm', ['install', ...flags, `./${filename}`], folder);
});
after(() => rmSync(folder, { recursive: true, force: true }));

test('the package holds the compiled program and what it reads, and no source or test', () => {
  for (const file of [
    'bin/mini-dynamo.mjs',
    'bin/runtime.mjs',
    'dist/cli/main.js',
    'dist/cli/seed-worker.js',
    'dist/sim/simulation-api.js',
    'dist/sim/simulation-api.d.ts',
    'nodes.json',
    'LICENSE',
  ]) {
    assert.ok(files.includes(file), `${file} is missing`);
  }
  const allowed =
    /^(bin\/[\w-]+\.mjs|dist\/.+\.(js|d\.ts)|package\.json|nodes\.json|LICENSE|README\.md|CHANGELOG\.md)$/;
  assert.deepEqual(
    files.filter((file) => !allowed.test(file)),
    [],
  );
  assert.deepEqual(
    files.filter((file) => /\.test\.|contract/.test(file)),
    [],
  );
});

test('the installed package prints its version and its help', () => {
  const command = path.join(folder, 'node_modules/.bin/mini-dynamo');
  assert.equal(run(command, ['--version'], folder).trim(), manifest.version);
  const help = run(command, ['--help'], folder);
  for (const name of [
    'serve',
    'up',
    'down',
    'ps',
    'logs',
    'kill',
    'start',
    'put',
    'get',
    'delete',
    'health',
    'status',
    'simulate',
  ]) {
    assert.match(help, new RegExp(`^ +${name}\\b`, 'm'));
  }
});

test('the installed package simulates seeds, in threads, and tells their traces', () => {
  const command = path.join(folder, 'node_modules/.bin/mini-dynamo');
  assert.match(
    run(command, ['simulate', '--seed', '1', '--seeds', '4', '--twice', '--jobs', '2'], folder),
    /^✔ no promise broken in 4 seeds; 4 run twice with the same trace/,
  );
});

test('an application that installed the package tests itself against a simulated cluster', () => {
  const source = `
    import { simulate, type SimulatedWrite } from 'mini-dynamo/simulation';
    const { result } = await simulate(7, { nodes: 3 }, async (cluster): Promise<string | undefined> => {
      const client = cluster.client();
      const write: SimulatedWrite = await client.put('cart', 'one apple');
      cluster.losePower();
      await cluster.restart();
      await cluster.untilHealthy();
      return write.kind === 'stored' ? (await client.get('cart')).text : write.code;
    });
    console.log(result);
  `;
  writeFileSync(path.join(folder, 'application.mts'), source);
  const options = [
    '--noEmit',
    '--strict',
    '--module',
    'nodenext',
    '--target',
    'es2024',
    '--lib',
    'es2024,dom',
  ];
  const compiler = path.join(repository, 'node_modules/.bin/tsc');
  run(compiler, ['--ignoreConfig', ...options, '--types', '', 'application.mts'], folder);
  assert.equal(run(process.execPath, ['application.mts'], folder), 'one apple\n');
});

function run(program: string, argv: readonly string[], cwd: string): string {
  const { status, stdout, stderr, error } = spawnSync(program, argv, {
    cwd,
    encoding: 'utf8',
    shell: process.platform === 'win32',
  });
  assert.equal(status, 0, `${program} ${argv.join(' ')}: ${String(error ?? '')}\n${stdout}${stderr}`);
  return stdout;
}
