/** Real nodes that come back with an older copy of their disk, with an empty one, or beside a copy of themselves. */

import assert from 'node:assert/strict';
import { cp, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { freePorts } from '../../src/cli/free-ports.ts';
import { hasStatus, statusText } from '../../src/cli/key-client.ts';
import { ThrowawayCluster } from '../../src/cli/throwaway-cluster.ts';
import { waitUntil } from '../../src/cli/wait-until.ts';
import { startCommand } from './run-command.ts';
import { serveNode } from './serve-process.ts';

const boundMs = 30_000;
let cluster: ThrowawayCluster;
before(async () => {
  cluster = await ThrowawayCluster.create({ nodes: 3 });
  await cluster.start();
  await cluster.connected();
});
after(() => cluster.remove());

async function put(id: string, key: string): Promise<void> {
  const reply = await cluster.client(id).put(key, `value of ${key}`);
  assert.ok(hasStatus(reply, 204), statusText(reply));
}

async function incarnationOf(id: string): Promise<number> {
  const reply = await cluster.client(id).request('GET', '/debug/peers');
  assert.ok(hasStatus(reply, 200), statusText(reply));
  const { incarnation }: { incarnation?: unknown } = JSON.parse(reply.body.toString());
  return Number(incarnation);
}

async function logEntriesOf(id: string): Promise<number> {
  const reply = await cluster.client(id).request('GET', '/debug/persist');
  assert.ok(hasStatus(reply, 200), statusText(reply));
  const { wal_ops: entries }: { wal_ops?: unknown } = JSON.parse(reply.body.toString());
  return Number(entries);
}

/** How many entries of a peer's log a node has on disk to have heard of. */
async function heardEntries(id: string, of: string): Promise<number> {
  const text = await readFile(join(cluster.dataDirectory(id), 'known-peers.json'), 'utf8');
  const { peers }: { peers: readonly (readonly unknown[])[] } = JSON.parse(text);
  return Number(peers.find(([peer]) => peer === of)?.[5]);
}

/** Serves n3 on what is in its folder now; resolves to its log once it was stopped again. */
async function serveUntilNoticed(incarnation: number): Promise<string> {
  const { child, ended } = await serveNode(cluster, 'n3');
  const noticed = await waitUntil(async () => (await incarnationOf('n3').catch(() => 0)) === incarnation, {
    boundMs,
  });
  await cluster.connected();
  if (noticed) {
    await put('n3', `written as ${incarnation}`);
    const read = await cluster.client('n1').get(`written as ${incarnation}`);
    assert.ok(hasStatus(read, 200), statusText(read));
  }
  child.kill('SIGTERM');
  const { code, stderr } = await ended;
  assert.ok(noticed, stderr);
  assert.equal(code, 0, stderr);
  return stderr;
}

test('a node on an older copy of its disk says so, takes a new incarnation, and serves', async () => {
  const folder = cluster.dataDirectory('n3');
  const copy = join(cluster.folder, 'copy of n3');
  await put('n1', 'before');
  await cluster.stop('n3');
  await cp(folder, copy, { recursive: true });
  await cluster.start('n3');
  await cluster.connected();
  await put('n1', 'after');
  assert.equal(await incarnationOf('n3'), 2);
  await cluster.kill('n3');
  await rm(folder, { recursive: true });
  await cp(copy, folder, { recursive: true });
  const log = await serveUntilNoticed(3);
  assert.match(
    log,
    /lost or set back to an older copy: this is incarnation 2 \(life \w{8}\), but n\d has met incarnation 2 /,
  );
  assert.match(log, /serves again as incarnation 3/);
});

test('a node on an empty disk that its peers know does the same', async () => {
  await rm(cluster.dataDirectory('n3'), { recursive: true });
  const log = await serveUntilNoticed(4);
  assert.match(log, /this is incarnation 1 \(life \w{8}\), but n\d has met incarnation 3 /);
});

test('a copy of a node beside the original is kept out, and ends with a message that names both', async () => {
  await cluster.start('n3');
  await cluster.connected();
  const original = await incarnationOf('n1');
  const copy = join(cluster.folder, 'copy of n1');
  await cluster.stop('n1');
  await cp(cluster.dataDirectory('n1'), copy, { recursive: true });
  await cluster.start('n1');
  await cluster.connected();
  const [port] = await freePorts(1);
  const { result } = startCommand([
    ...['serve', '--id', 'n1', '--config', cluster.local.configPath],
    ...['--data-dir', copy, '--listen', `127.0.0.1:${port}`],
  ]);
  const { code, stderr } = await result;
  assert.equal(code, 1, stderr);
  assert.match(
    stderr,
    /another process runs as n1: this one is incarnation 2 \(life \w{8}\), and n\d has met incarnation 2 \(life \w{8}\)/,
  );
  assert.equal(await incarnationOf('n1'), original + 1);
  await put('n1', 'the original serves');
});

test('a copy that was made while the node ran the last time is noticed by what it lacks', async () => {
  const folder = cluster.dataDirectory('n3');
  const copy = join(cluster.folder, 'copy of a running n3');
  const incarnation = await incarnationOf('n3');
  // A file that is being published may have been renamed before it is copied; nobody reads it under its first name.
  await cp(folder, copy, { recursive: true, filter: (source) => !source.endsWith('.tmp') });
  await put('n3', 'after the copy');
  const written = await logEntriesOf('n3');
  const isHeard = async (): Promise<boolean> => (await heardEntries('n1', 'n3')) >= written;
  assert.ok(await waitUntil(isHeard, { boundMs }));
  await cluster.kill('n3');
  await rm(folder, { recursive: true });
  await cp(copy, folder, { recursive: true });
  const log = await serveUntilNoticed(incarnation + 2);
  assert.match(
    log,
    /set back to an older copy: this is incarnation \d+ \(life \w{8}\), but n\d has met incarnation \d+ \(life \w{8}\), with a log that is not all in this one/,
  );
});
