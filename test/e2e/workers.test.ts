/** A node with workers: one address for all, a worker that dies, and a node that dies. */

import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { firstOfFreePorts, freePorts } from '../../src/cli/free-ports.ts';
import { hasStatus, KeyClient, statusText } from '../../src/cli/key-client.ts';
import { runningProcess, stillRuns, type RunningProcess } from '../../src/cli/pid-file.ts';
import { ThrowawayCluster } from '../../src/cli/throwaway-cluster.ts';
import { waitUntil } from '../../src/cli/wait-until.ts';
import { workerDirectory } from '../../src/cli/worker-folders.ts';
import { numbered } from './load.ts';
import { runCommand, startCommand, type RunningCommand } from './run-command.ts';

let folder = '';
let port = 0;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mini-dynamo-workers-'));
  [port = 0] = await freePorts(1);
});
after(() => rm(folder, { recursive: true, force: true }));

const keys = numbered('worked-on', 40);

function serve(workers: string): RunningCommand {
  const data = join(folder, 'data');
  return startCommand(['serve', '--workers', workers, '--listen', `127.0.0.1:${port}`, '--data-dir', data]);
}

/** By the shared port, as clients come. */
function client(): KeyClient {
  return new KeyClient({ host: '127.0.0.1', port });
}

async function workerProcess(worker: number): Promise<RunningProcess> {
  const running = await runningProcess(workerDirectory(join(folder, 'data'), worker));
  assert.ok(running !== undefined, `worker ${worker} does not run`);
  return running;
}

/** A worker by itself. */
async function clientOf(worker: number): Promise<KeyClient> {
  const [host = '', ownPort] = (await workerProcess(worker)).address.split(':');
  return new KeyClient({ host, port: Number(ownPort) });
}

/** The workers that have a key on their own disk. */
async function holdersOf(key: string): Promise<readonly number[]> {
  const holders: number[] = [];
  for (const worker of [1, 2]) {
    if ((await (await clientOf(worker)).localRecord(key)).kind === 'value') holders.push(worker);
  }
  return holders;
}

/** Waits until both workers answer, and each sees the other. */
async function bothServe(): Promise<void> {
  const ready = await waitUntil(
    async () => {
      for (let worker = 1; worker <= 2; worker++) {
        const running = await runningProcess(workerDirectory(join(folder, 'data'), worker));
        if (running === undefined) return false;
        const reply = await (await clientOf(worker)).request('GET', '/ready');
        if (!hasStatus(reply, 200)) return false;
      }
      return true;
    },
    { boundMs: 60_000 },
  );
  assert.ok(ready, 'the workers did not become ready');
}

async function readAll(): Promise<void> {
  for (const key of keys) {
    const reply = await client().get(key);
    assert.ok(hasStatus(reply, 200), `${key}: ${statusText(reply)}`);
    assert.equal(reply.body.toString(), key);
  }
}

test('two workers share a port, and a worker that is killed comes back while writes go on', async () => {
  const { child, result } = serve('2');
  await bothServe();
  for (const key of keys) assert.ok(hasStatus(await client().put(key, key), 204), key);
  await readAll();
  const held = await Promise.all(keys.map(async (key) => holdersOf(key)));
  assert.ok(
    held.every((holders) => holders.length === 1),
    'each key is on one worker',
  );
  assert.equal(new Set(held.flat()).size, 2, 'both workers hold some of the keys');

  const victim = await workerProcess(2);
  process.kill(victim.pid, 'SIGKILL');
  assert.ok(await waitUntil(async () => !(await stillRuns(victim)), { boundMs: 5_000 }));
  let written = 0;
  const again = numbered('after-the-crash', 20);
  for (const key of again) if (hasStatus(await client().put(key, key), 204)) written++;
  assert.equal(written, again.length, 'every write is taken, by the worker that is left or as a hint');
  await bothServe();
  assert.notEqual((await workerProcess(2)).pid, victim.pid);
  await readAll();
  for (const key of again) {
    const found = await waitUntil(async () => hasStatus(await client().get(key), 200), { boundMs: 10_000 });
    assert.ok(found, `${key} was not handed over`);
  }

  const workers = [await workerProcess(1), await workerProcess(2)];
  child.kill('SIGTERM');
  const { code, stderr } = await result;
  assert.equal(code, 0, stderr);
  assert.match(stderr, /worker\.ended {2}worker 2 was ended by SIGKILL/);
  assert.match(stderr, /workers\.stopped {2}all workers stopped cleanly/);
  for (const worker of workers) assert.equal(await stillRuns(worker), false);
});

test('when the process that started them is killed the workers end, and the next start has all that was written', async () => {
  const { child, result } = serve('2');
  await bothServe();
  const workers = [await workerProcess(1), await workerProcess(2)];
  child.kill('SIGKILL');
  assert.equal((await result).signal, 'SIGKILL');
  const gone = await waitUntil(async () => !(await Promise.all(workers.map(stillRuns))).includes(true), {
    boundMs: 5_000,
  });
  assert.ok(gone, 'a worker outlived the process that started it');

  const next = serve('2');
  await bothServe();
  await readAll();
  next.child.kill('SIGINT');
  assert.equal((await next.result).code, 0);
});

test('another number of workers is refused while each key is on one of them', async () => {
  const refusals: readonly (readonly [workers: string, message: RegExp])[] = [
    ['1', /worker-2 holds the records of worker 2, and with one worker nobody would look at them/],
    ['3', /was made with 2 workers, not 3; where each key has one copy/],
  ];
  for (const [workers, message] of refusals) {
    const { code, stderr } = await serve(workers).result;
    assert.equal(code, 2, `${workers}: ${stderr}`);
    assert.match(stderr, message);
  }
});

test('a port of somebody else is not shared with it', async () => {
  const { child, result } = serve('2');
  await bothServe();
  const other = await runCommand([
    'serve',
    ...['--workers', '2', '--listen', `127.0.0.1:${port}`, '--data-dir', join(folder, 'other')],
  ]);
  assert.equal(other.code, 2, other.stderr);
  assert.match(other.stderr, /the address of the workers, is in use/);
  child.kill('SIGTERM');
  assert.equal((await result).code, 0);
});

test('nodes of a cluster get workers one after the other, and copies stay on different machines', async () => {
  const [addr1 = 0, addr2 = 0] = await freePorts(2);
  const [peer1, peer2] = [await firstOfFreePorts(2), await firstOfFreePorts(2)];
  const nodes = (workers1: number, workers2: number): readonly object[] => [
    { id: 'n1', addr: `127.0.0.1:${addr1}`, peerAddr: `127.0.0.1:${peer1}`, workers: workers1 },
    { id: 'n2', addr: `127.0.0.1:${addr2}`, peerAddr: `127.0.0.1:${peer2}`, workers: workers2 },
  ];
  const quorum = { n: 2, r: 1, w: 2 };
  const cluster = await ThrowawayCluster.create({ nodes: 2, settings: { nodes: nodes(1, 1), ...quorum } });
  const onCluster = async (name: string, ...rest: readonly string[]): Promise<string> => {
    const location = ['--config', cluster.local.configPath, '--data-dir', cluster.local.dataRoot];
    const { code, stdout, stderr } = await runCommand([name, ...rest, ...location]);
    assert.equal(code, 0, `${name}: ${stdout}${stderr}`);
    return stdout;
  };
  const rewrite = (workers1: number, workers2: number): Promise<void> =>
    writeFile(
      cluster.local.configPath,
      JSON.stringify({ nodes: nodes(workers1, workers2), vnodes: 64, ...quorum }),
    );
  const at = (ownPort: number): KeyClient => new KeyClient({ host: '127.0.0.1', port: ownPort });
  const found = async (ownPort: number): Promise<boolean> =>
    waitUntil(
      async () => {
        const replies = await Promise.all(keys.map((key) => at(ownPort).get(key)));
        assert.ok(!replies.some((reply) => hasStatus(reply, 404)), 'a key was denied');
        return replies.every((reply) => hasStatus(reply, 200));
      },
      { boundMs: 20_000 },
    );
  try {
    await onCluster('up');
    for (const key of keys) assert.ok(hasStatus(await at(addr1).put(key, key), 204), key);
    for (const workers of [1, 2]) {
      await onCluster('down');
      await rewrite(2, workers);
      assert.match(await onCluster('up'), /^n1-2 .* ready$/m);
      assert.ok(await found(addr1), 'a key was missing after workers were added');
      assert.ok(await found(addr2), 'a key was missing after workers were added');
    }
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
    await rewrite(1, 2);
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
    await rewrite(2, 2);
    await onCluster('kill', 'n1', 'n2');
    await cluster.remove();
  }
});
