import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { WriteOutcome } from '../../replica/node-api.ts';
import { startRedisHarness } from './test-harness.ts';

for (const words of [
  ['GETDEL', 'key'],
  ['GETEX', 'key', 'EX', '10'],
  ['DEL', 'key'],
  ['EXPIRE', 'key', '10'],
  ['EXPIRE', 'key', '0'],
  ['PERSIST', 'key'],
  ['SET', 'key', 'new', 'GET'],
  ['SET', 'key', 'new', 'KEEPTTL'],
]) {
  test(`${words.join(' ')} writes with the version that it read as causal context`, async (context) => {
    const harness = await startRedisHarness(context);
    const { node } = harness;
    await harness.ask('SET', 'key', 'old', 'EX', '1000');
    const read = node.records.get('key')?.version.dot;
    assert.ok(read !== undefined);
    const contexts: unknown[] = [];
    const outcome: WriteOutcome = { kind: 'stored', dot: read, acknowledged: 2, required: 2 };
    node.write = (request) => {
      contexts.push('context' in request ? request.context : undefined);
      return Promise.resolve(outcome);
    };
    assert.match(await harness.ask(...words), /^[^-]/);
    assert.deepEqual(contexts, [read]);
  });
}

test('an expiry changes nothing else: value and content type are written as they were read', async (context) => {
  const harness = await startRedisHarness(context);
  const { node } = harness;
  await node.put({ key: Buffer.from('key'), value: Buffer.from('{}'), contentType: 'application/json' });
  for (const words of [
    ['EXPIRE', 'key', '100'],
    ['GETEX', 'key', 'PX', '5000'],
    ['PERSIST', 'key'],
  ]) {
    assert.match(await harness.ask(...words), /^[^-]/);
    const version = node.records.get('key')?.version;
    assert.equal(version?.contentType, 'application/json');
    assert.equal(Buffer.from(version.value).toString(), '{}');
  }
  // A value that is set anew is another value, of no known type.
  await harness.ask('SET', 'key', 'x', 'KEEPTTL');
  assert.equal(node.records.get('key')?.version.contentType, '');
});

test('a write after an expiry that lies in the past is read as deleted', async (context) => {
  const harness = await startRedisHarness(context);
  assert.equal(await harness.ask('SET', 'key', 'x', 'PXAT', String(harness.node.wallMs - 1)), '+OK\r\n');
  assert.equal(await harness.ask('GET', 'key'), '$-1\r\n');
  assert.equal(await harness.ask('EXISTS', 'key'), ':0\r\n');
});
