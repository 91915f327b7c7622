import assert from 'node:assert/strict';
import { test } from 'node:test';
import { limits } from '../../core/limits.ts';
import { distinct, forEachKey } from './several-keys.ts';
import { multibulk, startRedisHarness } from './test-harness.ts';

test('results keep the order of the keys, and only so many are asked for at once', async () => {
  const items = Array.from({ length: 500 }, (_, index) => index);
  let running = 0;
  let most = 0;
  const results = await forEachKey(items, async (item) => {
    most = Math.max(most, ++running);
    for (let turn = 0; turn <= item % 7; turn++) await undefined;
    running--;
    return item * 2;
  });
  assert.deepEqual(
    results,
    items.map((item) => item * 2),
  );
  assert.equal(most, limits.redisKeysAtOnceMax);
});

test('after a failure no further key is asked for, and what is under way is waited for', async () => {
  const started: number[] = [];
  const ended: number[] = [];
  await assert.rejects(
    forEachKey(
      Array.from({ length: 500 }, (_, index) => index),
      async (item) => {
        started.push(item);
        await undefined;
        if (item === 3) throw new Error('no quorum');
        await undefined;
        ended.push(item);
      },
    ),
    /no quorum/,
  );
  assert.ok(started.length < 500);
  assert.equal(ended.length, started.length - 1);
});

test('a word that is given twice counts once', () => {
  const words = ['a', 'b', 'a'].map((text) => Buffer.from(text));
  assert.deepEqual(distinct(words).map(String), ['a', 'b']);
});

test('of a key that MSET names twice only the last value is written', async (context) => {
  const harness = await startRedisHarness(context);
  const client = await harness.connect();
  client.send(multibulk('MSET', 'a', '1', 'b', '2', 'a', '3'));
  assert.equal(await client.reply(), '+OK\r\n');
  const written = harness.node.puts.map(({ key, value }) => `${String(key)}=${String(value)}`);
  assert.deepEqual(written, ['a=3', 'b=2']);
});
