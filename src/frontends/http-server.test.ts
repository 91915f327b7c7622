import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ReadOutcome } from '../replica/node-api.ts';
import { requestText, startHarness } from './test-harness.ts';

const missing: ReadOutcome = { kind: 'missing', digest: undefined, answered: 2, required: 2 };

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

test('stopping closes idle connections at once', async (t) => {
  const harness = await startHarness(t);
  const idle = await harness.connect();
  idle.send(requestText('GET', '/health'));
  assert.equal((await idle.reply()).status, 200);
  await harness.stop();
  assert.equal(await idle.closed(), '');
});

test('stopping lets a request under way finish and answers later ones STOPPING', async (t) => {
  const harness = await startHarness(t);
  let finish: () => void = () => assert.fail('no read has started');
  harness.node.read = () =>
    new Promise((resolve) => {
      finish = () => resolve(missing);
    });
  const client = await harness.connect();
  client.send(Buffer.concat([requestText('GET', '/kv/a'), requestText('PUT', '/kv/b', { body: 'x' })]));
  await until(() => harness.node.gets.length === 1 && harness.frontend.load.requests === 2);
  let stopped = false;
  const stop = harness.stop().then(() => (stopped = true));
  assert.equal(stopped, false);
  finish();
  const reply = await client.reply();
  assert.equal(reply.status, 404);
  assert.equal(reply.headers['connection'], 'close');
  await client.closed();
  await stop;
  assert.equal(harness.node.puts.length, 0);
});

test('a request that arrives while the node stops is told so', async (t) => {
  const harness = await startHarness(t);
  harness.node.read = () => new Promise(() => {});
  const busy = await harness.connect();
  busy.send(requestText('GET', '/kv/a'));
  await until(() => harness.node.gets.length === 1);
  const late = await harness.connect();
  const stop = harness.stop();
  late.send(requestText('PUT', '/kv/b', { body: 'x' }));
  const reply = await late.reply();
  assert.equal(reply.status, 503);
  assert.match(reply.body.toString(), /"STOPPING"/);
  assert.equal(reply.headers['connection'], 'close');
  assert.equal(reply.headers['retry-after'], '1');
  busy.close();
  await stop;
});

test('stopping does not wait for ever', async (t) => {
  const harness = await startHarness(t, { limits: { stopGraceMs: 50 } });
  harness.node.read = () => new Promise(() => {});
  const client = await harness.connect();
  client.send(requestText('GET', '/kv/a'));
  await until(() => harness.node.gets.length === 1);
  await harness.stop();
  assert.equal(await client.closed(), '');
  assert.equal(harness.frontend.load.requests, 0);
});

test('a socket handed over after the stop is closed', async (t) => {
  const harness = await startHarness(t);
  const late = await harness.connect();
  await harness.stop();
  // The listener's owner had accepted it, and its first bytes come now.
  late.send(requestText('GET', '/health'));
  assert.equal(await late.closed(), '');
});

test('a socket whose first bytes were already read is served from its start', async (t) => {
  // The harness hands every socket over in this way; here the first bytes end within a request.
  const { connect } = await startHarness(t);
  const client = await connect();
  const request = requestText('PUT', '/kv/a', { body: 'hello' });
  client.send(request.subarray(0, 9));
  await new Promise((resolve) => setTimeout(resolve, 20));
  client.send(request.subarray(9));
  assert.equal((await client.reply()).status, 204);
});

test('old clients are served without Host and without keeping the connection', async (t) => {
  const { connect } = await startHarness(t);
  const client = await connect();
  client.send('GET /health HTTP/1.0\r\n\r\n');
  assert.equal((await client.reply()).body.toString(), 'ok');
  assert.equal(await client.closed(), '');
});
