/** compose.yaml and the nodes files, checked against each other: a cluster that is described three times. */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { parse } from 'yaml';
import { z } from 'zod';
import { formatAddress } from '../../src/cli/address.ts';
import { readNodesFile } from '../../src/cli/nodes-file.ts';

const repository = path.join(import.meta.dirname, '../..');

const Compose = z.object({
  services: z.record(
    z.string(),
    z.object({
      hostname: z.string(),
      command: z.array(z.string()),
      ports: z.array(z.string()),
      volumes: z.array(z.string()),
      healthcheck: z.object({ test: z.array(z.string()), interval: z.string() }),
    }),
  ),
  volumes: z.record(z.string(), z.null()),
});

const compose = Compose.parse(
  parse(readFileSync(path.join(repository, 'compose.yaml'), 'utf8'), { merge: true }),
);
const local = await readNodesFile(path.join(repository, 'nodes.json'));
const docker = await readNodesFile(path.join(repository, 'nodes.docker.json'));

test('nodes.docker.json differs from nodes.json in the host names only', () => {
  const expected = local.nodes.map((node) => ({ ...node, address: { ...node.address, host: node.id } }));
  assert.deepEqual(docker, { ...local, path: docker.path, nodes: expected });
});

test('every node of nodes.docker.json is a service of its own with the same name', () => {
  assert.deepEqual(
    Object.keys(compose.services),
    docker.nodes.map(({ id }) => id),
  );
});

for (const { id, address } of docker.nodes) {
  test(`service ${id} has its name, its port, its volume and a health check`, () => {
    const service = compose.services[id];
    assert.ok(service !== undefined);
    assert.equal(service.hostname, address.host);
    assert.deepEqual(service.ports, [`127.0.0.1:${address.port}:${address.port}`]);
    assert.deepEqual(service.volumes, [`${id}:/data`]);
    assert.ok(Object.hasOwn(compose.volumes, id));
    const here = formatAddress({ host: '127.0.0.1', port: address.port });
    assert.deepEqual(service.healthcheck.test.slice(-3), ['health', '--addr', here]);
    const serve = `serve --id ${id} --config nodes.docker.json --listen 0.0.0.0:${address.port} --data-dir /data`;
    assert.deepEqual(service.command, serve.split(' '));
  });
}

const client = spawnSync('docker', ['compose', 'version'], { encoding: 'utf8' });
const hasCompose = client.status === 0;

test(
  'docker compose itself accepts compose.yaml',
  { skip: hasCompose ? false : 'this machine has no docker client with the compose plugin' },
  () => {
    const config = spawnSync('docker', ['compose', 'config', '--quiet'], {
      cwd: repository,
      encoding: 'utf8',
    });
    assert.equal(config.status, 0, config.stderr);
  },
);
