/**
 * What strangers send. Each case asserts that the answer is a refusal or a cut connection, that
 * another client is served meanwhile, and that nothing stays in memory.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { requestText, startHarness, type Harness, type RawClient } from './test-harness.ts';

const shortTimeouts = { timeouts: { headersMs: 60, requestMs: 150, checkMs: 10 } };

/** Another client writes and reads. */
async function othersAreServed({ request }: Harness): Promise<void> {
  assert.equal((await request('PUT', '/kv/other', { body: 'fine' })).status, 204);
  assert.equal((await request('GET', '/kv/other')).body.toString(), 'fine');
}

/** Nothing but what `othersAreServed` wrote has been stored. */
function nothingStored({ node }: Harness): void {
  assert.deepEqual([...node.records.keys()], ['other']);
}

async function nothingLeft({ frontend }: Harness): Promise<void> {
  const { load } = frontend;
  while (load.requests + load.outputBytes + load.bodyBytes > 0) {
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** Sends the same bytes again and again until the connection is closed. */
function sendEndlessly({ socket }: RawClient, bytes: Uint8Array): void {
  const sendOn = (): void => {
    while (!socket.destroyed && socket.write(bytes));
  };
  socket.on('drain', sendOn);
  sendOn();
}

/** Sends bytes on a connection of their own and expects one refusal, then the end. */
async function isRefused(harness: Harness, bytes: string | Uint8Array, status: number): Promise<void> {
  const client = await harness.connect();
  client.send(bytes);
  await othersAreServed(harness);
  const reply = await client.reply();
  assert.equal(reply.status, status, String(bytes).slice(0, 80));
  assert.equal(reply.headers['connection'], 'close');
  assert.equal(await client.closed(), '');
  await nothingLeft(harness);
}

test('64 KiB of headers are refused', async (t) => {
  const harness = await startHarness(t);
  await isRefused(harness, `GET /kv/a HTTP/1.1\r\nHost: h\r\nX: ${'x'.repeat(65_536)}\r\n\r\n`, 431);
  await isRefused(harness, `GET /kv/a HTTP/1.1\r\nHost: h\r\n${'a: b\r\n'.repeat(11_000)}\r\n`, 431);
});

test('a very long URL is refused', async (t) => {
  const harness = await startHarness(t);
  await isRefused(harness, `GET /kv/${'a'.repeat(100_000)} HTTP/1.1\r\nHost: h\r\n\r\n`, 431);
});

test('a refusal reaches a client that is still sending, which is cut off after a while', async (t) => {
  const harness = await startHarness(t);
  const client = await harness.connect({ halfOpen: true });
  client.send(`GET /kv/a HTTP/1.1\r\nHost: h\r\nX: `);
  sendEndlessly(client, Buffer.alloc(65_536, 'x'));
  await othersAreServed(harness);
  assert.equal((await client.reply()).status, 431);
  assert.equal(await client.closed(), '');
});

test('a refused upload is taken and thrown away, so that the refusal arrives', async (t) => {
  const harness = await startHarness(t, { limits: { lingerMs: 60_000 } });
  const client = await harness.connect();
  client.send(requestText('GET', '/health'));
  assert.equal((await client.reply()).status, 200);
  client.send('garbage\r\n\r\n');
  const upload = Buffer.alloc(1 << 24);
  await new Promise((resolve) => client.socket.write(upload, resolve));
  assert.equal((await client.reply()).status, 400);
  client.socket.end();
  assert.equal(await client.closed(), '');
});

test('a request that comes whole after its time is not served any more', async (t) => {
  const harness = await startHarness(t, { ...shortTimeouts, limits: { lingerMs: 60_000 } });
  const client = await harness.connect();
  client.send('PUT /kv/a HTTP/1.1\r\nHost: h\r\n');
  assert.equal((await client.reply()).status, 408);
  client.send('Content-Length: 1\r\n\r\nx');
  client.socket.end(requestText('DELETE', '/kv/a'));
  assert.equal(await client.closed(), '');
  assert.equal(harness.node.records.size, 0);
});

test('a body of 2 GiB is refused at its announcement', async (t) => {
  const harness = await startHarness(t);
  await isRefused(harness, 'PUT /kv/a HTTP/1.1\r\nHost: h\r\nContent-Length: 2147483648\r\n\r\nabc', 413);
  await isRefused(harness, `PUT /kv/a HTTP/1.1\r\nHost: h\r\nContent-Length: ${'9'.repeat(19)}\r\n\r\n`, 413);
  await isRefused(
    harness,
    'POST /internal/put HTTP/1.1\r\nHost: h\r\nContent-Length: 2147483648\r\n\r\n{',
    413,
  );
  nothingStored(harness);
});

test('a long body where none belongs is not read to its end', async (t) => {
  const harness = await startHarness(t);
  for (const [method, status] of [
    ['GET', 404],
    ['DELETE', 204],
    ['POST', 405],
  ] as const) {
    await isRefused(
      harness,
      `${method} /kv/a HTTP/1.1\r\nHost: h\r\nContent-Length: 2147483648\r\n\r\nabc`,
      status,
    );
  }
});

test('a length that is no number or does not fit is refused', async (t) => {
  const harness = await startHarness(t);
  for (const length of ['-1', '1e3', '0x10', '99999999999999999999999', '5, 6', '+5', '5 5']) {
    await isRefused(harness, `PUT /kv/a HTTP/1.1\r\nHost: h\r\nContent-Length: ${length}\r\n\r\nhello`, 400);
  }
});

test('an endless chunked body is cut off at the limit', async (t) => {
  const harness = await startHarness(t, { valueBytesMax: 100_000, limits: { lingerMs: 60_000 } });
  const client = await harness.connect();
  client.send('PUT /kv/a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n');
  const endless = Buffer.from(`10000\r\n${'x'.repeat(65_536)}\r\n`);
  let worst = 0;
  client.socket.on('drain', () => (worst = Math.max(worst, harness.frontend.load.bodyBytes)));
  sendEndlessly(client, endless);
  await othersAreServed(harness);
  assert.equal((await client.reply()).status, 413);
  await client.closed();
  assert.ok(worst <= 100_000, `${worst} bytes were held`);
  nothingStored(harness);
  await nothingLeft(harness);
});

test('headers that never end time out', async (t) => {
  const harness = await startHarness(t, shortTimeouts);
  await isRefused(harness, 'GET /kv/a HTTP/1.1\r\nHost: h\r\nX-A: 1\r\n', 408);
  const dripping = await harness.connect();
  dripping.send('GET /kv/a HTTP/1.1\r\nHost: h\r\n');
  const drip = setInterval(() => dripping.send('X: y\r\n'), 20);
  assert.equal((await dripping.reply()).status, 408);
  clearInterval(drip);
  await nothingLeft(harness);
});

test('a body that never ends times out, dripping or silent', async (t) => {
  const harness = await startHarness(t, shortTimeouts);
  await isRefused(harness, 'PUT /kv/a HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nabc', 408);
  const dripping = await harness.connect();
  dripping.send('POST /internal/put HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n');
  const drip = setInterval(() => dripping.send('1\r\n \r\n'), 20);
  assert.equal((await dripping.reply()).status, 408);
  clearInterval(drip);
  await dripping.closed();
  nothingStored(harness);
  await nothingLeft(harness);
});

test('a silent body times out by the stall limit too', async (t) => {
  const harness = await startHarness(t, { limits: { stallMs: 50 } });
  await isRefused(harness, 'PUT /kv/a HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nabc', 408);
});

test('an idle connection is closed without a word', async (t) => {
  const harness = await startHarness(t, { timeouts: { keepAliveMs: 20 } });
  const client = await harness.connect();
  client.send(requestText('GET', '/health'));
  assert.equal((await client.reply()).status, 200);
  assert.equal(await client.closed(), '');
});

test('random bytes end in a refusal or a cut connection', async (t) => {
  const harness = await startHarness(t, shortTimeouts);
  const noise = fc.uint8Array({ minLength: 1, maxLength: 300 });
  const almost = noise.map((bytes) =>
    Buffer.concat([Buffer.from('GET /kv/a HTTP/1.1\r\nHost: h\r\n'), bytes]),
  );
  await fc.assert(
    fc.asyncProperty(fc.oneof(noise, almost), async (bytes) => {
      const client = await harness.connect();
      client.send(bytes);
      client.socket.end();
      const answer = await client.closed();
      assert.match(answer, /^$|^HTTP\/1\.1 [24]\d\d /);
    }),
    { numRuns: 150 },
  );
  await othersAreServed(harness);
  await nothingLeft(harness);
});

test('two Host headers or none are refused', async (t) => {
  const harness = await startHarness(t);
  await isRefused(harness, 'GET /kv/a HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n', 400);
  await isRefused(harness, 'GET /health HTTP/1.1\r\nHost: a\r\nhOsT: a\r\n\r\n', 400);
  await isRefused(harness, 'GET /kv/a HTTP/1.1\r\n\r\n', 400);
  // The second one hidden behind more headers than node keeps by default.
  await isRefused(harness, `GET /kv/a HTTP/1.1\r\nHost: a\r\n${'a:\r\n'.repeat(1_500)}Host: b\r\n\r\n`, 400);
});

test('paths that climb are refused on every route', async (t) => {
  const { request } = await startHarness(t);
  for (const target of [
    '/kv/../debug/ring',
    '/kv/a/../../health',
    '/../kv/a',
    '/./health',
    '/debug/../kv/a',
  ]) {
    for (const method of ['GET', 'PUT', 'DELETE']) {
      assert.equal((await request(method, target)).status, 400, target);
    }
  }
});

test('one request cannot be smuggled inside another', async (t) => {
  const harness = await startHarness(t);
  const inner = 'DELETE /kv/a HTTP/1.1\r\nHost: h\r\n\r\n';
  for (const headers of [
    `Content-Length: ${inner.length}\r\nTransfer-Encoding: chunked`,
    `Transfer-Encoding: chunked\r\nContent-Length: ${inner.length}`,
    `Transfer-Encoding: identity\r\nContent-Length: ${inner.length}`,
    'Content-Length: 5\r\nContent-Length: 6',
    'Transfer-Encoding : chunked',
    'Transfer-Encoding: chunked\r\n folded',
    'X: a\r\nTransfer-Encoding:\x0bchunked',
    'X: a\nTransfer-Encoding: chunked',
  ]) {
    await isRefused(harness, `PUT /kv/b HTTP/1.1\r\nHost: h\r\n${headers}\r\n\r\n0\r\n\r\n${inner}`, 400);
  }
  await isRefused(
    harness,
    `PUT /kv/b HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`,
    501,
  );
  await isRefused(harness, `PUT /kv/b HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${inner}`, 400);
  nothingStored(harness);
});

test('nothing runs after a request that made the connection unusable', async (t) => {
  const harness = await startHarness(t);
  const good = requestText('PUT', '/kv/good', { body: 'x' });
  const twoHosts = 'GET /kv/a HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n';
  const client = await harness.connect();
  client.send(Buffer.concat([good, Buffer.from(twoHosts), requestText('DELETE', '/kv/good'), good]));
  assert.equal((await client.reply()).status, 204);
  assert.equal((await client.reply()).status, 400);
  assert.equal(await client.closed(), '');
  assert.equal(harness.node.puts.length, 1);
  assert.equal((await harness.request('GET', '/kv/good')).status, 200);
  await isRefused(harness, Buffer.concat([Buffer.from(twoHosts), requestText('DELETE', '/kv/good')]), 400);
  assert.equal((await harness.request('GET', '/kv/good')).status, 200);
});

test('a broken chunk ends the request that it belongs to', async (t) => {
  const harness = await startHarness(t);
  const head = 'PUT /kv/a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n';
  for (const chunks of ['zz\r\n', '5\r\nhelloXX', '-1\r\n', 'ffffffffffffffffff\r\n']) {
    await isRefused(harness, head + chunks, 400);
  }
  nothingStored(harness);
});

test('control characters in the request line and headers are refused', async (t) => {
  const harness = await startHarness(t);
  for (const bytes of [
    'GET /kv/a\0b HTTP/1.1\r\nHost: h\r\n\r\n',
    'GET /kv/a HTTP/1.1\r\nHost: h\r\nX: a\0b\r\n\r\n',
    'GET /kv/a HTTP/1.1\r\nHost: h\r\nX: a\rb\r\n\r\n',
    'GET /kv/a HTTP/1.1\r\nHost: h\r\nX\0: a\r\n\r\n',
    'GET /kv/a HTTP/1.1\r\nHost: h\r\n: a\r\n\r\n',
    'GET\t/kv/a HTTP/1.1\r\nHost: h\r\n\r\n',
    'GET /kv/a HTTP/9.9\r\nHost: h\r\n\r\n',
    'get /kv/a HTTP/1.1\r\nHost: h\r\n\r\n',
    '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03',
  ]) {
    await isRefused(harness, Buffer.from(bytes, 'latin1'), 400);
  }
});

test('a request target in another form is reduced, or refused', async (t) => {
  const harness = await startHarness(t);
  await harness.request('PUT', '/kv/a', { body: 'x' });
  assert.equal((await harness.request('GET', 'http://elsewhere:1/kv/a')).body.toString(), 'x');
  assert.equal((await harness.request('GET', 'http://elsewhere:1/health')).body.toString(), 'ok');
  assert.equal((await harness.request('GET', 'http://elsewhere/kv/../a')).status, 400);
  assert.equal((await harness.request('OPTIONS', '*')).status, 400);
  assert.equal((await harness.request('GET', '/kv/a#fragment')).status, 400);
  const connect = 'CONNECT elsewhere:443 HTTP/1.1\r\nHost: elsewhere:443\r\n';
  await isRefused(harness, `${connect}\r\n`, 405);
  await isRefused(harness, `${connect}Content-Length: 10\r\n\r\nhalf`, 405);
});

test('percent garbage is refused, raw high bytes never crash', async (t) => {
  const harness = await startHarness(t);
  for (const target of ['/kv/%', '/kv/%4', '/kv/%zz', '/kv/a%', '/debug/ring?key=%g1', '/kv/%u0041']) {
    assert.equal((await harness.request('GET', target)).status, 400, target);
  }
  const client = await harness.connect();
  client.send(Buffer.from('GET /kv/\xff\xfe HTTP/1.1\r\nHost: h\r\n\r\n', 'latin1'));
  assert.ok([400, 404].includes((await client.reply()).status));
  await othersAreServed(harness);
});

test('nonsense after good requests is answered after them', async (t) => {
  const harness = await startHarness(t);
  const client: RawClient = await harness.connect();
  client.send(
    Buffer.concat([
      requestText('PUT', '/kv/a', { body: 'x' }),
      requestText('GET', '/kv/a'),
      requestText('GET', '/health'),
      Buffer.from('nonsense\r\n\r\n'),
    ]),
  );
  const statuses = [];
  for (let index = 0; index < 4; index++) statuses.push((await client.reply()).status);
  assert.deepEqual(statuses, [204, 200, 200, 400]);
  assert.equal(await client.closed(), '');
  await nothingLeft(harness);
});

test('a hundred half-open connections hinder nobody', async (t) => {
  const harness = await startHarness(t, shortTimeouts);
  const clients = await Promise.all(Array.from({ length: 100 }, () => harness.connect()));
  for (const client of clients)
    client.send('PUT /kv/a HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\nhalf');
  await othersAreServed(harness);
  for (const client of clients) assert.match(await client.closed(), /^HTTP\/1\.1 408 /);
  await nothingLeft(harness);
});
