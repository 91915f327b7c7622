import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { errorCodes } from '../../src/core/errors.ts';
import { httpStatusOf } from '../../src/frontends/http-status.ts';

test('docs/errors.md lists every error code with the status it is answered with', () => {
  const page = readFileSync(new URL('../../docs/errors.md', import.meta.url), 'utf8');
  const rows = [...page.matchAll(/^\| `([A-Z_]+)` \| (\d+) \| .+ \|$/gm)];
  const documented = rows.map(([, code, status]) => `${code ?? ''} ${status ?? ''}`);
  const expected = errorCodes.map((code) => `${code} ${httpStatusOf(code).status}`);
  assert.deepEqual(documented.toSorted(), expected.toSorted());
});
