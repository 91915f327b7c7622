import assert from 'node:assert/strict';
import { test } from 'node:test';
import { prefersJson, renderError } from './error-reply.ts';

test('JSON is for those who name it; without a word the default decides', () => {
  const cases: [string | undefined, boolean, boolean][] = [
    // Accept, with text as the default, with JSON as the default
    [undefined, false, true],
    ['*/*', false, true],
    ['text/html, */*;q=0.8', false, true],
    ['application/json', true, true],
    ['Application/JSON; charset=utf-8', true, true],
    ['*/json', true, true],
    ['text/plain', false, false],
    ['text/*', false, false],
    ['text/plain;q=0.5, application/json;q=0.9', true, true],
    ['text/plain, application/json;q=0.9', false, false],
    ['application/json;q=0', false, true],
    ['application/json;q=x', false, true],
    ['text/plain, application/json', true, true],
  ];
  for (const [accept, overText, overJson] of cases) {
    assert.equal(prefersJson(accept, false), overText, accept ?? 'no Accept');
    assert.equal(prefersJson(accept, true), overJson, accept ?? 'no Accept');
  }
});

test('an error of the request is one line, one of the quorum is JSON with its numbers', () => {
  const missing = renderError({ code: 'NOT_FOUND', message: 'not found' }, undefined);
  assert.equal(missing.status, 404);
  assert.equal(missing.body, 'not found\n');
  const unmet = renderError(
    {
      code: 'QUORUM_NOT_MET',
      message: '1 of 2',
      details: { acknowledged: 1, required: 2, outcome: 'unknown' },
    },
    undefined,
  );
  assert.equal(unmet.status, 503);
  assert.deepEqual(JSON.parse(unmet.body), {
    code: 'QUORUM_NOT_MET',
    message: '1 of 2',
    acknowledged: 1,
    required: 2,
    outcome: 'unknown',
  });
  assert.deepEqual(unmet.headers.slice(4), ['Retry-After', 1]);
});

test('the length is that of the bytes, not of the characters', () => {
  const { headers, body } = renderError({ code: 'BAD_REQUEST', message: 'ä' }, undefined);
  assert.equal(headers[3], Buffer.byteLength(body));
});
