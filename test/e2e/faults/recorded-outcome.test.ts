import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { NodeReply } from '../../../src/cli/node-client.ts';
import { readOutcomeOf, writeOutcomeOf } from './recorded-outcome.ts';

const dot = { wallMs: 1_764_000_000_000, counter: 2, actor: 'n1.k3f9xa' };
const etag = '"1764000000000-2-n1.k3f9xa"';

function answer(status: number, headers: Readonly<Record<string, string>>, body: unknown = ''): NodeReply {
  const bytes = Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
  return { kind: 'answered', status, headers, body: bytes };
}

test('a write counts as stored only with 204 and its version', () => {
  const headers = { etag, 'x-replicas-answered': '2', 'x-replicas-required': '2' };
  assert.deepEqual(writeOutcomeOf(answer(204, headers)), {
    kind: 'stored',
    dot,
    acknowledged: 2,
    required: 2,
  });
  assert.equal(writeOutcomeOf(answer(204, {})).kind, 'lost');
});

test('only a write that is called not applied was refused', () => {
  const refusal = { code: 'CLOCK_AHEAD', message: 'set back', outcome: 'not-applied' };
  const refused = writeOutcomeOf(answer(503, {}, refusal));
  assert.ok(refused.kind === 'refused' && refused.code === 'CLOCK_AHEAD');
  assert.equal(writeOutcomeOf(answer(503, {}, { code: 'CLOCK_AHEAD', message: 'set back' })).kind, 'lost');
  assert.equal(writeOutcomeOf(answer(500, {}, 'oops')).kind, 'lost');
  assert.equal(writeOutcomeOf({ kind: 'unreachable', message: '' }).kind, 'not-sent');
});

test('a write that may be there is unknown with its version, lost without', () => {
  const body = { code: 'QUORUM_NOT_MET', message: 'one of two', outcome: 'unknown' };
  const unknown = writeOutcomeOf(answer(503, { etag }, body));
  assert.ok(unknown.kind === 'unknown');
  assert.deepEqual(unknown.dot, dot);
  assert.equal(writeOutcomeOf(answer(503, {}, body)).kind, 'lost');
  assert.equal(writeOutcomeOf({ kind: 'unanswered', message: '' }).kind, 'lost');
});

test('a read finds a value, a tombstone, nothing, or no quorum', () => {
  const found = readOutcomeOf(answer(200, { etag }, 'value'));
  assert.ok(found.kind === 'found');
  assert.equal(Buffer.from(found.version.value).toString(), 'value');
  const deleted = readOutcomeOf(answer(404, { etag }));
  assert.ok(deleted.kind === 'missing' && deleted.digest?.tombstone === true);
  const nothing = readOutcomeOf(answer(404, {}));
  assert.ok(nothing.kind === 'missing' && nothing.digest === undefined);
  const unavailable = readOutcomeOf(answer(503, {}, { code: 'QUORUM_NOT_MET', message: 'one of two' }));
  assert.ok(unavailable.kind === 'unavailable' && unavailable.code === 'QUORUM_NOT_MET');
});
