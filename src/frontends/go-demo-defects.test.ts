/** Defects of the Go demo that its HTTP surface showed; each happened there as the title says it does not here. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startHarness } from './test-harness.ts';

const hourMs = 3_600_000;

test('a value too large to be kept is refused before it is written anywhere (defect 9)', async (t) => {
  const valueBytesMax = 8 << 20;
  const { request, node } = await startHarness(t, { valueBytesMax });
  const reply = await request('PUT', '/kv/large', {
    body: Buffer.alloc(13 << 20),
    headers: { Accept: '*/json' },
  });
  assert.equal(reply.status, 413);
  assert.match(reply.body.toString(), /"VALUE_TOO_LARGE"/);
  assert.equal((await request('GET', '/kv/large')).status, 404);
  assert.equal(node.puts.length, 0);

  const longest = Buffer.alloc(valueBytesMax, 7);
  assert.equal((await request('PUT', '/kv/large', { body: longest })).status, 204);
  assert.ok((await request('GET', '/kv/large')).body.equals(longest));
});

test('keys that are not valid UTF-8 do not collide (defect 10)', async (t) => {
  const { request } = await startHarness(t);
  for (const key of ['%ff', '%fe', '%EF%BF%BD']) await request('PUT', `/kv/${key}`, { body: key });
  for (const key of ['%ff', '%fe', '%EF%BF%BD']) {
    assert.equal((await request('GET', `/kv/${key}`)).body.toString(), key);
  }
  const keys = await request('POST', '/internal/keys', { body: '{}' });
  assert.deepEqual(Object.keys(JSON.parse(keys.body.toString()).keys).toSorted(), [
    'base64:/g==',
    'base64:/w==',
    '\ufffd',
  ]);
  const found = await request('POST', '/internal/get', { body: '{"key_base64":"/w=="}' });
  assert.equal(JSON.parse(found.body.toString()).record.key_base64, '/w==');
});

test('a record stamped ahead of the clock is refused, and later writes still win (defect 11)', async (t) => {
  const { request, node } = await startHarness(t);
  for (const ts of [node.wallMs + hourMs, Date.UTC(9999, 0)]) {
    const record = { key: 'k', value: 'aGk=', ts, writer_id: 'n2' };
    const reply = await request('POST', '/internal/put', {
      body: JSON.stringify({ record }),
      headers: { Accept: 'application/json' },
    });
    assert.equal(reply.status, 400);
    assert.equal(JSON.parse(reply.body.toString()).code, 'CLOCK_SKEW');
  }
  await request('PUT', '/kv/k', { body: 'later' });
  assert.equal((await request('GET', '/kv/k')).body.toString(), 'later');
  await request('DELETE', '/kv/k');
  assert.equal((await request('GET', '/kv/k')).status, 404);
});

test('a refused write says so, and one that may surface later says that (defect 13)', async (t) => {
  const { request, node } = await startHarness(t);
  const dot = { wallMs: 1, counter: 0, actor: 'n1.x' };
  node.write = async () => ({
    kind: 'unknown',
    code: 'QUORUM_NOT_MET',
    dot,
    acknowledged: 1,
    required: 2,
    message: '1 of 2 replicas have the write',
  });
  const reply = await request('PUT', '/kv/k', { body: 'x' });
  assert.equal(reply.status, 503);
  assert.equal(JSON.parse(reply.body.toString()).outcome, 'unknown');
});

test('a hint for a node that is no member is refused (defect 14)', async (t) => {
  const { request, node } = await startHarness(t);
  for (const [hintFor, writer] of [
    ['n9', 'n2'],
    ['../x', 'n2'],
    ['n3', 'stranger'],
  ]) {
    const record = { key: 'k', value: 'aGk=', ts: 5, writer_id: writer };
    const reply = await request('POST', '/internal/put', {
      body: JSON.stringify({ record, hint_for: hintFor }),
      headers: { Accept: 'application/json' },
    });
    assert.equal(reply.status, 400);
    assert.equal(JSON.parse(reply.body.toString()).code, 'UNKNOWN_NODE');
  }
  assert.equal(node.hinted.length, 0);
});
