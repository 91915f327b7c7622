import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ReadOutcome, WriteOutcome } from '../replica/node-api.ts';
import type { MemoryNode } from './memory-node.ts';
import { requestText, startHarness, type Harness } from './test-harness.ts';

const dot = { wallMs: 5, counter: 1, actor: 'n2.x' };
const stored: WriteOutcome = { kind: 'stored', dot, acknowledged: 2, required: 2 };

function found(value: Uint8Array): ReadOutcome {
  const version = { dot, tombstone: false, expiresAtMs: 0, checksum: 0, contentType: '', value };
  return { kind: 'found', version, answered: 2, required: 2 };
}

/** Reads that wait for the test, in the order in which they started. */
function holdReads(node: MemoryNode): { readonly key: string; readonly finish: () => void }[] {
  const reads: { key: string; finish: () => void }[] = [];
  node.read = ({ key }) =>
    new Promise((resolve) => {
      reads.push({ key: Buffer.from(key).toString(), finish: () => resolve(found(key)) });
    });
  return reads;
}

function gets(count: number, target = (index: number) => `/kv/k${index}`): Buffer {
  return Buffer.concat(Array.from({ length: count }, (_, index) => requestText('GET', target(index))));
}

/** Waits for a condition that input and output bring about; no timer is involved in making it true. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

async function nothingLeft({ frontend }: Harness): Promise<void> {
  await until(() => frontend.load.requests + frontend.load.outputBytes + frontend.load.bodyBytes === 0);
}

test('pipelined reads run side by side and are answered in order', async (t) => {
  const harness = await startHarness(t);
  const reads = holdReads(harness.node);
  const client = await harness.connect();
  client.send(gets(3));
  await until(() => reads.length === 3);
  for (const read of reads.toReversed()) read.finish();
  for (const key of ['k0', 'k1', 'k2']) assert.equal((await client.reply()).body.toString(), key);
  await nothingLeft(harness);
});

test('a pipelined read sees the write before it', async (t) => {
  const { connect, node } = await startHarness(t);
  const order: string[] = [];
  let finishWrite: (outcome: WriteOutcome) => void = () => assert.fail('no write has started');
  node.write = () => {
    order.push('write');
    return new Promise((resolve) => (finishWrite = resolve));
  };
  node.read = async ({ key }) => {
    order.push('read');
    return found(key);
  };
  const client = await connect();
  client.send(Buffer.concat([gets(1), requestText('PUT', '/kv/a', { body: 'x' }), gets(2)]));
  await until(() => order.length >= 2);
  assert.equal((await client.reply()).status, 200);
  assert.deepEqual(order, ['read', 'write']);
  finishWrite(stored);
  assert.equal((await client.reply()).status, 204);
  assert.equal((await client.reply()).status, 200);
  assert.equal((await client.reply()).status, 200);
  assert.deepEqual(order, ['read', 'write', 'read', 'read']);
});

test('a write waits for the reads before it', async (t) => {
  const harness = await startHarness(t);
  const reads = holdReads(harness.node);
  const client = await harness.connect();
  client.send(Buffer.concat([gets(2), requestText('DELETE', '/kv/a'), gets(1)]));
  await until(() => reads.length === 2 && harness.frontend.load.requests === 4);
  let written = false;
  harness.node.write = async () => {
    written = true;
    return stored;
  };
  reads[0]?.finish();
  assert.equal((await client.reply()).status, 200);
  assert.equal(written, false);
  reads[1]?.finish();
  assert.equal((await client.reply()).status, 200);
  assert.equal((await client.reply()).status, 204);
  await until(() => reads.length === 3);
  reads[2]?.finish();
  assert.equal((await client.reply()).status, 200);
});

test('no more requests of one connection run than its pipeline limit', async (t) => {
  const harness = await startHarness(t, { limits: { pipelineMax: 4, outputBytesMax: 1 << 30 } });
  const reads = holdReads(harness.node);
  const client = await harness.connect();
  client.send(gets(20));
  for (let answered = 0; answered < 20; answered++) {
    await until(() => reads.length === Math.min(20, answered + 4));
    reads[answered]?.finish();
    assert.equal((await client.reply()).body.toString(), `k${answered}`);
  }
  await nothingLeft(harness);
});

test('reads start only while the output cap has room for the longest value of each', async (t) => {
  const harness = await startHarness(t, { valueBytesMax: 1000, limits: { outputBytesMax: 3000 } });
  const reads = holdReads(harness.node);
  const client = await harness.connect();
  client.send(gets(10));
  await until(() => harness.frontend.load.requests === 10 && reads.length > 0);
  assert.equal(reads.length, 3);
  for (let answered = 0; answered < 10; answered++) {
    await until(() => reads.length > answered);
    reads[answered]?.finish();
    await client.reply();
  }
  await nothingLeft(harness);
});

test('thousands of pipelined requests in one packet are all served, while reading stops', async (t) => {
  const harness = await startHarness(t);
  await harness.request('PUT', '/kv/a', { body: 'v' });
  const client = await harness.connect();
  client.send(gets(3000, () => '/kv/a'));
  for (let answered = 0; answered < 3000; answered++) assert.equal((await client.reply()).status, 200);
  await nothingLeft(harness);
});

test('nothing more is read from a connection while its requests wait', async (t) => {
  const harness = await startHarness(t, { limits: { pipelineMax: 1 } });
  const reads = holdReads(harness.node);
  const client = await harness.connect();
  client.send(gets(10));
  await until(() => harness.frontend.load.requests === 10);
  client.send(gets(10));
  // Had the server read on, it would have done so before it served as many rounds of another client.
  for (let round = 0; round < 5; round++) {
    assert.equal((await harness.request('PUT', '/kv/a', { body: 'x' })).status, 204);
  }
  assert.equal(harness.frontend.load.requests, 10);
  for (let answered = 0; answered < 20; answered++) {
    await until(() => reads.length > answered);
    reads[answered]?.finish();
    assert.equal((await client.reply()).status, 200);
  }
  await nothingLeft(harness);
});

test('a connection that pipelines more than may wait is closed', async (t) => {
  const harness = await startHarness(t, { limits: { heldMax: 10 } });
  const reads = holdReads(harness.node);
  const client = await harness.connect();
  client.send(
    Buffer.concat([requestText('GET', '/kv/first'), ...Array(12).fill(requestText('DELETE', '/kv/a'))]),
  );
  await client.closed();
  assert.equal(reads.length, 1);
  assert.equal(harness.counts.get('http.disconnected.pipelined_too_many'), 1);
  await nothingLeft(harness);
});

test('past the limit of requests under way the answer is OVERLOADED, and the first are served', async (t) => {
  const harness = await startHarness(t, { limits: { requestsMax: 2 } });
  const reads = holdReads(harness.node);
  const [first, second] = [await harness.connect(), await harness.connect()];
  first.send(gets(1));
  second.send(gets(1));
  await until(() => reads.length === 2);
  const refused = await harness.request('GET', '/kv/k');
  assert.equal(refused.status, 503);
  assert.match(refused.body.toString(), /OVERLOADED/);
  assert.equal(refused.headers['retry-after'], '1');
  for (const read of reads) read.finish();
  assert.equal((await first.reply()).status, 200);
  assert.equal((await second.reply()).status, 200);
  await nothingLeft(harness);
});

test('past that limit a connection that pipelines is closed', async (t) => {
  const harness = await startHarness(t, { limits: { requestsMax: 2 } });
  const reads = holdReads(harness.node);
  const client = await harness.connect();
  client.send(Buffer.concat([gets(1), requestText('DELETE', '/kv/a'), requestText('DELETE', '/kv/b')]));
  await client.closed();
  assert.equal(reads.length, 1);
  await nothingLeft(harness);
});

test('a client that pipelines and never reads is disconnected at the byte cap', async (t) => {
  const valueBytes = 1 << 20;
  const outputBytesMax = 8 << 20;
  const harness = await startHarness(t, {
    valueBytesMax: valueBytes,
    limits: { outputBytesMax, readStallMs: 150 },
  });
  const value = new Uint8Array(valueBytes);
  let running = 0;
  let worst = 0;
  harness.node.read = async () => {
    running++;
    await new Promise((resolve) => setImmediate(resolve));
    worst = Math.max(worst, harness.frontend.load.outputBytes + running * valueBytes);
    running--;
    return found(value);
  };
  const client = await harness.connect();
  client.socket.pause();
  client.send(gets(1500));
  await until(() => harness.node.gets.length > 8);
  const other = await harness.connect();
  while (harness.counts.get('http.disconnected.not_reading') === undefined) {
    other.send(requestText('PUT', '/kv/a', { body: 'x' }));
    assert.equal((await other.reply()).status, 204);
  }
  assert.ok(worst <= outputBytesMax + 8 * 1024, `${worst} bytes were queued or being fetched`);
  // What the kernel's buffers took, and the cap; not the 1.5 GB that were asked for.
  assert.ok(harness.node.gets.length < 100, `${harness.node.gets.length} values were fetched`);
  await nothingLeft(harness);
});

test('a slow reader at the byte cap is served to the end', async (t) => {
  const valueBytes = 256 * 1024;
  const harness = await startHarness(t, {
    valueBytesMax: valueBytes,
    limits: { outputBytesMax: 2 * valueBytes, readStallMs: 5_000 },
  });
  const value = new Uint8Array(valueBytes);
  harness.node.read = async () => found(value);
  const client = await harness.connect();
  client.send(gets(100));
  for (let answered = 0; answered < 100; answered++) {
    client.socket.resume();
    assert.equal((await client.reply()).body.length, valueBytes);
    client.socket.pause();
  }
  await nothingLeft(harness);
});

test('values that nobody takes fill a common budget, past which a read is refused', async (t) => {
  const valueBytes = 8 << 20;
  const harness = await startHarness(t, {
    valueBytesMax: valueBytes,
    limits: { outputBytesTotalMax: 2 * valueBytes + 1_500, stallMs: 60_000 },
  });
  const value = new Uint8Array(valueBytes);
  harness.node.read = async () => found(value);
  // The kernel takes some of the first values; each client asks until one of its values is stuck.
  for (let clients = 0; clients < 2; clients++) {
    const client = await harness.connect();
    client.socket.pause();
    client.send(gets(1));
    await until(() => harness.frontend.load.outputBytes > clients * valueBytes);
  }
  const refused = await harness.request('GET', '/kv/a');
  assert.equal(refused.status, 503);
  assert.match(refused.body.toString(), /OVERLOADED/);
  assert.equal(harness.node.gets.length, 2, 'nothing is fetched for a client that cannot get it');
  assert.equal((await harness.request('PUT', '/kv/a', { body: 'x' })).status, 204);
});

test('a value that no longer fits the common budget is not queued', async (t) => {
  const valueBytes = 8 << 20;
  const harness = await startHarness(t, {
    valueBytesMax: valueBytes,
    limits: { outputBytesTotalMax: 1.5 * valueBytes },
  });
  harness.node.read = async () => found(new Uint8Array(valueBytes));
  const client = await harness.connect();
  client.socket.pause();
  client.send(gets(1));
  await until(() => harness.frontend.load.outputBytes > valueBytes);
  assert.equal((await harness.request('GET', '/kv/a')).status, 503);
  assert.equal(harness.node.gets.length, 2);
});

test('a client that takes nothing of a reply is disconnected after a while', async (t) => {
  const valueBytes = 16 << 20;
  const harness = await startHarness(t, { valueBytesMax: valueBytes, limits: { stallMs: 100 } });
  harness.node.read = async () => found(new Uint8Array(valueBytes));
  const client = await harness.connect();
  client.socket.pause();
  client.send(gets(1));
  await until(() => harness.counts.get('http.disconnected.not_reading') === 1);
  await nothingLeft(harness);
});

test('the same goes for a page of the operator', async (t) => {
  const harness = await startHarness(t, { valueBytesMax: 16 << 20, limits: { stallMs: 200 } });
  await harness.request('PUT', '/kv/a', { body: Buffer.alloc(16 << 20) });
  const client = await harness.connect();
  client.socket.pause();
  client.send(requestText('POST', '/internal/get', { body: '{"key":"a"}' }));
  await until(() => harness.counts.get('http.disconnected.not_reading') === 1);
  await nothingLeft(harness);
});

test('a slow coordinator is not the fault of its client', async (t) => {
  const harness = await startHarness(t, { limits: { stallMs: 30 } });
  harness.node.read = async ({ key }) => {
    await new Promise((resolve) => setTimeout(resolve, 150));
    return found(key);
  };
  assert.equal((await harness.request('GET', '/kv/a')).status, 200);
});

test('a client that disconnects leaves nothing behind, whatever was waiting or running', async (t) => {
  const harness = await startHarness(t);
  const reads = holdReads(harness.node);
  let finishInspection: () => void = () => assert.fail('the test has not begun');
  harness.node.inspection = new Promise((resolve) => (finishInspection = resolve));
  const [waiting, running] = [await harness.connect(), await harness.connect()];
  const inspecting = await harness.connect();
  inspecting.send(requestText('POST', '/internal/get', { body: '{"key":"a"}' }));
  waiting.send(Buffer.concat([gets(2), requestText('PUT', '/kv/a', { body: 'x' }), gets(5)]));
  running.send(gets(1));
  await until(() => reads.length === 3 && harness.frontend.load.requests === 10);
  running.close();
  inspecting.close();
  await until(() => harness.frontend.load.requests === 8);
  // Nothing is read from a connection whose requests wait: its end is seen when they move on.
  waiting.close();
  harness.node.read = undefined;
  for (const read of reads) read.finish();
  finishInspection();
  await nothingLeft(harness);
  assert.equal((await harness.request('GET', '/health')).status, 200);
  await nothingLeft(harness);
});
