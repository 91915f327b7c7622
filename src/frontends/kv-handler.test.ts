import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StoreError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import type { KeyRequest, OnOutcome, ReadOutcome } from '../replica/node-api.ts';
import { requestText, startHarness, type Reply } from './test-harness.ts';

const dot = { wallMs: 5, counter: 1, actor: 'n2.x' };
const json = { Accept: 'application/json' };

function jsonOf(reply: Reply): unknown {
  return JSON.parse(reply.body.toString());
}

test('a value is read back as it was written, under its version', async (t) => {
  const { request } = await startHarness(t);
  const put = await request('PUT', '/kv/a', { body: 'hello' });
  assert.equal(put.status, 204);
  assert.equal(put.headers['etag'], '"1700000000000-0-n1.test"');
  const get = await request('GET', '/kv/a');
  assert.equal(get.status, 200);
  assert.equal(get.body.toString(), 'hello');
  assert.equal(get.headers['content-type'], 'application/octet-stream');
  assert.equal(get.headers['content-length'], '5');
  assert.equal(get.headers['etag'], put.headers['etag']);
  assert.equal(get.headers['x-replicas-answered'], '2');
  assert.equal(get.headers['x-replicas-required'], '2');
});

test('a value is any bytes, whether it leaves with its head or apart', async (t) => {
  const { request } = await startHarness(t);
  for (const length of [256, limits.httpInlineBodyBytesMax, limits.httpInlineBodyBytesMax + 1]) {
    const value = Buffer.from(Array.from({ length }, (_, index) => index & 0xff));
    await request('PUT', '/kv/a', { body: value });
    assert.deepEqual((await request('GET', '/kv/a')).body, value);
  }
});

test('an empty value is a value', async (t) => {
  const { request } = await startHarness(t);
  assert.equal((await request('PUT', '/kv/a', { body: '' })).status, 204);
  assert.equal((await request('PUT', '/kv/b')).status, 204);
  for (const key of ['a', 'b']) {
    const get = await request('GET', `/kv/${key}`);
    assert.equal(get.status, 200);
    assert.equal(get.headers['content-length'], '0');
  }
});

test('a deleted key is not found, and the tombstone has a version', async (t) => {
  const { request } = await startHarness(t);
  await request('PUT', '/kv/a', { body: 'x' });
  const deleted = await request('DELETE', '/kv/a');
  assert.equal(deleted.status, 204);
  const get = await request('GET', '/kv/a');
  assert.equal(get.status, 404);
  assert.equal(get.body.toString(), 'not found\n');
  assert.equal(get.headers['etag'], deleted.headers['etag']);
});

test('a key that never existed is deleted all the same, and missing without a version', async (t) => {
  const { request } = await startHarness(t);
  const get = await request('GET', '/kv/a', { headers: json });
  assert.equal(get.status, 404);
  assert.equal(get.headers['etag'], undefined);
  assert.deepEqual(jsonOf(get), { code: 'NOT_FOUND', message: 'not found', answered: 2, required: 2 });
  assert.equal((await request('DELETE', '/kv/a')).status, 204);
});

test('HEAD is GET without the body', async (t) => {
  const { request } = await startHarness(t);
  await request('PUT', '/kv/a', { body: 'hello' });
  const head = await request('HEAD', '/kv/a');
  assert.equal(head.status, 200);
  assert.equal(head.headers['content-length'], '5');
  assert.equal((await request('HEAD', '/kv/b')).status, 404);
});

test('a content type is stored and returned; one that is no header text is refused', async (t) => {
  const { request } = await startHarness(t);
  await request('PUT', '/kv/a', { body: 'x', headers: { 'Content-Type': 'text/plain; charset=utf-8' } });
  assert.equal((await request('GET', '/kv/a')).headers['content-type'], 'text/plain; charset=utf-8');
  for (const contentType of ['x'.repeat(256), 'text/\xe4', 'a\tb']) {
    const reply = await request('PUT', '/kv/b', { body: 'x', headers: { 'Content-Type': contentType } });
    assert.equal(reply.status, 400, contentType);
  }
  assert.equal((await request('GET', '/kv/b')).status, 404);
});

test('an empty key is a missing key for every method', async (t) => {
  const { request } = await startHarness(t);
  for (const target of ['/kv/', '/kv', '/kv/?r=1', '/kv?r=1']) {
    for (const method of ['GET', 'PUT', 'DELETE']) {
      const reply = await request(method, target);
      assert.equal(reply.status, 400);
      assert.equal(reply.body.toString(), 'missing key\n');
    }
  }
});

test('other methods are told which are allowed', async (t) => {
  const { request } = await startHarness(t);
  for (const method of ['POST', 'PATCH', 'OPTIONS', 'PROPFIND', 'TRACE']) {
    const reply = await request(method, '/kv/a');
    assert.equal(reply.status, 405, method);
    assert.equal(reply.headers['allow'], 'GET, HEAD, PUT, DELETE');
  }
});

test('a key at the limit is stored, one byte more is refused', async (t) => {
  const { request } = await startHarness(t);
  assert.equal((await request('PUT', `/kv/${'k'.repeat(limits.keyBytesMax)}`, { body: 'x' })).status, 204);
  const reply = await request('PUT', `/kv/${'k'.repeat(limits.keyBytesMax + 1)}`, {
    body: 'x',
    headers: json,
  });
  assert.equal(reply.status, 414);
  assert.match(reply.body.toString(), /KEY_TOO_LARGE/);
});

test('quorum, timeout, context and expiry of a request reach the coordinator', async (t) => {
  const { request, node } = await startHarness(t);
  await request('PUT', '/kv/a?r=1&w=3&mode=strict&timeout=250&ttl=1000', {
    body: 'x',
    headers: { 'X-Causal-Context': '"5-1-n2.x"' },
  });
  const { key, value, client, ...rest } = node.puts[0] ?? assert.fail('no put');
  assert.ok(client !== undefined, 'the coordinator can see whether the client has gone');
  assert.equal(Buffer.from(key).toString(), 'a');
  assert.equal(Buffer.from(value).toString(), 'x');
  assert.deepEqual(rest, {
    r: 1,
    w: 3,
    quorumMode: 'strict',
    timeoutMs: 250,
    context: dot,
    expiresAtMs: node.wallMs + 1_000,
  });
  await request('GET', '/kv/a?r=3');
  assert.equal(node.gets[0]?.r, 3);
  node.wallMs += 1_000;
  assert.equal((await request('GET', '/kv/a')).status, 404);
});

test('options that make no sense are refused before anything is written', async (t) => {
  const { request, node } = await startHarness(t);
  for (const target of ['/kv/a?w=4', '/kv/a?x=1', '/kv/a?mode=lax', '/kv/a?timeout=0', '/kv/%zz', '/kv/%f']) {
    assert.equal((await request('PUT', target, { body: 'x' })).status, 400, target);
  }
  for (const context of ['x', '"1-2"', 'W/"1-2-n1"']) {
    const headers = { 'X-Causal-Context': context };
    assert.equal((await request('PUT', '/kv/a', { body: 'x', headers })).status, 400, context);
  }
  assert.equal(node.puts.length, 0);
});

test('If-None-Match spares the body of a version that the client has', async (t) => {
  const { request } = await startHarness(t);
  const etag = (await request('PUT', '/kv/a', { body: 'x' })).headers['etag'] ?? '';
  for (const method of ['GET', 'HEAD']) {
    const same = await request(method, '/kv/a', { headers: { 'If-None-Match': etag } });
    assert.equal(same.status, 304);
    assert.equal(same.headers['etag'], etag);
    assert.equal(same.body.length, 0);
  }
  const other = await request('GET', '/kv/a', { headers: { 'If-None-Match': '"1-2-n1"' } });
  assert.equal(other.status, 200);
});

test('what a leaderless store cannot honour is refused, not ignored', async (t) => {
  const { request, node } = await startHarness(t);
  const refusals: [string, Record<string, string>, number][] = [
    ['PUT', { 'If-Match': '"1-2-n1"' }, 501],
    ['PUT', { 'If-None-Match': '*' }, 501],
    ['DELETE', { 'If-Match': '*' }, 501],
    ['GET', { 'If-Match': '*' }, 501],
    ['PUT', { 'Content-Encoding': 'gzip' }, 415],
    ['PUT', { 'Content-Range': 'bytes 0-1/2' }, 400],
    ['PUT', { Expect: 'the-unexpected' }, 501],
  ];
  for (const [method, headers, status] of refusals) {
    const reply = await request(method, '/kv/a', { headers: { ...headers, ...json } });
    assert.equal(reply.status, status, JSON.stringify(headers));
  }
  assert.equal(node.puts.length, 0);
  const identity = await request('PUT', '/kv/a', { body: 'x', headers: { 'Content-Encoding': 'identity' } });
  assert.equal(identity.status, 204);
});

test('a write that missed its quorum is unknown, never failed', async (t) => {
  const { request, node } = await startHarness(t);
  const unknown = { kind: 'unknown', dot, acknowledged: 1, required: 2, message: '1 of 2 replicas' } as const;
  node.write = async () => ({ ...unknown, code: 'QUORUM_NOT_MET' });
  for (const method of ['PUT', 'DELETE']) {
    const reply = await request(method, '/kv/a', { body: 'x' });
    assert.equal(reply.status, 503);
    assert.equal(reply.headers['retry-after'], '1');
    assert.equal(reply.headers['etag'], '"5-1-n2.x"');
    assert.equal(reply.headers['x-replicas-answered'], '1');
    assert.deepEqual(jsonOf(reply), {
      code: 'QUORUM_NOT_MET',
      message: '1 of 2 replicas',
      outcome: 'unknown',
      acknowledged: 1,
      required: 2,
    });
  }
  node.write = async () => ({ ...unknown, code: 'DISK_FULL' });
  const full = await request('PUT', '/kv/a', { body: 'x', headers: { Accept: 'text/plain' } });
  assert.equal(full.status, 507);
  assert.equal(full.body.toString(), '1 of 2 replicas\n');
});

test('a refused write says that it is nowhere', async (t) => {
  const { request, node } = await startHarness(t);
  for (const [code, status] of [
    ['CLOCK_SKEW', 400],
    ['OVERLOADED', 503],
    ['DISK_FULL', 507],
  ] as const) {
    node.write = async () => ({ kind: 'refused', code, message: 'no' });
    const reply = await request('PUT', '/kv/a', { body: 'x', headers: json });
    assert.equal(reply.status, status);
    assert.deepEqual(jsonOf(reply), { code, message: 'no', outcome: 'not-applied' });
  }
});

test('a read without its quorum is unavailable, with how many answered', async (t) => {
  const { request, node } = await startHarness(t);
  node.read = async () => ({
    kind: 'unavailable',
    code: 'QUORUM_NOT_MET',
    answered: 1,
    required: 2,
    message: 'm',
  });
  const reply = await request('GET', '/kv/a');
  assert.equal(reply.status, 503);
  assert.equal(reply.headers['retry-after'], '1');
  assert.deepEqual(jsonOf(reply), { code: 'QUORUM_NOT_MET', message: 'm', answered: 1, required: 2 });
});

test('plain requests of several connections that arrive in one turn go to the store together, others alone', async (t) => {
  const { connect, node, sockets } = await startHarness(t);
  const clients = await Promise.all([connect(), connect(), connect(), connect()]);
  for (const client of clients) {
    client.send(requestText('GET', '/kv/none'));
    assert.equal((await client.reply()).status, 404);
  }
  node.gathered.length = 0;
  const body = 'value';
  const requests = [
    requestText('PUT', '/kv/a', { body }),
    requestText('PUT', '/kv/b?ttl=60000', { body }),
    requestText('PUT', '/kv/c?w=1', { body }),
    requestText('PUT', '/kv/d', { body, headers: { 'X-Causal-Context': '1-0-n1' } }),
  ];
  for (const [index, request] of requests.entries()) sockets[index]?.emit('data', request);
  for (const client of clients) assert.equal((await client.reply()).status, 204);
  assert.deepEqual(node.gathered, [2]);
  for (const [index, key] of ['a', 'b', 'c?r=1', 'd'].entries()) {
    sockets[index]?.emit('data', requestText('GET', `/kv/${key}`));
  }
  for (const client of clients) assert.equal((await client.reply()).body.toString(), body);
  assert.deepEqual(node.gathered, [2, 3]);
});

test('of requests that go together one whose outcome cannot be told leaves the others alone', async (t) => {
  const { connect, node, request, sockets } = await startHarness(t);
  assert.equal((await request('PUT', '/kv/good', { body: 'value' })).status, 204);
  const [bad, good] = [await connect(), await connect()];
  for (const client of [bad, good]) {
    client.send(requestText('GET', '/kv/none'));
    assert.equal((await client.reply()).status, 404);
  }
  const odd: ReadOutcome = {
    ...{ kind: 'found', answered: 2, required: 2 },
    get version(): never {
      throw new Error('odd');
    },
  };
  const outcomes = new Map([['bad', odd]]);
  const found = await node.get({ key: Buffer.from('good') });
  t.mock.method(node.together, 'get', (requests: KeyRequest[], onOutcome: OnOutcome<ReadOutcome>) => {
    // All at once, as answers of a peer come: what the first throws would be thrown at the second.
    setImmediate(() => {
      for (const [index, { key }] of requests.entries()) {
        onOutcome(index, outcomes.get(Buffer.from(key).toString()) ?? found);
      }
    });
  });
  for (const [index, key] of ['bad', 'good'].entries()) {
    sockets[sockets.length - 2 + index]?.emit('data', requestText('GET', `/kv/${key}`));
  }
  assert.equal((await bad.reply()).status, 500);
  assert.equal((await good.reply()).body.toString(), 'value');
});

test('what a node throws becomes a reply, and a write of it is unknown', async (t) => {
  const { request, node } = await startHarness(t);
  const boom = (): never => {
    throw new Error('boom');
  };
  const bad = (): never => {
    throw new StoreError('RECORD_CORRUPT', 'bad');
  };
  node.write = async () => await Promise.resolve().then(boom);
  node.read = async () => await Promise.resolve().then(bad);
  t.mock.method(node.together, 'put', boom);
  t.mock.method(node.together, 'get', bad);
  for (const query of ['', '?r=1']) {
    const put = await request('PUT', `/kv/a${query}`, { body: 'x', headers: json });
    assert.equal(put.status, 500);
    assert.deepEqual(jsonOf(put), { code: 'INTERNAL', message: 'boom', outcome: 'unknown' });
    assert.equal((await request('GET', `/kv/a${query}`)).status, 503);
  }
});

test('requests follow one another on one connection', async (t) => {
  const { connect } = await startHarness(t);
  const client = await connect();
  for (let round = 0; round < 20; round++) {
    client.send(
      `PUT /kv/a HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n${String(round).padStart(2, '0')}`,
    );
    assert.equal((await client.reply()).status, 204);
    client.send('GET /kv/a HTTP/1.1\r\nHost: h\r\n\r\n');
    assert.equal((await client.reply()).body.toString(), String(round).padStart(2, '0'));
    client.send('GET /kv/none?x HTTP/1.1\r\nHost: h\r\n\r\n');
    assert.equal((await client.reply()).status, 400);
  }
});
