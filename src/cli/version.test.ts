import assert from 'node:assert/strict';
import { test } from 'node:test';

import { packageVersion, runtimeProblem } from './version.ts';

test('the version is that of the package', () => {
  assert.match(packageVersion(), /^\d+\.\d+\.\d+/);
});

test('a Node that is too old is refused by its version', () => {
  for (const version of ['24.0.0', '26.10.0', '100.1.2']) assert.equal(runtimeProblem(version), undefined);
  for (const version of ['20.11.1', '23.9.9', '9.0.0']) {
    assert.match(
      runtimeProblem(version) ?? '',
      new RegExp(`needs Node 24 or newer, and this is Node ${version}`),
    );
  }
});
