/** The failure stories of the Go demo, as `mini-dynamo demo` tells them, and one without hints. */

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { runCommand } from './run-command.ts';

test('demo tells its five stories without a failed step', async () => {
  const { code, stdout, stderr } = await runCommand(['demo']);
  assert.equal(code, 0, `${stdout}${stderr}`);
  assert.equal(stdout.match(/^\d\. /gm)?.length, 5);
  assert.doesNotMatch(stdout, /✘/);
  assert.match(stdout, /All \d+ steps passed\.\n$/);
});
