/**
 * The command on a Node that is too old: it goes on under the pinned runtime, or says what to do.
 *
 * The main program is replaced by one that tells what it was given. "Too old" is the machine's own Node where
 * the search path has one, and always a current one that claims to be old.
 */

import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { isSupported, nodeMajorMin, pinnedRuntime, runtimePackages } from '../../bin/runtime.mjs';
import manifest from '../../package.json' with { type: 'json' };

const repository = path.join(import.meta.dirname, '../..');
const claimToBeOld = `Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '20.19.0' } })`;

/** How to start an old Node. */
interface OldNode {
  readonly title: string;
  readonly argv: readonly [string, ...string[]];
}

const oldNodes: readonly OldNode[] = [
  {
    title: 'a Node that claims to be 20.19.0',
    argv: [process.execPath, `--import=data:text/javascript,${encodeURIComponent(claimToBeOld)}`],
  },
  ...machineNodes(),
];

const mainProgram = `
if (process.argv.includes('--fail')) process.exitCode = 7;
if (process.argv.includes('--wait')) {
  process.on('SIGTERM', () => { console.log('stopped cleanly'); process.exit(0); });
  setTimeout(() => { console.log('heard nothing'); process.exit(9); }, 10_000);
}
console.log(JSON.stringify({ node: process.versions.node, given: process.argv.slice(2) }));
`;

let folder = '';
before(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'mini-dynamo-runtime-'));
  for (const name of ['with', 'without']) {
    cpSync(path.join(repository, 'bin'), path.join(folder, name, 'bin'), { recursive: true });
    mkdirSync(path.join(folder, name, 'src/cli'), { recursive: true });
    writeFileSync(path.join(folder, name, 'src/cli/main.ts'), mainProgram);
    writeFileSync(path.join(folder, name, 'package.json'), '{"type":"module"}');
  }
  symlinkSync(path.join(repository, 'node_modules'), path.join(folder, 'with/node_modules'), 'junction');
});
after(() => rmSync(folder, { recursive: true, force: true }));

const command = (name: 'with' | 'without'): string => path.join(folder, name, 'bin/mini-dynamo.mjs');

for (const { title, argv } of oldNodes) {
  const [executable, ...options] = argv;

  describe(
    title,
    { skip: pinnedVersion() !== undefined ? false : 'no pinned runtime for this platform' },
    () => {
      test('goes on under the pinned runtime with the same arguments', () => {
        const result = spawnSync(executable, [...options, command('with'), 'put', 'a key', 'ü'], {
          encoding: 'utf8',
        });
        assert.equal(result.status, 0, result.stderr);
        const told: unknown = JSON.parse(result.stdout);
        assert.deepEqual(told, { node: pinnedVersion(), given: ['put', 'a key', 'ü'] });
      });

      test('hands the exit status back', () => {
        assert.equal(spawnSync(executable, [...options, command('with'), '--fail']).status, 7);
      });

      test('hands signals on, and waits for what the program makes of them', async () => {
        const child = spawn(executable, [...options, command('with'), '--wait'], {
          stdio: ['ignore', 'pipe', 'inherit'],
        });
        let output = '';
        child.stdout.setEncoding('utf8').on('data', (text: string) => {
          output += text;
          if (text.includes('given')) child.kill('SIGTERM');
        });
        const [status] = (await once(child, 'close')) as [number | null];
        assert.match(output, /stopped cleanly/);
        assert.equal(status, 0);
      });
    },
  );

  test(`${title}, without the pinned runtime: says what is needed and what to do`, () => {
    const result = spawnSync(executable, [...options, command('without')], { encoding: 'utf8' });
    assert.equal(result.status, 1);
    assert.match(result.stderr, /mini-dynamo needs Node 24 or newer; this is Node /);
    assert.match(result.stderr, /npm ci/);
    assert.equal(result.stdout, '');
  });
}

test('a Node that is new enough runs the program itself', () => {
  const result = spawnSync(process.execPath, [command('without'), 'ps'], { encoding: 'utf8' });
  const told: unknown = JSON.parse(result.stdout);
  assert.deepEqual(told, { node: process.versions.node, given: ['ps'] });
});

test(
  'the link that npm 10 removes is restored, and leads to the pinned runtime',
  { skip: pinnedVersion() === undefined ? 'no pinned runtime for this platform' : false },
  () => {
    const checkout = path.join(folder, 'checkout');
    for (const name of ['bin', 'scripts']) {
      cpSync(path.join(repository, name), path.join(checkout, name), { recursive: true });
    }
    mkdirSync(path.join(checkout, 'node_modules'));
    for (const name of Object.values(runtimePackages)) {
      const installed = path.join(repository, 'node_modules', name);
      if (existsSync(installed))
        symlinkSync(installed, path.join(checkout, 'node_modules', name), 'junction');
    }
    for (const attempt of ['first', 'second']) {
      const result = spawnSync(process.execPath, ['scripts/link-runtime.mjs'], {
        cwd: checkout,
        encoding: 'utf8',
      });
      assert.equal(result.status, 0, `${attempt}: ${result.stderr}`);
    }
    const linked = spawnSync('node', ['-p', 'process.versions.node'], {
      cwd: checkout,
      encoding: 'utf8',
      env: { ...process.env, PATH: path.join(checkout, 'node_modules/.bin') },
      shell: process.platform === 'win32',
    });
    assert.equal(linked.stdout.trim(), pinnedVersion());
  },
);

test('the oldest Node is the same in package.json and in the check', () => {
  assert.equal(manifest.engines.node, `>=${nodeMajorMin}`);
  assert.ok(!isSupported('22.21.1'));
  assert.ok(isSupported('24.0.0'));
  assert.ok(isSupported('100.1.0'));
});

test('the runtime packages are those of optionalDependencies', () => {
  assert.deepEqual(
    new Set(Object.values(runtimePackages)),
    new Set(Object.keys(manifest.optionalDependencies)),
  );
});

/** Undefined where there is none for this platform. */
function pinnedVersion(): string | undefined {
  const executable = pinnedRuntime();
  if (executable === undefined) return undefined;
  return spawnSync(executable, ['-p', 'process.versions.node'], { encoding: 'utf8' }).stdout.trim();
}

/** The first old Node on the search path, as on a machine where npm's folder does not come first. */
function machineNodes(): OldNode[] {
  for (const directory of (process.env['PATH'] ?? '').split(path.delimiter)) {
    const executable = path.join(directory, 'node');
    if (!existsSync(executable)) continue;
    const { stdout } = spawnSync(executable, ['-p', 'process.versions.node'], { encoding: 'utf8' });
    const version = stdout.trim();
    if (version !== '' && !isSupported(version)) {
      return [{ title: `Node ${version} of this machine`, argv: [executable] }];
    }
  }
  return [];
}
