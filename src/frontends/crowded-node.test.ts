/**
 * What both fronts do while many requests wait for their turn in the node: they tell it of clients that have gone, and
 * read on from no connection that has a request under way.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ReadOutcome } from '../replica/node-api.ts';
import type { MemoryNode } from './memory-node.ts';
import { multibulk, startRedisHarness } from './redis/test-harness.ts';
import { requestText, startHarness } from './test-harness.ts';

const missing: ReadOutcome = { kind: 'missing', digest: undefined, answered: 2, required: 2 };

async function until(condition: () => boolean): Promise<void> {
  for (let turn = 0; !condition(); turn++) {
    assert.ok(turn < 100_000, 'what was waited for did not happen');
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** Reads that wait until the test answers them, first come, first served. */
function heldReads(node: MemoryNode): { readonly answerNext: () => void; readonly waiting: () => number } {
  const held: ((outcome: ReadOutcome) => void)[] = [];
  node.read = () => new Promise((resolve) => held.push(resolve));
  return { answerNext: () => held.shift()?.(missing), waiting: () => held.length };
}

const pair = [requestText('GET', '/kv/a'), requestText('GET', '/kv/b')];
const ways = [
  { name: 'the plain lane', requests: pair.slice(0, 1) },
  { name: 'node:http', requests: pair },
];
for (const { name, requests } of ways) {
  test(`a client that closes its connection is gone for all that waits: ${name}`, async (t) => {
    const harness = await startHarness(t);
    const reads = heldReads(harness.node);
    const client = await harness.connect();
    client.send(Buffer.concat(requests));
    await until(() => reads.waiting() === requests.length);
    const waiting = harness.node.gets.map((get) => get.client);
    assert.ok(waiting.every((one) => one?.isGone === false));
    client.close();
    await until(() => waiting.every((one) => one?.isGone === true));
  });
}

test('a client that closes its connection is gone for all that waits: Redis', async (t) => {
  const harness = await startRedisHarness(t);
  const reads = heldReads(harness.node);
  const client = await harness.connect();
  client.send(Buffer.concat([multibulk('GET', 'a'), multibulk('GET', 'b')]));
  await until(() => reads.waiting() === 2);
  const waiting = harness.node.gets.map((get) => get.client);
  assert.ok(waiting.every((one) => one?.isGone === false));
  client.close();
  await until(() => waiting.every((one) => one?.isGone === true));
});

test('on a crowded node pipelined requests of HTTP begin one after the other, and none is lost', async (t) => {
  const harness = await startHarness(t);
  const reads = heldReads(harness.node);
  harness.node.isCrowded = true;
  const client = await harness.connect();
  client.send(Buffer.concat([...pair, requestText('GET', '/kv/c')]));
  await until(() => reads.waiting() === 1 && harness.frontend.load.requests === 3);
  for (let answered = 0; answered < 3; answered++) {
    await until(() => reads.waiting() > 0);
    assert.equal(reads.waiting(), 1);
    reads.answerNext();
    assert.equal((await client.reply()).status, 404);
  }
  assert.equal(harness.node.gets.length, 3);
});

test('on a crowded node pipelined requests of Redis begin one after the other, and the socket is not read', async (t) => {
  const harness = await startRedisHarness(t);
  const reads = heldReads(harness.node);
  harness.node.isCrowded = true;
  const client = await harness.connect();
  client.send(Buffer.concat(['a', 'b', 'c'].map((key) => multibulk('GET', key))));
  await until(() => reads.waiting() === 1 && harness.sockets[0]?.isPaused() === true);
  for (let answered = 0; answered < 3; answered++) {
    assert.equal(reads.waiting(), 1);
    reads.answerNext();
    assert.equal(await client.reply(), '$-1\r\n');
  }
  assert.equal(harness.sockets[0]?.isPaused(), false);
});
