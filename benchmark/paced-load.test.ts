import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { test } from 'node:test';

import { runPaced } from './paced-load.ts';

test('latency counts from when a request was due, also where it had to wait for a connection', async () => {
  let answered = 0;
  // The first request is held up; all others are due meanwhile and have one connection between them.
  const server = createServer((request, response) => {
    request.resume();
    const answer = (): void => void response.writeHead(request.method === 'PUT' ? 204 : 200).end();
    if (answered++ === 0) setTimeout(answer, 200);
    else answer();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  assert.ok(typeof address === 'object' && address !== null);
  try {
    const urls = [new URL(`http://127.0.0.1:${address.port}`)];
    const load = { urls, connections: 1, keys: 5, valueBytes: 10, ratePerSecond: 100, durationMs: 100 };
    const { operations, latency, errors } = await runPaced(load);
    assert.deepEqual([operations, answered, errors.size], [11, 11, 0]);
    // Half of them were due in the first half of the stall, and waited for the second half at least.
    assert.ok(latency.percentile(0.5) >= 100_000, `${latency.percentile(0.5)} µs`);
  } finally {
    server.closeAllConnections();
    server.close();
  }
});
