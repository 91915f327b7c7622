/** SIGTERM (part of defect 15 of the Go demo): what is under way is answered, and the next start is a clean one. */

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { after, before, test } from 'node:test';

import { hasStatus, statusText } from '../../src/cli/key-client.ts';
import { replyFields } from '../../src/cli/reply-fields.ts';
import { ThrowawayCluster } from '../../src/cli/throwaway-cluster.ts';
import { waitUntil } from '../../src/cli/wait-until.ts';
import { numbered } from './load.ts';
import { serveNode } from './serve-process.ts';

const inFlight = 32;
/** What `serve` promises. */
const stopBoundMs = 15_000;

let cluster: ThrowawayCluster;
let snapshotBytesBefore = 0;
before(async () => {
  cluster = await ThrowawayCluster.create({ nodes: 3 });
  await cluster.start('n2', 'n3');
});
after(() => cluster.remove());

test('SIGTERM answers the writes that are under way, then the process ends with exit code 0', async () => {
  const n1 = await serveNode(cluster, 'n1');
  await cluster.connected();
  // A new node writes a checkpoint of nothing once its peers have said that nothing is missing.
  snapshotBytesBefore = await snapshotBytesOf('n1');
  const keys = numbered('under-way', inFlight);
  const writes = await Promise.all(keys.map((key) => halfSentPut(key)));
  n1.child.kill('SIGTERM');
  const refusing = await waitUntil(
    async () => (await cluster.client('n1').get('any')).kind === 'unreachable',
    {
      boundMs: 5_000,
    },
  );
  assert.ok(refusing, 'the node still takes connections after SIGTERM');
  const answers = await Promise.all(writes.map((write) => write.finish()));
  for (const answer of answers) assert.match(answer, /^HTTP\/1\.1 204 /);
  const { code, stderr } = await n1.ended;
  assert.equal(code, 0, stderr);
  assert.match(stderr, /node\.stopping {2}SIGTERM/);
  assert.match(stderr, /node\.stopped {2}stopped cleanly/);

  for (const key of keys) {
    const reply = await cluster.client('n2').get(key);
    assert.ok(hasStatus(reply, 200), `${key}: ${statusText(reply)}`);
    assert.equal(reply.body.toString(), key);
  }
});

test('a clean stop leaves a checkpoint, and the next start takes it', async () => {
  const n1 = await serveNode(cluster, 'n1');
  const snapshotBytes = await snapshotBytesOf('n1');
  assert.ok(snapshotBytes > snapshotBytesBefore, 'the stop before this start wrote no checkpoint');
  const record = await cluster.client('n1').localRecord('under-way-1');
  assert.equal(record.kind, 'value');
  n1.child.kill('SIGINT');
  const { code, stderr } = await n1.ended;
  assert.equal(code, 0, stderr);
  assert.doesNotMatch(stderr, /checkpoint\.rejected/);
});

test('a client that never finishes its request holds the stop up for a bounded time only', async () => {
  const n1 = await serveNode(cluster, 'n1');
  const write = await halfSentPut('never-finished');
  n1.child.kill('SIGTERM');
  const started = performance.now();
  const { code, stderr } = await n1.ended;
  assert.equal(code, 0, stderr);
  assert.ok(performance.now() - started < stopBoundMs);
  write.abandon();
});

test('a second signal ends the process at once', async () => {
  const n1 = await serveNode(cluster, 'n1');
  const write = await halfSentPut('never-finished');
  n1.child.kill('SIGTERM');
  await waitUntil(async () => (await cluster.client('n1').get('any')).kind === 'unreachable', {
    boundMs: 5_000,
  });
  const started = performance.now();
  n1.child.kill('SIGTERM');
  const { code } = await n1.ended;
  assert.equal(code, 1);
  assert.ok(performance.now() - started < 2_000);
  write.abandon();
});

async function snapshotBytesOf(id: string): Promise<number> {
  const reply = await cluster.client(id).request('GET', '/debug/persist');
  assert.ok(hasStatus(reply, 200), statusText(reply));
  return Number(replyFields(reply.body).get('snapshot_bytes'));
}

interface HalfSentPut {
  /** Sends the rest and resolves to the answer. */
  finish(): Promise<string>;
  abandon(): void;
}

/** A write of which the node has seen the head and been sent half of the body. */
async function halfSentPut(key: string): Promise<HalfSentPut> {
  const { host, port } = cluster.node('n1').address;
  const socket: Socket = connect({ host, port, allowHalfOpen: true });
  // A process that ends resets its connections; whoever waits for an answer is told by the stream.
  socket.on('error', () => undefined);
  socket.write(
    `PUT /kv/${key} HTTP/1.1\r\nHost: n1\r\nContent-Length: ${key.length}\r\nExpect: 100-continue\r\n\r\n`,
  );
  const [invitation] = (await once(socket, 'data')) as [Buffer];
  assert.match(invitation.toString(), /^HTTP\/1\.1 100 /);
  socket.write(key.slice(0, 3));
  return {
    async finish() {
      const answer = text(socket);
      socket.write(key.slice(3));
      return await answer;
    },
    abandon: () => void socket.destroy(),
  };
}
