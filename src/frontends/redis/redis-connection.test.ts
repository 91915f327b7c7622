import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { ReadOutcome, WriteOutcome } from '../../replica/node-api.ts';
import { multibulk, startRedisHarness, type RedisHarness } from './test-harness.ts';

const stored: WriteOutcome = {
  kind: 'stored',
  dot: { wallMs: 1, counter: 0, actor: 'n1.test' },
  acknowledged: 2,
  required: 2,
};

/** Operations that wait until the test answers them, by key. */
class Waiting<Outcome> {
  readonly keys: string[] = [];
  readonly #answers: ((outcome: Outcome) => void)[] = [];

  readonly ask = (request: { readonly key: Uint8Array }): Promise<Outcome> => {
    this.keys.push(Buffer.from(request.key).toString());
    return new Promise((resolve) => this.#answers.push(resolve));
  };

  /** Answers the operation that was asked for as the n-th, from 0. */
  answer(index: number, outcome: Outcome): void {
    this.#answers[index]?.(outcome);
  }
}

function found(value: string | Uint8Array): ReadOutcome {
  const version = {
    dot: { wallMs: 1, counter: 0, actor: 'n1.test' },
    tombstone: false,
    expiresAtMs: 0,
    checksum: 0,
    contentType: '',
    value: Buffer.from(value),
  };
  return { kind: 'found', version, answered: 2, required: 2 };
}

async function until(condition: () => boolean): Promise<void> {
  for (let turn = 0; !condition(); turn++) {
    assert.ok(turn < 100_000, 'what was waited for did not happen');
    await nextTurn();
  }
}

/** Lets what is on its way through the kernel arrive. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 50; turn++) await nextTurn();
}

async function withWaitingWrites(harness: RedisHarness): Promise<Waiting<WriteOutcome>> {
  const writes = new Waiting<WriteOutcome>();
  harness.node.write = writes.ask;
  await Promise.resolve();
  return writes;
}

test('pipelined writes of different keys run side by side, and their replies keep their order', async (context) => {
  const harness = await startRedisHarness(context);
  const writes = await withWaitingWrites(harness);
  const client = await harness.connect();
  client.send(Buffer.concat([multibulk('SET', 'a', '1'), multibulk('SET', 'b', '2'), multibulk('GETDEL')]));
  await until(() => writes.keys.length === 2);
  writes.answer(1, { kind: 'refused', code: 'OVERLOADED', message: 'b' });
  await settle();
  writes.answer(0, stored);
  const [first, second, third = ''] = await client.replies(3);
  assert.deepEqual([first, second], ['+OK\r\n', '-BUSY b\r\n']);
  assert.match(third, /^-ERR wrong number/);
});

test('a request waits for the writes of its key before it, and a write for the reads too', async (context) => {
  const harness = await startRedisHarness(context);
  const writes = await withWaitingWrites(harness);
  const reads = new Waiting<ReadOutcome>();
  harness.node.read = reads.ask;
  const client = await harness.connect();
  const words = ['SET a 1', 'SET a 2', 'GET a', 'GET a', 'SET a 3'];
  client.send(Buffer.concat(words.map((line) => multibulk(...line.split(' ')))));
  await until(() => writes.keys.length === 1);
  await settle();
  assert.deepEqual([writes.keys.length, reads.keys.length], [1, 0]);
  writes.answer(0, stored);
  await until(() => writes.keys.length === 2);
  await settle();
  assert.equal(reads.keys.length, 0);
  writes.answer(1, stored);
  await until(() => reads.keys.length === 2);
  reads.answer(1, found('2'));
  await settle();
  assert.equal(writes.keys.length, 2);
  reads.answer(0, found('2'));
  await until(() => writes.keys.length === 3);
  writes.answer(2, stored);
  assert.deepEqual(await client.replies(5), ['+OK\r\n', '+OK\r\n', '$1\r\n2\r\n', '$1\r\n2\r\n', '+OK\r\n']);
});

test('a command of several keys runs alone', async (context) => {
  const harness = await startRedisHarness(context);
  const writes = await withWaitingWrites(harness);
  const client = await harness.connect();
  const words = ['SET a 1', 'MSET b 2 c 3', 'SET d 4'];
  client.send(Buffer.concat(words.map((line) => multibulk(...line.split(' ')))));
  await until(() => writes.keys.length === 1);
  await settle();
  assert.deepEqual(writes.keys, ['a']);
  writes.answer(0, stored);
  await until(() => writes.keys.length === 3);
  writes.answer(1, stored);
  await settle();
  assert.deepEqual(writes.keys, ['a', 'b', 'c']);
  writes.answer(2, stored);
  await until(() => writes.keys.length === 4);
  writes.answer(3, stored);
  assert.deepEqual(await client.replies(3), ['+OK\r\n', '+OK\r\n', '+OK\r\n']);
});

test('no more than so many requests are under way, and the socket is not read meanwhile', async (context) => {
  const harness = await startRedisHarness(context, { limits: { pipelineMax: 4 } });
  const reads = new Waiting<ReadOutcome>();
  harness.node.read = reads.ask;
  const client = await harness.connect();
  client.send(Buffer.concat(Array.from({ length: 20 }, (_, index) => multibulk('GET', `key ${index}`))));
  await until(() => reads.keys.length === 4);
  await settle();
  assert.equal(reads.keys.length, 4);
  assert.equal(harness.sockets[0]?.isPaused(), true);
  for (let index = 0; index < 20; index++) {
    await until(() => reads.keys.length > index);
    reads.answer(index, found(String(index)));
  }
  const replies = await client.replies(20);
  assert.deepEqual(
    replies.map((reply) => reply.split('\r\n')[1]),
    Array.from({ length: 20 }, (_, index) => String(index)),
  );
  await until(() => harness.sockets[0]?.isPaused() === false);
});

test('the replies of one turn leave in one write', async (context) => {
  const harness = await startRedisHarness(context);
  const client = await harness.connect();
  await until(() => harness.sockets.length === 1);
  const [socket] = harness.sockets;
  assert.ok(socket !== undefined);
  let writes = 0;
  const write = socket.write.bind(socket);
  socket.write = (chunk: string | Uint8Array) => {
    writes++;
    return write(chunk);
  };
  client.send(
    Buffer.concat(Array.from({ length: 100 }, (_, index) => multibulk('SET', `key ${index}`, 'x'))),
  );
  await client.replies(100);
  assert.equal(writes, 1);
});

test('a client that closes its side is answered all that it had sent, however much that is', async (context) => {
  const harness = await startRedisHarness(context, { limits: { pipelineMax: 8 } });
  const client = await harness.connect();
  const requests = Array.from({ length: 3_000 }, (_, index) =>
    multibulk('SET', `key ${index % 50}`, String(index)),
  );
  client.send(Buffer.concat(requests));
  client.socket.end();
  const answer = await client.ended();
  assert.equal(answer.length, requests.length * '+OK\r\n'.length);
  assert.equal(harness.node.puts.length, requests.length);
});

test('a long value that has no room behind a slow reply is read again when its turn comes', async (context) => {
  const harness = await startRedisHarness(context, { limits: { outputBytesMax: 300_000 } });
  const slow = Promise.withResolvers<void>();
  const reads: string[] = [];
  harness.node.read = async ({ key }) => {
    const name = Buffer.from(key).toString();
    reads.push(name);
    if (name === 'slow') await slow.promise;
    return found(name === 'slow' ? 'x' : name.repeat(200_000));
  };
  const client = await harness.connect();
  client.send(Buffer.concat(['slow', 'a', 'b', 'c'].map((key) => multibulk('GET', key))));
  await until(() => reads.length === 4);
  await settle();
  assert.ok(harness.frontend.figures.replyBytes < 300_000 + 200_000);
  slow.resolve();
  const replies = await client.replies(4);
  assert.deepEqual(replies, [
    '$1\r\nx\r\n',
    ...['a', 'b', 'c'].map((name) => `$200000\r\n${name.repeat(200_000)}\r\n`),
  ]);
  assert.deepEqual(reads.toSorted(), ['a', 'b', 'b', 'c', 'c', 'slow']);
});

test('after long values no more reads run at once than have room, after short ones more again', async (context) => {
  const harness = await startRedisHarness(context, { limits: { outputBytesMax: 300_000 } });
  const reads = new Waiting<ReadOutcome>();
  harness.node.read = reads.ask;
  const client = await harness.connect();
  const ask = (count: number): void =>
    client.send(Buffer.concat(Array.from({ length: count }, () => multibulk('GET', 'a'))));
  ask(1);
  await until(() => reads.keys.length === 1);
  reads.answer(0, found('x'.repeat(100_000)));
  await client.reply();
  ask(10);
  await until(() => reads.keys.length === 4);
  await settle();
  assert.equal(reads.keys.length, 4);
  reads.answer(1, found('x'));
  reads.answer(2, found('x'));
  await until(() => reads.keys.length === 11);
  for (let index = 3; index < 11; index++) reads.answer(index, found('x'));
  await client.replies(10);
});

test('a client that asks and does not read is disconnected, with little kept for it', async (context) => {
  const harness = await startRedisHarness(context, {
    limits: { readStallMs: 50, outputBytesMax: 1 << 20, pipelineMax: 8 },
  });
  const value = Buffer.alloc(1 << 19, 'v');
  harness.node.read = () => Promise.resolve(found(value));
  const client = await harness.connect();
  client.socket.pause();
  let most = 0;
  client.send(Buffer.concat(Array.from({ length: 2_000 }, () => multibulk('GET', 'a'))));
  await until(() => {
    most = Math.max(most, harness.frontend.figures.replyBytes);
    return harness.counts.get('redis.disconnected.not_reading') === 1;
  });
  assert.ok(most <= 1 << 23, `${most} bytes were kept`);
  await until(() => harness.frontend.figures.replyBytes === 0);
});

test('what waits for one client is not overwritten by what is sent to another', async (context) => {
  const harness = await startRedisHarness(context, { limits: { readStallMs: 30_000 } });
  harness.node.read = ({ key }) => Promise.resolve(found(Buffer.from(key).toString().repeat(10_000)));
  const slow = await harness.connect();
  const quick = await harness.connect();
  slow.socket.pause();
  const count = 2_000;
  slow.send(Buffer.concat(Array.from({ length: count }, () => multibulk('GET', 'a'))));
  await until(() => harness.sockets[0]?.writableNeedDrain === true);
  for (let index = 0; index < 20; index++) {
    quick.send(multibulk('GET', 'b'));
    assert.equal(await quick.reply(), `$10000\r\n${'b'.repeat(10_000)}\r\n`);
  }
  slow.socket.resume();
  for (const reply of await slow.replies(count)) assert.ok(!reply.includes('b'));
});

test('a client that stops in the middle of a request is disconnected, an idle one is not', async (context) => {
  const harness = await startRedisHarness(context, { limits: { stallMs: 30 } });
  const idle = await harness.connect();
  idle.send(multibulk('PING'));
  assert.equal(await idle.reply(), '+PONG\r\n');
  const silent = await harness.connect();
  silent.send('*2\r\n$3\r\nGET\r\n');
  assert.equal(await silent.ended(), '');
  assert.equal(harness.counts.get('redis.disconnected.silent'), 1);
  idle.send(multibulk('PING'));
  assert.equal(await idle.reply(), '+PONG\r\n');
});

test('requests of all connections together are bounded, and the one with most is told', async (context) => {
  const harness = await startRedisHarness(context, {
    valueBytesMax: 1 << 20,
    limits: { requestBytesTotalMax: 400_000 },
  });
  const modest = await harness.connect();
  const large = await harness.connect();
  large.send(`*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1000000\r\n${'x'.repeat(900_000)}`);
  assert.match(await large.ended(), /^-BUSY /);
  modest.send(multibulk('SET', 'a', 'b'));
  assert.equal(await modest.reply(), '+OK\r\n');
  await until(() => harness.frontend.figures.requestBytes === 0);
});

test('a value of the longest length is taken, one byte more gets an error and keeps the connection', async (context) => {
  const harness = await startRedisHarness(context, { valueBytesMax: 100_000 });
  harness.node.write = () =>
    Promise.resolve({ kind: 'refused', code: 'VALUE_TOO_LARGE', message: 'too long' });
  const client = await harness.connect();
  client.send(multibulk('SET', 'a', Buffer.alloc(100_001)));
  assert.equal(await client.reply(), '-VALUE_TOO_LARGE too long\r\n');
  harness.node.write = undefined;
  client.send(multibulk('SET', 'a', Buffer.alloc(100_000, 'z')));
  client.send(multibulk('STRLEN', 'a'));
  assert.deepEqual(await client.replies(2), ['+OK\r\n', ':100000\r\n']);
});

test('stopping answers what is under way and closes every connection', async (context) => {
  const harness = await startRedisHarness(context);
  const writes = await withWaitingWrites(harness);
  const idle = await harness.connect();
  const busy = await harness.connect();
  busy.send(multibulk('SET', 'a', '1'));
  await until(() => writes.keys.length === 1);
  const stopped = harness.frontend.stop();
  busy.send(multibulk('SET', 'b', '2'));
  assert.equal(await idle.ended(), '');
  writes.answer(0, stored);
  assert.equal(await busy.ended(), '+OK\r\n');
  idle.close();
  busy.close();
  await stopped;
  assert.deepEqual(writes.keys, ['a']);
});

test('a connection that breaks off leaves nothing behind, whatever its requests come to later', async (context) => {
  const harness = await startRedisHarness(context);
  const writes = await withWaitingWrites(harness);
  const client = await harness.connect();
  client.send(Buffer.concat([multibulk('SET', 'a', 'x'.repeat(50_000)), multibulk('SET', 'a', '2')]));
  await until(() => writes.keys.length === 1);
  client.socket.resetAndDestroy();
  await until(() => harness.frontend.figures.requestBytes === 0);
  writes.answer(0, stored);
  await settle();
  assert.equal(writes.keys.length, 1);
  assert.equal(harness.frontend.figures.replyBytes, 0);
});

test('random bytes never harm another connection', async (context) => {
  const harness = await startRedisHarness(context);
  const steady = await harness.connect();
  let seed = 7;
  const next = (): number => (seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0) >>> 16;
  for (let round = 0; round < 60; round++) {
    const client = await harness.connect();
    const bytes = Buffer.from(
      Array.from({ length: next() % 400 }, () => '*$12\r\nGETSX a"'.charCodeAt(next() % 14)),
    );
    client.send(bytes);
    client.socket.end();
    await client.ended();
    steady.send(multibulk('PING'));
    assert.equal(await steady.reply(), '+PONG\r\n');
  }
});
