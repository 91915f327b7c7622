/** A node with workers: one address for all, a worker that dies, and a node that dies. */

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { firstOfFreePorts, freePorts } from '../../src/cli/free-ports.ts';
import { hasStatus, KeyClient, statusText } from '../../src/cli/key-client.ts';
import { runningProcess, stillRuns, type RunningProcess } from '../../src/cli/pid-file.ts';
import { waitUntil } from '../../src/cli/wait-until.ts';
import { workerDirectory } from '../../src/cli/worker-folders.ts';
import { numbered } from './load.ts';
import { startCommand, type RunningCommand } from './run-command.ts';

let folder = '';
let port = 0;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mini-dynamo-workers-'));
  [port = 0] = await freePorts(1);
});
after(async () => {
  // What a failed test has left behind.
  for (const { child } of started) child.kill('SIGKILL');
  for (const worker of [1, 2]) {
    const running = await runningProcess(workerDirectory(join(folder, 'data'), worker));
    if (running !== undefined) process.kill(running.pid, 'SIGKILL');
  }
  await rm(folder, { recursive: true, force: true });
});

const keys = numbered('worked-on', 40);

const started: RunningCommand[] = [];

function serve(workers: string, data = 'data', ...options: readonly string[]): RunningCommand {
  const words = ['--workers', workers, '--listen', `127.0.0.1:${port}`, '--data-dir', join(folder, data)];
  const command = startCommand(['serve', ...words, ...options]);
  started.push(command);
  return command;
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

test('when the process that started them is killed the workers end, and the next start has all that was written', async (t) => {
  const { child } = serve('2');
  await bothServe();
  const workers = [await workerProcess(1), await workerProcess(2)];
  t.after(async () => {
    for (const worker of workers) if (await stillRuns(worker)) process.kill(worker.pid, 'SIGKILL');
  });
  child.kill('SIGKILL');
  // Not the end of its output, which its workers have as well.
  await once(child, 'exit');
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

test('when a worker cannot start none of them runs, and the reason is told', async () => {
  const peerPort = (await firstOfFreePorts(2)) ?? 0;
  const taken = createServer().listen(peerPort + 1, '127.0.0.1');
  await once(taken, 'listening');
  const { child, result } = serve('2', 'no-port', '--peer-listen', `127.0.0.1:${peerPort}`);
  const hasEnded = await waitUntil(() => Promise.resolve(child.exitCode !== null), { boundMs: 30_000 });
  taken.close();
  assert.ok(hasEnded, 'it waits for ever');
  const { code, stderr } = await result;
  assert.equal(code, 2, stderr);
  assert.match(stderr, new RegExp(`cannot listen on 127\\.0\\.0\\.1 port ${peerPort + 1}`));
  assert.match(stderr, /Worker 2 ended with exit code 2 before it served, so none is kept running/);
});

test('a port of somebody else is not shared with it', async () => {
  const { child, result } = serve('2');
  await bothServe();
  const other = serve('2', 'other');
  await waitUntil(() => Promise.resolve(other.child.exitCode !== null), { boundMs: 20_000 });
  other.child.kill('SIGTERM');
  const { code, stderr } = await other.result;
  assert.equal(code, 2, stderr);
  assert.match(stderr, /the address of the workers, is in use/);
  child.kill('SIGTERM');
  assert.equal((await result).code, 0);
});
