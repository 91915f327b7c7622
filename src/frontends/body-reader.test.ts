import assert from 'node:assert/strict';
import { test } from 'node:test';
import { requestText, startHarness, type Harness } from './test-harness.ts';

const mebibyte = 1 << 20;

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

async function nothingLeft({ frontend }: Harness): Promise<void> {
  await until(() => frontend.load.requests + frontend.load.outputBytes + frontend.load.bodyBytes === 0);
}

function chunked(target: string): string {
  return `PUT ${target} HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n`;
}

function chunk(bytes: Uint8Array | string): Buffer {
  const body = Buffer.from(bytes);
  return Buffer.concat([Buffer.from(`${body.length.toString(16)}\r\n`), body, Buffer.from('\r\n')]);
}

test('a body comes together from pieces, whether its length is announced or not', async (t) => {
  const harness = await startHarness(t, { valueBytesMax: 4 * mebibyte });
  const value = Buffer.alloc(3 * mebibyte + 17);
  for (let index = 0; index < value.length; index++) value[index] = (index * 31) >>> 8;
  assert.equal((await harness.request('PUT', '/kv/announced', { body: value })).status, 204);
  const client = await harness.connect();
  client.send(chunked('/kv/chunked'));
  for (let offset = 0; offset < value.length; offset += 50_000) {
    client.send(chunk(value.subarray(offset, offset + 50_000)));
  }
  client.send('0\r\n\r\n');
  assert.equal((await client.reply()).status, 204);
  for (const key of ['announced', 'chunked']) {
    assert.deepEqual((await harness.request('GET', `/kv/${key}`)).body, value);
  }
  await nothingLeft(harness);
});

test('a value at the limit is stored, one byte more is refused without reading it', async (t) => {
  const harness = await startHarness(t, { valueBytesMax: 1000 });
  assert.equal((await harness.request('PUT', '/kv/a', { body: 'x'.repeat(1000) })).status, 204);
  const reply = await harness.request('PUT', '/kv/b', {
    body: 'x'.repeat(1001),
    headers: { Accept: '*/json' },
  });
  assert.equal(reply.status, 413);
  assert.match(reply.body.toString(), /VALUE_TOO_LARGE/);
  assert.deepEqual(
    harness.node.puts.map((put) => Buffer.from(put.key).toString()),
    ['a'],
  );
});

test('a chunked body is counted and refused at the limit', async (t) => {
  const harness = await startHarness(t, { valueBytesMax: 1000 });
  const client = await harness.connect();
  client.send(chunked('/kv/a'));
  client.send(chunk('x'.repeat(600)));
  client.send(chunk('x'.repeat(401)));
  const reply = await client.reply();
  assert.equal(reply.status, 413);
  assert.equal(reply.headers['connection'], 'close');
  assert.equal(harness.node.puts.length, 0);
  await client.closed();
  await nothingLeft(harness);
});

test('a body in one-byte chunks takes no more memory than twice its length', async (t) => {
  const harness = await startHarness(t);
  const client = await harness.connect();
  client.send(chunked('/kv/a'));
  const count = 20_000;
  client.send(Buffer.concat(Array(count).fill(chunk('x'))));
  await until(() => harness.frontend.load.bodyBytes >= count);
  assert.ok(
    harness.frontend.load.bodyBytes <= 2 * count,
    `${harness.frontend.load.bodyBytes} bytes are held`,
  );
  client.send('0\r\n\r\n');
  assert.equal((await client.reply()).status, 204);
  assert.equal(harness.node.puts[0]?.value.length, count);
});

test('a client that expects 100 Continue gets it only for a body that would be taken', async (t) => {
  const harness = await startHarness(t, { valueBytesMax: 1000 });
  const client = await harness.connect();
  const head = (target: string, length: number): string =>
    `PUT ${target} HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: ${length}\r\n\r\n`;
  client.send(head('/kv/a', 5));
  assert.equal((await client.reply()).status, 100);
  client.send('hello');
  assert.equal((await client.reply()).status, 204);
  for (const [target, length, status] of [
    ['/kv/a', 1001, 413],
    ['/kv/a?w=9', 5, 400],
    ['/kv/', 5, 400],
    ['/health', 5, 405],
  ] as const) {
    const refused = await harness.connect();
    refused.send(head(target, length));
    assert.equal((await refused.reply()).status, status);
    assert.equal(await refused.closed(), '', 'the body was never asked for, so the connection is closed');
  }
});

test('bodies in flight have a common budget, charged for what arrived and not for what was announced', async (t) => {
  const harness = await startHarness(t, {
    valueBytesMax: mebibyte,
    limits: { bodyBytesInFlightMax: mebibyte },
  });
  // Ten clients announce ten times the budget and send nothing: nobody is hindered.
  const idle = await Promise.all(Array.from({ length: 10 }, () => harness.connect()));
  for (const client of idle) {
    client.send(`PUT /kv/a HTTP/1.1\r\nHost: h\r\nContent-Length: ${mebibyte}\r\n\r\n`);
  }
  await until(() => harness.frontend.load.requests === 10);
  assert.equal((await harness.request('PUT', '/kv/b', { body: 'x' })).status, 204);

  const hog = await harness.connect();
  hog.send(`PUT /kv/c HTTP/1.1\r\nHost: h\r\nContent-Length: ${mebibyte}\r\n\r\n`);
  hog.send(Buffer.alloc(mebibyte - 1));
  await until(() => harness.frontend.load.bodyBytes >= mebibyte - 1);
  const refused = await harness.request('PUT', '/kv/b', { body: 'xx' });
  assert.equal(refused.status, 503);
  assert.match(refused.body.toString(), /OVERLOADED/);
  assert.equal(refused.headers['retry-after'], '1');
  // The same for a body that comes after its head.
  const inPieces = await harness.connect();
  inPieces.send(`${chunked('/kv/b')}2\r\nxx\r\n0\r\n\r\n`);
  assert.match((await inPieces.reply()).body.toString(), /OVERLOADED/);
  inPieces.close();
  assert.equal((await harness.request('GET', '/kv/b')).status, 200);
  hog.send('x');
  assert.equal((await hog.reply()).status, 204);
  assert.equal((await harness.request('PUT', '/kv/b', { body: 'xx' })).status, 204);
  for (const client of idle) client.close();
  await nothingLeft(harness);
});

test('a value counts until its write has come to an end', async (t) => {
  const harness = await startHarness(t);
  let finish: () => void = () => assert.fail('no write has started');
  harness.node.write = () =>
    new Promise((resolve) => {
      finish = () => resolve({ kind: 'refused', code: 'OVERLOADED', message: 'no' });
    });
  const client = await harness.connect();
  client.send(requestText('PUT', '/kv/a', { body: 'hello' }));
  await until(() => harness.node.puts.length === 1);
  assert.equal(harness.frontend.load.bodyBytes, 5);
  finish();
  assert.equal((await client.reply()).status, 503);
  await nothingLeft(harness);
});

test('a client that aborts in the middle of a body leaves nothing behind', async (t) => {
  const harness = await startHarness(t, { limits: { lingerMs: 60_000 } });
  for (const head of [
    chunked('/kv/a') + '5\r\nhello\r\n',
    'PUT /kv/a HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nhello',
  ]) {
    const client = await harness.connect();
    client.send(head);
    await until(() => harness.frontend.load.bodyBytes === 5);
    client.close();
    await nothingLeft(harness);
    const resetting = await harness.connect();
    resetting.send(head);
    await until(() => harness.frontend.load.bodyBytes === 5);
    resetting.socket.resetAndDestroy();
    await nothingLeft(harness);
  }
  assert.equal(harness.node.puts.length, 0);
});
