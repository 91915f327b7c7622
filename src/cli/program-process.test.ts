import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';

import { heapFlags, heapGrowthFlag } from './program-process.ts';

test('this runtime knows the flags that a node is started with', () => {
  const known = execFileSync(process.execPath, ['--v8-options'], { encoding: 'utf8', maxBuffer: 4 << 20 });
  for (const flag of [...heapFlags, heapGrowthFlag]) {
    assert.ok(known.includes(flag.slice(0, flag.indexOf('='))), flag);
  }
});
