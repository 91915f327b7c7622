/**
 * Defect 16 of the Go demo: a node that is paused collected 7,462 sockets in three seconds. Here its peers
 * keep one connection each, writes go on, and what was acknowledged survives a power cut right after.
 */

import assert from 'node:assert/strict';
import { readdir, readFile, readlink } from 'node:fs/promises';
import { after, before, test } from 'node:test';

import { hasStatus, statusText } from '../../src/cli/key-client.ts';
import { logPathOf, newLines, sizeOf } from '../../src/cli/node-log.ts';
import { runningProcess } from '../../src/cli/pid-file.ts';
import { ThrowawayCluster } from '../../src/cli/throwaway-cluster.ts';
import { waitUntil } from '../../src/cli/wait-until.ts';
import { eachInParallel, numbered } from './load.ts';

const concurrency = 64;
const pauseMs = 3_000;
const boundMs = 30_000;

let cluster: ThrowawayCluster;
let paused = 0;
before(async () => {
  cluster = await ThrowawayCluster.create({ nodes: 3 });
  await cluster.start();
  await cluster.connected();
});
after(async () => {
  resume();
  await cluster.remove();
});

test('a paused node costs its peers one socket each, and no acknowledged write', async (context) => {
  const n3 = await runningProcess(cluster.dataDirectory('n3'));
  assert.ok(n3 !== undefined);
  paused = n3.pid;
  process.kill(paused, 'SIGSTOP');

  const acknowledged = new Set<string>();
  let sockets: readonly number[] = [];
  const deadline = performance.now() + pauseMs;
  let round = 0;
  while (performance.now() < deadline) {
    round += 1;
    await eachInParallel(numbered(`paused-${round}`, 200), concurrency, async (key) => {
      const reply = await cluster.client(round % 2 === 0 ? 'n1' : 'n2').put(key, key);
      assert.ok(hasStatus(reply, 204), `${key}: ${statusText(reply)}`);
      acknowledged.add(key);
    });
    if (process.platform === 'linux')
      sockets = await Promise.all(['n1', 'n2'].map((id) => socketsTo(id, 'n3')));
    for (const count of sockets) assert.ok(count <= 1, `a peer has ${count} sockets to the paused node`);
  }
  context.diagnostic(
    `${acknowledged.size} writes acknowledged, sockets to the paused node: ${sockets.join(', ')}`,
  );

  // The power goes while n3 is still paused: nobody may have counted on it.
  await cluster.kill('n1', 'n2', 'n3');
  paused = 0;
  await cluster.start();
  await cluster.connected();
  await eachInParallel([...acknowledged], concurrency, async (key) => {
    const reply = await cluster.client('n1').get(key);
    assert.ok(hasStatus(reply, 200), `${key}: ${statusText(reply)}`);
    assert.equal(reply.body.toString(), key);
  });
});

test('a paused node that goes on catches up by itself', async () => {
  const n2 = await runningProcess(cluster.dataDirectory('n2'));
  assert.ok(n2 !== undefined);
  paused = n2.pid;
  process.kill(paused, 'SIGSTOP');
  const keys = numbered('resumed', 200);
  await eachInParallel(keys, concurrency, async (key) => {
    const reply = await cluster.client('n1').put(key, key);
    assert.ok(hasStatus(reply, 204), `${key}: ${statusText(reply)}`);
  });
  resume();
  const missing = new Set(keys);
  const caughtUp = await waitUntil(
    async () => {
      for (const key of missing) {
        if ((await cluster.client('n2').localRecord(key)).kind === 'value') missing.delete(key);
      }
      return missing.size === 0;
    },
    { boundMs },
  );
  assert.ok(caughtUp, `n2 lacks ${missing.size} of ${keys.length} writes`);
});

test('a connection to a node that stays silent is given up, and made again when it goes on', async () => {
  const n3 = await runningProcess(cluster.dataDirectory('n3'));
  assert.ok(n3 !== undefined);
  const path = logPathOf(cluster.dataDirectory('n1'));
  const before = await sizeOf(path);
  paused = n3.pid;
  process.kill(paused, 'SIGSTOP');
  const isGivenUp = await waitUntil(
    async () => {
      const { lines } = await newLines(path, before);
      return lines.some((line) => line.includes('connection to n3: nothing came for'));
    },
    { boundMs },
  );
  assert.ok(isGivenUp, 'n1 keeps a connection over which nothing comes');
  resume();
  await cluster.connected();
});

function resume(): void {
  if (paused === 0) return;
  process.kill(paused, 'SIGCONT');
  paused = 0;
}

/** TCP connections between the process of one node and another node, in whichever direction they were made. */
async function socketsTo(from: string, to: string): Promise<number> {
  const own = await socketsOf(from);
  const theirs = new Set((await socketsOf(to)).map((socket) => socket.local));
  const port = cluster.node(to).address.port;
  return own.filter((socket) => socket.remotePort === port || theirs.has(socket.remote)).length;
}

interface TcpSocket {
  readonly local: string;
  readonly remote: string;
  readonly remotePort: number;
}

const listenState = '0A';

/** The connected sockets that a node's process has open, by proc(5): its descriptors and `net/tcp`. */
async function socketsOf(id: string): Promise<readonly TcpSocket[]> {
  const running = await runningProcess(cluster.dataDirectory(id));
  assert.ok(running !== undefined);
  const folder = `/proc/${running.pid}/fd`;
  const links = await Promise.all(
    (await readdir(folder)).map((name) => readlink(`${folder}/${name}`).catch(() => '')),
  );
  const inodes = new Set(links.map((link) => /^socket:\[(\d+)\]$/.exec(link)?.[1] ?? ''));
  const table = await readFile('/proc/net/tcp', 'utf8');
  return table
    .trim()
    .split('\n')
    .slice(1)
    .map((line) => line.trim().split(/\s+/))
    .filter((fields) => fields[3] !== listenState && inodes.has(fields[9] ?? '-'))
    .map(([, local = '', remote = '']) => ({
      local,
      remote,
      remotePort: Number.parseInt(remote.split(':')[1] ?? '', 16),
    }));
}
