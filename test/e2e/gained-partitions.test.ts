/** A change of the nodes file gives nodes partitions whose records lie elsewhere: they deny nothing meanwhile. */

import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { hasStatus, statusText } from '../../src/cli/key-client.ts';
import { ThrowawayCluster } from '../../src/cli/throwaway-cluster.ts';
import { numbered } from './load.ts';

const keys = numbered('moved', 200);
const stay = ['n1', 'n2', 'n3'] as const;

let cluster: ThrowawayCluster;
before(async () => {
  cluster = await ThrowawayCluster.create({ nodes: 4 });
  await cluster.start();
  await cluster.connected();
});
after(() => cluster.remove());

test('a node that takes over partitions of a removed one denies no key, and then holds all of them', async () => {
  for (const key of keys) {
    const reply = await cluster.client('n1').put(key, Buffer.from(key));
    assert.ok(hasStatus(reply, 204), statusText(reply));
  }
  await Promise.all(cluster.ids.map((id) => cluster.stop(id)));
  const path = join(cluster.folder, 'nodes.json');
  const file = JSON.parse(await readFile(path, 'utf8')) as {
    readonly nodes: readonly { readonly id: string }[];
  };
  const nodes = file.nodes.filter(({ id }) => id !== 'n4');
  await writeFile(path, JSON.stringify({ ...file, nodes, partitions: 256 }));
  // Alone, with R = 1, it answers for what it owned before, and for the rest it says that it cannot tell.
  await cluster.start('n3');
  const statuses = await Promise.all(keys.map((key) => statusAtN3(key)));
  assert.deepEqual(
    keys.filter((_, index) => statuses[index] === 404),
    [],
    'keys that were denied',
  );
  assert.ok(statuses.includes(200) && statuses.includes(503), [...new Set(statuses)].join());

  await cluster.start('n1', 'n2');
  const endsAt = performance.now() + 30_000;
  for (;;) {
    const held = await Promise.all(
      stay.map(async (id) => {
        const copies = await Promise.all(keys.map((key) => cluster.client(id).localRecord(key)));
        return copies.filter((copy) => copy.kind === 'value').length;
      }),
    );
    if (held.every((count) => count === keys.length)) break;
    assert.ok(performance.now() < endsAt, `of ${keys.length} keys the nodes hold ${held.join(', ')}`);
  }
});

async function statusAtN3(key: string): Promise<number> {
  const { host, port } = cluster.node('n3').address;
  const reply = await fetch(`http://${host}:${port}/kv/${key}?r=1&timeout=500`);
  await reply.arrayBuffer();
  return reply.status;
}
