import assert from 'node:assert/strict';
import { test } from 'node:test';

import { expect, Steps } from './steps.ts';

test('each step says how it went, and a failed one why', async () => {
  const lines: string[] = [];
  const steps = new Steps((line) => lines.push(line));
  assert.equal(await steps.step('all is well', () => Promise.resolve()), true);
  const failing = async (): Promise<void> => {
    await Promise.resolve();
    expect(false, 'n2 kept silent\nfor 3 s');
  };
  assert.equal(await steps.step('n2 answers', failing), false);
  assert.deepEqual(lines, ['  ✔ all is well', '  ✘ n2 answers', '      n2 kept silent\n      for 3 s']);
  assert.deepEqual([steps.passed, steps.failed], [1, 1]);
});
