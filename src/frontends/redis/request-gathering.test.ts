import assert from 'node:assert/strict';
import { test } from 'node:test';
import { limits } from '../../core/limits.ts';
import { multibulk, startRedisHarness } from './test-harness.ts';

test('a pipeline of plain reads and writes reaches the store in two calls, and is answered in its order', async (t) => {
  const { connect, node } = await startRedisHarness(t);
  const client = await connect();
  const requests = Array.from({ length: 8 }, (_, index) => [
    multibulk('SET', `key-${index}`, `value-${index}`),
    multibulk('GET', `other-${index}`),
  ]).flat();
  client.send(Buffer.concat(requests));
  const replies = await client.replies(16);
  assert.deepEqual(
    replies,
    Array.from({ length: 16 }, (_, index) => (index % 2 === 0 ? '+OK\r\n' : '$-1\r\n')),
  );
  assert.deepEqual(node.gathered, [8, 8]);
});

test('requests of several connections that arrive in one turn go together', async (t) => {
  const { connect, node, sockets } = await startRedisHarness(t);
  const clients = await Promise.all([connect(), connect(), connect()]);
  for (const client of clients) {
    client.send(multibulk('PING'));
    assert.equal(await client.reply(), '+PONG\r\n');
  }
  for (const socket of sockets) socket.emit('data', multibulk('GET', 'a key'));
  for (const client of clients) assert.equal(await client.reply(), '$-1\r\n');
  assert.deepEqual(node.gathered, [3]);
});

test('requests of one key keep their order although they come together', async (t) => {
  const { connect } = await startRedisHarness(t);
  const client = await connect();
  client.send(
    Buffer.concat([
      multibulk('SET', 'key', 'one'),
      multibulk('GET', 'key'),
      multibulk('SET', 'key', 'two'),
      multibulk('GET', 'key'),
    ]),
  );
  assert.deepEqual(await client.replies(4), ['+OK\r\n', '$3\r\none\r\n', '+OK\r\n', '$3\r\ntwo\r\n']);
});

test('no more go together than one message takes', async (t) => {
  const { connect, node } = await startRedisHarness(t, { limits: { pipelineMax: 1_000 } });
  const client = await connect();
  const count = limits.keysAtOnceMax + 10;
  client.send(Buffer.concat(Array.from({ length: count }, (_, index) => multibulk('GET', `key-${index}`))));
  await client.replies(count);
  assert.ok(Math.max(...node.gathered) <= limits.keysAtOnceMax);
  assert.equal(
    node.gathered.reduce((sum, gathered) => sum + gathered, 0),
    count,
  );
});

test('each reply is that of its own request: one that is refused leaves the others alone', async (t) => {
  const { connect, node } = await startRedisHarness(t);
  node.write = ({ key }) =>
    Promise.resolve(
      Buffer.from(key).toString() === 'bad'
        ? { kind: 'refused', code: 'DISK_FULL', message: 'the disk is full' }
        : { kind: 'stored', dot: { wallMs: 1, counter: 0, actor: 'n1.test' }, acknowledged: 2, required: 2 },
    );
  const client = await connect();
  client.send(Buffer.concat(['good', 'bad', 'fine'].map((key) => multibulk('SET', key, 'value'))));
  assert.deepEqual(await client.replies(3), ['+OK\r\n', '-DISK_FULL the disk is full\r\n', '+OK\r\n']);
});
