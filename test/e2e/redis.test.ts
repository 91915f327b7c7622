/**
 * The Redis protocol on real nodes, with the clients that people use, unmodified: `ioredis`, `@redis/client`, `redis-cli`
 * and `redis-benchmark`. The last two are Debian's redis-tools; where they are missing their tests say so and are
 * skipped.
 */

import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { after, before, describe, test, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createClient } from '@redis/client';
import { Redis } from 'ioredis';

import { hasStatus, statusText } from '../../src/cli/key-client.ts';
import { ThrowawayCluster } from '../../src/cli/throwaway-cluster.ts';
import { waitUntil } from '../../src/cli/wait-until.ts';
import { numbered } from './load.ts';

const host = '127.0.0.1';
const boundMs = 60_000;

describe('three nodes, asked by Redis clients', () => {
  let cluster: ThrowawayCluster;
  before(async () => {
    cluster = await ThrowawayCluster.create({ nodes: 3 });
    await cluster.start();
    await cluster.connected();
  });
  after(() => cluster.remove());

  function portOf(id: string): number {
    return cluster.node(id).address.port;
  }

  /** A client of ioredis, closed when the test ends. */
  function ioredis(context: TestContext, id: string, autoPipelining = false): Redis {
    const client = new Redis({ host, port: portOf(id), enableAutoPipelining: autoPipelining });
    context.after(() => client.disconnect());
    return client;
  }

  test('ioredis reads at one node what it wrote at another', async (context) => {
    const first = ioredis(context, 'n1');
    const second = ioredis(context, 'n2');
    assert.equal(await first.set('io:a', 'ä'), 'OK');
    assert.equal(await second.get('io:a'), 'ä');
    assert.equal(await first.get('io:nothing'), null);
    assert.equal(await first.mset({ 'io:b': '2', 'io:c': '' }), 'OK');
    assert.deepEqual(await second.mget('io:a', 'io:nothing', 'io:b', 'io:c'), ['ä', null, '2', '']);
    const bytes = Buffer.from([0, 13, 10, 255]);
    await first.set(bytes, bytes);
    assert.deepEqual(await second.getBuffer(bytes), bytes);
    assert.equal(await first.set('io:a', 'new', 'EX', 100), 'OK');
    const ttl = await second.ttl('io:a');
    assert.ok(ttl >= 95 && ttl <= 100, `${ttl} s`);
    assert.equal(await first.persist('io:a'), 1);
    assert.equal(await second.ttl('io:a'), -1);
    assert.equal(await first.getdel('io:a'), 'new');
    assert.equal(await second.exists('io:a', 'io:b'), 1);
    assert.equal(await first.del('io:b', 'io:c', 'io:nothing'), 2);
    await assert.rejects(first.set('io:lock', 'x', 'NX'), /compare-and-set/);
    await assert.rejects(first.incr('io:count'), /leaderless/);
  });

  test('ioredis pipelines, by hand and by itself', async (context) => {
    const client = ioredis(context, 'n1', true);
    const keys = numbered('pipelined', 400);
    await Promise.all(keys.map((key) => client.set(key, `value of ${key}`)));
    const pipeline = client.pipeline();
    for (const key of keys) pipeline.get(key);
    const answers = (await pipeline.exec()) ?? [];
    assert.deepEqual(
      answers.map(([error, value]) => [error, value]),
      keys.map((key) => [null, `value of ${key}`]),
    );
    const large = 'x'.repeat(2_000_000);
    await client.set('pipelined large', large);
    const values = await Promise.all(Array.from({ length: 12 }, () => client.get('pipelined large')));
    assert.ok(values.every((value) => value === large));
  });

  test('ioredis scans every key that is there', async (context) => {
    const client = ioredis(context, 'n1');
    const keys = numbered('scanned', 350);
    await Promise.all(keys.map((key) => client.set(key, 'x')));
    const [removed = '', ...expected] = keys.toSorted();
    assert.equal(await client.del(removed), 1);
    const complete = await waitUntil(
      async () => {
        const found = new Set<string>();
        for await (const page of client.scanStream({ match: 'scanned*', count: 50 })) {
          for (const key of page as string[]) found.add(key);
        }
        return [...found].toSorted().join() === expected.join();
      },
      { boundMs },
    );
    assert.ok(complete, 'the scan lacks a key, or has one too many');
  });

  test('@redis/client speaks RESP3', async (context) => {
    const client = createClient({ socket: { host, port: portOf('n3') }, RESP: 3, name: 'tester' });
    client.on('error', () => {});
    await client.connect();
    context.after(() => client.destroy());
    assert.equal(await client.set('node:a', '1', { expiration: { type: 'PX', value: 60_000 } }), 'OK');
    assert.equal(await client.get('node:a'), '1');
    assert.equal(await client.set('node:a', '2', { expiration: 'KEEPTTL', GET: true }), '1');
    assert.ok((await client.pTTL('node:a')) > 50_000);
    assert.equal(await client.get('node:nothing'), null);
    assert.deepEqual(await client.mGet(['node:a', 'node:nothing']), ['2', null]);
    assert.deepEqual({ ...(await client.configGet('appendonly')) }, { appendonly: 'yes' });
    assert.equal(await client.clientGetName(), 'tester');
    const all = await Promise.all(numbered('node', 300).map((key) => client.set(key, key)));
    assert.ok(all.every((answer) => answer === 'OK'));
    const found = new Set<string>();
    for await (const page of client.scanIterator({ MATCH: 'node:*', COUNT: 100 })) {
      for (const key of page) found.add(key);
    }
    assert.ok(found.has('node:a'));
    assert.equal(await client.del('node:a'), 1);
    assert.match(await client.info('replication'), /quorum_w:2/);
    await assert.rejects(client.multi().set('a', '1').exec(), /leaderless/);
  });

  test('a key is the same by HTTP and by Redis', async (context) => {
    const redis = ioredis(context, 'n1');
    const http = cluster.client('n2');
    assert.ok(hasStatus(await http.put('both/1', 'by http'), 204));
    assert.equal(await redis.get('both/1'), 'by http');
    await redis.set('both/1', 'by redis');
    const reply = await http.get('both/1');
    assert.ok(hasStatus(reply, 200), statusText(reply));
    assert.equal(reply.body.toString(), 'by redis');
    await redis.set('both/empty', '');
    const empty = await http.get('both/empty');
    assert.ok(hasStatus(empty, 200) && empty.body.length === 0, statusText(empty));
    const longest = 'k'.repeat(4_096);
    await redis.set(longest, 'x');
    assert.ok(hasStatus(await http.get(longest), 200));
    await assert.rejects(redis.set(`${longest}k`, 'x'), /KEY_TOO_LARGE/);
    await assert.rejects(redis.get(''), /ERR missing key/);

    // What was put with a type and a time to live keeps the type when only its expiry changes.
    const url = `http://${host}:${portOf('n2')}/kv/both%2Ftyped`;
    await fetch(`${url}?ttl=60000`, {
      method: 'PUT',
      body: '{}',
      headers: { 'Content-Type': 'application/json' },
    });
    const pttl = await redis.pttl('both/typed');
    assert.ok(pttl > 50_000 && pttl <= 60_000, `${pttl} ms`);
    assert.equal(await redis.expire('both/typed', 1), 1);
    assert.equal((await fetch(url)).headers.get('content-type'), 'application/json');
    await sleep(1_100);
    assert.equal((await fetch(url)).status, 404);
    assert.equal(await redis.get('both/typed'), null);
    assert.equal(await redis.del('both/1'), 1);
    assert.ok(hasStatus(await http.get('both/1'), 404));
  });

  test('redis-cli works, with commands, mass insertion, scans and RESP3', async (context) => {
    if (!hasTool(context, 'redis-cli')) return;
    const port = portOf('n1');
    assert.equal(
      await tool('redis-cli', port, [], 'set cli:a "1 2"\nget cli:a\nttl cli:a\n'),
      'OK\n1 2\n-1\n',
    );
    assert.equal(await tool('redis-cli', port, ['-3', '--json', 'config', 'get', 'save']), '{"save":""}\n');
    assert.match(await tool('redis-cli', port, ['info']), /redis_version:7/);
    assert.match(await tool('redis-cli', port, ['setnx', 'a', 'b']), /compare-and-set/);
    const lines = numbered('cli', 2_000).map((key) => `SET "${key}" x\r\n`);
    assert.match(await tool('redis-cli', port, ['--pipe'], lines.join('')), /errors: 0, replies: 2000/);
    const complete = await waitUntil(
      async () => {
        const listed = new Set((await tool('redis-cli', port, ['--scan', '--pattern', 'cli*'])).split('\n'));
        return numbered('cli', 2_000).every((key) => listed.has(key));
      },
      { boundMs },
    );
    assert.ok(complete, 'redis-cli --scan lacks a key');
    assert.match(await tool('redis-cli', port, ['client', 'list']), /addr=127\.0\.0\.1/);
  });

  test('redis-benchmark runs to its end, pipelined or not', async (context) => {
    if (!hasTool(context, 'redis-benchmark')) return;
    const port = portOf('n1');
    const tests = ['-t', 'ping,set,get,mset', '-n', '500', '-c', '16', '-d', '100', '-r', '500', '--csv'];
    for (const pipeline of ['1', '16']) {
      const output = await tool('redis-benchmark', port, [...tests, '-P', pipeline]);
      for (const name of ['PING_INLINE', 'PING_MBULK', 'SET', 'GET', 'MSET (10 keys)']) {
        assert.ok(output.includes(`"${name}"`), output);
      }
      assert.doesNotMatch(output, /[Ee]rror/);
    }
  });

  test('a dead majority makes writes unknown and reads unanswered, never wrong', async (context) => {
    const client = ioredis(context, 'n1');
    await client.set('majority', 'before');
    await cluster.kill('n2', 'n3');
    await assert.rejects(client.set('majority', 'after'), /^ReplyError: UNKNOWN outcome unknown: /);
    await assert.rejects(client.get('majority'), /^ReplyError: NOQUORUM /);
    await assert.rejects(client.mget('majority', 'b'), /^ReplyError: NOQUORUM /);
    await cluster.start('n2', 'n3');
    const answered = await waitUntil(
      async () => ['before', 'after'].includes((await client.get('majority').catch(() => '')) ?? ''),
      { boundMs },
    );
    assert.ok(answered, 'the key cannot be read although all nodes are up again');
  });
});

/** Whether a program is there; without it the test is skipped aloud. */
function hasTool(context: TestContext, name: string): boolean {
  if (spawnSync(name, ['--version']).status === 0) return true;
  context.skip(`${name} is not installed: apt-get install redis-tools`);
  return false;
}

/** What a program of redis-tools writes; throws when it fails. */
async function tool(name: string, port: number, options: readonly string[], input = ''): Promise<string> {
  const child = spawn(name, ['-h', host, '-p', String(port), ...options], { timeout: boundMs });
  let output = '';
  let errors = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text));
  child.stdin.end(input);
  const code = await new Promise<number | null>((resolve, reject) =>
    child.on('close', resolve).on('error', reject),
  );
  assert.equal(code, 0, `${name} ${options.join(' ')}: ${output}${errors}`);
  return output;
}
