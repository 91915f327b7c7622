import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { test, type TestContext } from 'node:test';

import { isNodeId } from '../core/config.ts';
import { waitUntilConnected } from './bring-up.ts';
import type { ClusterNode } from './cluster-settings.ts';

/** A node of which only `/debug/peers` is there: each time it is asked it sees what `peersUp` returns then. */
async function nodeThatSees(
  context: TestContext,
  id: string,
  peersUp: (asked: number) => readonly string[],
): Promise<ClusterNode> {
  assert.ok(isNodeId(id));
  let asked = 0;
  const server = createServer({ keepAliveTimeout: 1 }, (incoming, reply) => {
    assert.equal(incoming.url, '/debug/peers');
    asked++;
    const peers = peersUp(asked).map((peer) => ({ id: peer, up: true }));
    reply.end(JSON.stringify({ peers: [...peers, { id: 'n9', up: false }] }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  context.after(() => server.close());
  const bound = server.address();
  assert.ok(typeof bound === 'object' && bound !== null);
  const address = { host: '127.0.0.1', port: bound.port };
  return { id, address, peerAddress: undefined, zone: id, weight: 1, worker: undefined };
}

test('nodes are waited for until each counts all the others as up', async (context) => {
  let asked = 0;
  const nodes = await Promise.all([
    nodeThatSees(context, 'n1', () => ['n2', 'n3']),
    nodeThatSees(context, 'n2', (times) => {
      asked = times;
      return times < 3 ? ['n1'] : ['n3', 'n1'];
    }),
    nodeThatSees(context, 'n3', () => ['n1', 'n2']),
  ]);
  assert.deepEqual(await waitUntilConnected(nodes, 60_000), []);
  assert.equal(asked, 3);
});

test('those that never see each other are named, and so is one that does not answer', async (context) => {
  const [n1, n2, running] = await Promise.all([
    nodeThatSees(context, 'n1', () => ['n2', 'n3']),
    nodeThatSees(context, 'n2', () => []),
    nodeThatSees(context, 'n3', () => []),
  ]);
  const n3: ClusterNode = { ...running, address: { host: '127.0.0.1', port: 1 } };
  const [ofSecond, ofThird, ...others] = await waitUntilConnected([n1, n2, n3], 0);
  assert.match(ofSecond ?? '', /^n2 \(127\.0\.0\.1:\d+\) does not see n1, n3 yet: mini-dynamo logs n2 /);
  assert.match(ofThird ?? '', /^n3 \(127\.0\.0\.1:1\) does not say which nodes it sees: .*ECONNREFUSED/);
  assert.deepEqual(others, []);
});
