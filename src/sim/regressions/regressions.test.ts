/**
 * Scenarios that once broke a promise, each with its seed and some more: see README.md.
 */

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, test } from 'node:test';
import { parseScenario } from '../../cli/scenario-file.ts';
import { inMacrotask } from '../drain.ts';
import { judgeSeed } from '../seed-verdict.ts';

const seedsEach = 40;
const folder = import.meta.dirname;
const files = readdirSync(folder).filter((name) => name.endsWith('.json'));

describe('what the simulator once found stays fixed', () => {
  test('every scenario is listed with its reason', () => {
    const list = readFileSync(path.join(folder, 'README.md'), 'utf8');
    assert.deepEqual(
      Array.from(list.matchAll(/^\| `([\w-]+\.json)`/gm), ([, name]) => name),
      files,
    );
  });

  for (const file of files) {
    const { why, seed, plan } = parseScenario(readFileSync(path.join(folder, file), 'utf8'), file);
    test(`${file}: ${why}`, async () => {
      assert.ok((why ?? '').length > 20, 'a scenario says why it is kept');
      let writes = 0;
      for (let next = seed; next < seed + seedsEach; next++) {
        const { broken, acknowledged } = await inMacrotask(() => judgeSeed(next, { plan }));
        assert.deepEqual(broken, [], `npx mini-dynamo simulate --scenario ${file} --seed ${next}`);
        writes += acknowledged;
      }
      assert.ok(writes > 0, 'nothing was written');
    });
  }
});
