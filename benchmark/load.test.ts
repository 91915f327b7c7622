import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import { test } from 'node:test';

import { prefill, runLoad } from './load.ts';

async function withServer(listener: RequestListener, body: (url: URL) => Promise<void>): Promise<void> {
  const server = createServer(listener);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  assert.ok(typeof address === 'object' && address !== null);
  try {
    await body(new URL(`http://127.0.0.1:${address.port}`));
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

const settings = { connections: 8, keys: 50, valueBytes: 100 };

test('every request is answered once, and what the server saw is what is counted', async () => {
  const seen = { PUT: 0, GET: 0 };
  const listener: RequestListener = (request, response) => {
    const isPut = request.method === 'PUT';
    seen[isPut ? 'PUT' : 'GET'] += 1;
    let length = 0;
    request.on('data', (chunk: Buffer) => (length += chunk.length));
    request.on('end', () => {
      const isRight =
        /^\/kv\/key-\d+$/.test(request.url ?? '') && length === (isPut ? settings.valueBytes : 0);
      response.writeHead(isRight ? (isPut ? 204 : 200) : 400, isPut ? {} : { 'Content-Length': 3 });
      response.end(isPut ? undefined : 'abc');
    });
  };
  await withServer(listener, async (url) => {
    const result = await runLoad({ ...settings, urls: [url], operation: 'mix', durationMs: 100 });
    assert.deepEqual(Object.fromEntries(result.errors), {});
    assert.ok(seen.PUT > 0 && seen.GET > 0);
    assert.equal(result.operations, seen.PUT + seen.GET);
    assert.equal(result.latency.count, result.operations);
  });
});

test('prefilling puts every key once, and deals the connections out to all servers', async () => {
  const keys: string[] = [];
  const listener: RequestListener = (request, response) => {
    keys.push(request.url ?? '');
    request.resume();
    request.on('end', () => response.writeHead(204).end());
  };
  await withServer(listener, async (first) => {
    await withServer(listener, async (second) => {
      const result = await prefill({ ...settings, urls: [first, second] });
      assert.equal(result.operations, settings.keys);
    });
  });
  const expected = Array.from({ length: settings.keys }, (_, index) => `/kv/key-${index}`);
  assert.deepEqual(keys.toSorted(), expected.toSorted());
});

test('refusals and dropped connections are errors by name, and the load goes on', async () => {
  let count = 0;
  const listener: RequestListener = (request, response) => {
    request.resume();
    count += 1;
    if (count % 3 === 0) response.writeHead(503, { 'Content-Length': 0 }).end();
    else if (count % 50 === 1) request.socket.destroy();
    else response.writeHead(204).end();
  };
  await withServer(listener, async (url) => {
    const result = await prefill({ ...settings, keys: 300, urls: [url] });
    assert.equal(result.errors.get('503'), 100);
    const dropped = ['connection closed', 'ECONNRESET'].map((name) => result.errors.get(name) ?? 0);
    assert.equal(
      dropped.reduce((sum, count) => sum + count),
      4,
    );
    assert.equal(result.operations, 196);
  });
});

test('a server that is not there is an error, not a hang', async () => {
  // Port 1 is for a service that no machine runs any more.
  const result = await prefill({ ...settings, keys: 8, urls: [new URL('http://127.0.0.1:1')] });
  assert.deepEqual(Object.fromEntries(result.errors), { ECONNREFUSED: 8 });
});
