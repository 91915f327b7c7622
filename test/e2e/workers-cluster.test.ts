/** Nodes with workers in a cluster: the commands take a node's workers together, and copies go to different machines. */

import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';

import { firstOfFreePorts, freePorts } from '../../src/cli/free-ports.ts';
import { hasStatus, KeyClient } from '../../src/cli/key-client.ts';
import { ThrowawayCluster } from '../../src/cli/throwaway-cluster.ts';
import { waitUntil } from '../../src/cli/wait-until.ts';
import { numbered } from './load.ts';
import { runCommand } from './run-command.ts';

const keys = numbered('spread', 40);

test('a node of a cluster gets a worker, and copies stay on different machines', async () => {
  const [addr1 = 0, addr2 = 0] = await freePorts(2);
  const [peer1, peer2] = [await firstOfFreePorts(2), await firstOfFreePorts(2)];
  const nodes = (workers: number): readonly object[] => [
    { id: 'n1', addr: `127.0.0.1:${addr1}`, peerAddr: `127.0.0.1:${peer1}`, workers },
    { id: 'n2', addr: `127.0.0.1:${addr2}`, peerAddr: `127.0.0.1:${peer2}`, workers: 2 },
  ];
  const quorum = { n: 2, r: 1, w: 2 };
  const cluster = await ThrowawayCluster.create({ nodes: 2, settings: { nodes: nodes(1), ...quorum } });
  const onCluster = async (name: string, ...rest: readonly string[]): Promise<string> => {
    const location = ['--config', cluster.local.configPath, '--data-dir', cluster.local.dataRoot];
    const { code, stdout, stderr } = await runCommand([name, ...rest, ...location]);
    assert.equal(code, 0, `${name}: ${stdout}${stderr}`);
    return stdout;
  };
  const rewrite = (workers: number): Promise<void> =>
    writeFile(cluster.local.configPath, JSON.stringify({ nodes: nodes(workers), vnodes: 64, ...quorum }));
  const at = (ownPort: number): KeyClient => new KeyClient({ host: '127.0.0.1', port: ownPort });
  const found = async (ownPort: number): Promise<boolean> =>
    waitUntil(
      async () => {
        const replies = await Promise.all(keys.map((key) => at(ownPort).get(key)));
        assert.ok(!replies.some((reply) => hasStatus(reply, 404)), 'a key was denied');
        return replies.every((reply) => hasStatus(reply, 200));
      },
      { boundMs: 60_000 },
    );
  try {
    await onCluster('up');
    for (const key of keys) assert.ok(hasStatus(await at(addr1).put(key, key), 204), key);
    await onCluster('down');
    await rewrite(2);
    assert.match(await onCluster('up'), /^n1-2 .* ready$/m);
    assert.ok(await found(addr1), 'a key was missing after a worker was added');
    assert.ok(await found(addr2), 'a key was missing after a worker was added');
    for (const key of keys) {
      const { owners } = await at(addr2).placementOf(key);
      const machines = owners.map((owner) => owner.replace(/-2$/, ''));
      assert.deepEqual(machines.toSorted(), ['n1', 'n2'], `${key} is on ${owners.join(' and ')}`);
    }

    // One of a machine dies and is started again; then the whole machine, and the other one answers for it.
    assert.match(await onCluster('kill', 'n1-2'), /n1-2 killed/);
    assert.match(await onCluster('start', 'n1'), /already running/);
    assert.match(await onCluster('kill', 'n1'), /n1 killed/);
    assert.match(await onCluster('ps'), /^n1 .* not running\nn1-2 .* not running\nn2 /m);
    assert.ok(await found(addr2), 'a key was missing while one machine of two was down');
    assert.match(await onCluster('start', 'n1'), /n1 .* started/);

    await onCluster('down');
    await rewrite(1);
    const { code, stderr } = await runCommand([
      'serve',
      ...[
        '--id',
        'n1',
        '--config',
        cluster.local.configPath,
        '--data-dir',
        join(cluster.local.dataRoot, 'n1'),
      ],
    ]);
    assert.equal(code, 2, stderr);
    assert.match(stderr, /worker-2 holds the records of worker 2.*docs\/operations\.md/);
  } finally {
    await rewrite(2);
    await onCluster('kill', 'n1', 'n2');
    await cluster.remove();
  }
});
