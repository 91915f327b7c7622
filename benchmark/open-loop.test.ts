import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test, type TestContext } from 'node:test';
import { OpenLoop, type LoadSlice } from './open-loop.ts';

const shape = { keys: 10, valueBytes: 20, poolWaitMs: 50, attemptsMax: 2 };
/** Longer than a busy machine holds up an answer, where answers are to come. */
const patientMs = 5_000;

async function drive(
  context: TestContext,
  answer: RequestListener,
  { connections, deadlineMs }: { readonly connections: number; readonly deadlineMs: number },
): Promise<LoadSlice[]> {
  const server = createServer(answer);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const loop = new OpenLoop({
    ...shape,
    deadlineMs,
    urls: [new URL(`http://127.0.0.1:${port}`)],
    connections,
  });
  context.after(() => {
    loop.close();
    server.closeAllConnections();
    server.close();
  });
  await loop.run({ ratePerSecond: 50, durationMs: 300 });
  return await loop.run({ ratePerSecond: 400, durationMs: 600 });
}

function total(
  slices: readonly LoadSlice[],
  field: 'arrived' | 'retried' | 'inTime' | 'refused' | 'timedOut' | 'unsent',
): number {
  return slices.reduce((sum, slice) => sum + slice[field], 0);
}

test('requests arrive at the rate, and their answers count with their latency', async (context) => {
  const slices = await drive(
    context,
    (request, response) => response.writeHead(request.method === 'PUT' ? 204 : 200).end(),
    { connections: 16, deadlineMs: patientMs },
  );
  assert.equal(slices.length, 2);
  const arrived = total(slices, 'arrived');
  assert.ok(arrived >= 200 && arrived <= 241, `${arrived}`);
  assert.ok(total(slices, 'inTime') > 0.5 * arrived);
  assert.ok(slices.every(({ latency }) => latency.count > 0));
});

test('a refused request is tried again as often as was said', async (context) => {
  const slices = await drive(
    context,
    (_, response) => response.writeHead(503, { 'Content-Length': 0 }).end(),
    { connections: 16, deadlineMs: patientMs },
  );
  assert.equal(total(slices, 'inTime'), 0);
  assert.ok(total(slices, 'retried') > 100);
  assert.ok(total(slices, 'refused') <= 2 * total(slices, 'arrived') + 2 * 15);
});

test('what is not answered by its deadline costs its connection, and others find none', async (context) => {
  const slices = await drive(context, () => undefined, { connections: 4, deadlineMs: 200 });
  assert.equal(total(slices, 'inTime'), 0);
  assert.ok(total(slices, 'timedOut') >= 4);
  assert.ok(total(slices, 'unsent') > 50);
});
