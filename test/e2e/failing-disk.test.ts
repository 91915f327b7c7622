/**
 * Defect 8 of the Go demo, on real disks that fail: a write that cannot be made durable is not acknowledged,
 * reads go on, the node says what is wrong, and recovers (space) or ends with a clear message (sync).
 *
 * The faults need a small `tmpfs` and `strace`; where a sandbox forbids one, its test says so and is skipped.
 */

import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { promisify } from 'node:util';

import { hasStatus, statusText, type KeyClient } from '../../src/cli/key-client.ts';
import { healthOfAddress } from '../../src/cli/node-answer.ts';
import { ThrowawayCluster } from '../../src/cli/throwaway-cluster.ts';
import { waitUntil } from '../../src/cli/wait-until.ts';
import { serveNode } from './serve-process.ts';

const run = promisify(execFile);
const boundMs = 30_000;
const alone = { n: 1, r: 1, w: 1 };
const kibibyte = 1024;

test('a full disk refuses writes, serves reads, says so, and recovers when there is space', async (context) => {
  const disk = await smallDisk(context, '24m');
  if (disk === undefined) return;
  const ballast = join(disk, 'ballast');
  await writeFile(ballast, Buffer.alloc(8 * 1024 * kibibyte));
  const cluster = await ThrowawayCluster.create({ nodes: 1, settings: alone, dataRoot: join(disk, 'data') });
  context.after(() => cluster.remove());
  const n1 = await serveNode(cluster, 'n1');
  const client = cluster.client('n1');

  const { acknowledged, refusal } = await writeUntilRefused(client);
  assert.ok(acknowledged.size > 50, `only ${acknowledged.size} writes fitted`);
  assert.match(refusal, /^507 .*"code":"DISK_FULL"/);
  for (const [key, value] of acknowledged) await expectRead(client, key, value);
  const health = await healthOfAddress(cluster.node('n1').address);
  assert.ok(health.kind === 'no', 'the node calls itself healthy with a full disk');
  assert.match(health.message, /DISK_FULL/);

  await rm(ballast);
  const recovered = await waitUntil(async () => hasStatus(await client.put('after', 'space'), 204), {
    boundMs,
  });
  assert.ok(recovered, 'there is space, but writes are still refused');
  const well = await waitUntil(
    async () => (await healthOfAddress(cluster.node('n1').address)).kind === 'yes',
    {
      boundMs,
    },
  );
  assert.ok(well, 'there is space, but the node still calls itself unwell');

  // What was acknowledged around the full disk is there after a power cut, too.
  n1.child.kill('SIGKILL');
  await n1.ended;
  await serveNode(cluster, 'n1');
  await expectRead(client, 'after', 'space');
  for (const [key, value] of acknowledged) await expectRead(client, key, value);
});

test('with one full disk of three, quorums are met by the others and asking for all is not', async (context) => {
  const disk = await smallDisk(context, '8m');
  if (disk === undefined) return;
  const cluster = await ThrowawayCluster.create({ nodes: 3 });
  context.after(() => cluster.remove());
  await mkdir(cluster.local.dataRoot, { recursive: true });
  await run('ln', ['-s', disk, cluster.dataDirectory('n3')]);
  await cluster.start();
  await cluster.connected();
  const value = 'x'.repeat(64 * kibibyte);
  const full = await waitUntil(
    async () => {
      const reply = await cluster.client('n1').put(`fill-${Math.random()}`, value);
      assert.ok(hasStatus(reply, 204), statusText(reply));
      return (await healthOfAddress(cluster.node('n3').address)).kind === 'no';
    },
    { boundMs, everyMs: 0 },
  );
  assert.ok(full, 'n3 never said that its disk is full');
  const all = await cluster.client('n1').put('all', value, '?w=3');
  assert.ok(!hasStatus(all, 204), 'a write was acknowledged as held by a node without space');
  assert.match(statusText(all), /^50[37] .*"outcome":"unknown"/);
  assert.ok(
    hasStatus(await cluster.client('n3').get('all'), 200),
    'the node without space does not serve reads',
  );
});

test('a failed sync is not acknowledged, ends the node with a clear message, and loses nothing', async (context) => {
  const cluster = await ThrowawayCluster.create({ nodes: 1, settings: alone });
  context.after(() => cluster.remove());
  const n1 = await serveNode(cluster, 'n1');
  const client = cluster.client('n1');
  for (let index = 0; index < 20; index++) {
    assert.ok(hasStatus(await client.put(`before-${index}`, `value ${index}`), 204));
  }
  if (!(await failSyncs(context, n1.child.pid ?? 0))) return;
  const reply = await client.put('during', 'lost?');
  assert.ok(!hasStatus(reply, 204), 'a write that was not synced was acknowledged');
  const { code, stderr } = await n1.ended;
  assert.equal(code, 1);
  assert.match(stderr, /error node\.failed .*(sync|EIO)/);

  await serveNode(cluster, 'n1');
  for (let index = 0; index < 20; index++) await expectRead(client, `before-${index}`, `value ${index}`);
});

async function writeUntilRefused(
  client: KeyClient,
): Promise<{ readonly acknowledged: ReadonlyMap<string, string>; readonly refusal: string }> {
  const acknowledged = new Map<string, string>();
  for (let index = 0; ; index++) {
    const value = `${index}:${'x'.repeat(100 * kibibyte)}`;
    const reply = await client.put(`key-${index}`, value);
    if (!hasStatus(reply, 204)) return { acknowledged, refusal: statusText(reply) };
    acknowledged.set(`key-${index}`, value);
  }
}

async function expectRead(client: KeyClient, key: string, value: string): Promise<void> {
  const reply = await client.get(key);
  assert.ok(hasStatus(reply, 200), `${key}: ${statusText(reply)}`);
  assert.ok(reply.body.toString() === value, `${key} has another value`);
}

/** A file system of its own in memory; undefined, with the test skipped aloud, where mounting is forbidden. */
async function smallDisk(context: TestContext, size: string): Promise<string | undefined> {
  const folder = await mkdtemp(join(tmpdir(), 'mini-dynamo-disk-'));
  try {
    await run('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', folder]);
  } catch (error) {
    await rm(folder, { recursive: true });
    context.skip(`mounting a small tmpfs is not permitted here: ${firstLine(error)}`);
    return undefined;
  }
  context.after(async () => {
    // Lazily, because a node that a failed test left behind may still hold a file.
    await run('umount', ['-l', folder]);
    await rm(folder, { recursive: true });
  });
  return folder;
}

/** Makes every further sync of a process fail with EIO; false, with the test skipped aloud, without strace. */
async function failSyncs(context: TestContext, pid: number): Promise<boolean> {
  const strace = spawn(
    'strace',
    [
      '-f',
      '-p',
      String(pid),
      '-e',
      'trace=fdatasync,fsync',
      '-e',
      'inject=fdatasync,fsync:error=EIO',
      '-o',
      '/dev/null',
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  context.after(() => strace.kill());
  let said = '';
  strace.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
  const failed = once(strace, 'error').then(([error]) => firstLine(error));
  const ended = once(strace, 'exit').then(() => firstLine(said));
  const attached = waitUntil(() => Promise.resolve(said.includes('attached')), { boundMs: 5_000 }).then(
    (yes) => (yes ? undefined : 'it does not attach'),
  );
  const problem = await Promise.race([failed, ended, attached]);
  if (problem === undefined) return true;
  context.skip(`syncs cannot be made to fail here, strace: ${problem}`);
  return false;
}

function firstLine(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.trim().split('\n').slice(0, 2).join(' ');
}
