/**
 * The layer rules of oxlint.config.ts, tested by breaking them.
 *
 * Every case is a small file planted in an empty copy of the layout. One run of the linter over all of them
 * has to report each violation under its rule, and nothing of the kind in the legal files.
 */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { z } from 'zod';

const repository = path.join(import.meta.dirname, '../..');

/** Bottom first; the same list as in docs/architecture.md. */
const layers = ['core', 'protocol', 'ports', 'storage', 'replica', 'frontends', 'platform', 'sim', 'cli'];
const portable = ['core', 'protocol', 'ports', 'storage', 'replica', 'sim'];
const touchingTheMachine = ['frontends', 'platform', 'cli'];

const mayImport = (layer: string, other: string): boolean =>
  layers.indexOf(other) <= layers.indexOf(layer) && !(layer === 'sim' && other === 'platform');

/** What a planted file holds, and the rule that has to catch it; `undefined` where it is legal. */
interface Plant {
  readonly title: string;
  readonly folder: string;
  readonly source: string;
  readonly rule: string | undefined;
  readonly fileName?: string;
}

const imports = 'eslint(no-restricted-imports)';
const globals = 'eslint(no-restricted-globals)';
const properties = 'eslint(no-restricted-properties)';

const plants: readonly Plant[] = [
  ...layers.flatMap((layer) =>
    layers.map((other) => ({
      title: mayImport(layer, other) ? `${layer} may import ${other}` : `${layer} may not import ${other}`,
      folder: layer,
      source: `export { x } from '../${other}/x.ts';`,
      rule: mayImport(layer, other) ? undefined : imports,
    })),
  ),
  ...[
    `import { x } from '../sim/x.ts'; export const y = x;`,
    `import type { X } from '../sim/x.ts'; export type Y = X;`,
    `export * from '../sim/x.ts';`,
    `export const y = await import('../sim/x.ts');`,
    `import '../sim/x.ts';`,
  ].map((source) => ({ title: `core may not say ${source}`, folder: 'core', source, rule: imports })),
  {
    title: 'a folder inside a layer obeys the same rules',
    folder: 'core/ring',
    source: `export { x } from '../../replica/x.ts';`,
    rule: imports,
  },
  {
    title: 'a type import in brackets is no way around them',
    folder: 'core',
    source: `export type Y = import('../sim/x.ts').X;`,
    rule: 'typescript(consistent-type-imports)',
  },
  ...portable.flatMap((layer) => [
    ...['node:fs', 'fs', 'zod', 'node:timers/promises'].map((module) => ({
      title: `${layer} may not import ${module}`,
      folder: layer,
      source: `export * from '${module}';`,
      rule: imports,
    })),
    ...[
      'Date.now()',
      'new Date()',
      'performance.now()',
      'setTimeout(() => {}, 1)',
      'setInterval(() => {}, 1)',
      'setImmediate(() => {})',
      'crypto.randomUUID()',
      'process.env',
      'Buffer.alloc(1)',
      'console.log(1)',
      `fetch('http://127.0.0.1')`,
      'globalThis.Date',
    ].map((expression) => ({
      title: `${layer} may not use ${expression}`,
      folder: layer,
      source: `export const y = ${expression};`,
      rule: globals,
    })),
    ...['Math.random()', 'AbortSignal.timeout(1)'].map((expression) => ({
      title: `${layer} may not use ${expression}`,
      folder: layer,
      source: `export const y = ${expression};`,
      rule: properties,
    })),
    {
      title: `${layer} may use Math.max and a clock that it was given`,
      folder: layer,
      source: `export const y = (clock: { wallNow(): number }): number => Math.max(1, clock.wallNow());`,
      rule: undefined,
    },
    {
      title: `a test in ${layer} may import the simulator, the platform and node:test`,
      folder: layer,
      source: `export * from '../sim/x.ts';\nexport * from '../platform/x.ts';\nexport * from 'node:test';`,
      rule: undefined,
      fileName: 'x.test.ts',
    },
  ]),
  ...touchingTheMachine.map((layer) => ({
    title: `${layer} may use node:*, the clock and packages`,
    folder: layer,
    source: `export * from 'node:fs';\nexport * from 'zod';\nexport const y = Date.now() + Math.random();`,
    rule: undefined,
  })),
];

const planted = plants.map((plant, index) => ({
  ...plant,
  file: `src/${plant.folder}/${plant.fileName?.replace(/^x/, `x${index}`) ?? `x${index}.ts`}`,
}));

const Report = z.object({
  diagnostics: z.array(z.object({ code: z.string().optional(), filename: z.string(), message: z.string() })),
});

describe('the layers', () => {
  let folder = '';
  let diagnostics: z.infer<typeof Report>['diagnostics'] = [];

  before(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'mini-dynamo-layers-'));
    copyFileSync(path.join(repository, 'oxlint.config.ts'), path.join(folder, 'oxlint.config.ts'));
    copyFileSync(path.join(repository, 'tsconfig.json'), path.join(folder, 'tsconfig.json'));
    symlinkSync(path.join(repository, 'node_modules'), path.join(folder, 'node_modules'), 'junction');
    for (const { file, source } of planted) {
      mkdirSync(path.join(folder, path.dirname(file)), { recursive: true });
      writeFileSync(path.join(folder, file), `${source}\n`);
    }
    const oxlint = path.join(repository, 'node_modules/oxlint/bin/oxlint');
    const { stdout, stderr } = spawnSync(process.execPath, [oxlint, '--format=json', 'src'], {
      cwd: folder,
      encoding: 'utf8',
    });
    assert.ok(stdout.startsWith('{'), `oxlint printed no report: ${stdout}${stderr}`);
    diagnostics = Report.parse(JSON.parse(stdout)).diagnostics;
  });

  after(() => rmSync(folder, { recursive: true, force: true }));

  for (const { title, file, source, rule } of planted) {
    test(title, () => {
      const reported = diagnostics.filter(({ filename }) => filename === file).map(({ code }) => code ?? '');
      if (rule === undefined) {
        const layerRules = reported.filter((code) => [imports, globals, properties].includes(code));
        assert.deepEqual(layerRules, [], source);
      } else {
        assert.ok(
          reported.includes(rule),
          `${rule} is missing for: ${source}\nreported: ${reported.join(', ')}`,
        );
      }
    });
  }
});
