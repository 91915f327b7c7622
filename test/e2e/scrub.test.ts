/** A byte changes in a log file of a running node: the commands of an operator see it, and the cluster heals it. */

import assert from 'node:assert/strict';
import { open, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { hasStatus, statusText } from '../../src/cli/key-client.ts';
import { ThrowawayCluster } from '../../src/cli/throwaway-cluster.ts';
import { runCommand, type CommandResult } from './run-command.ts';

let cluster: ThrowawayCluster;
before(async () => {
  cluster = await ThrowawayCluster.create({ nodes: 3 });
  await cluster.start();
  await cluster.connected();
});
after(() => cluster.remove());

async function run(...words: readonly string[]): Promise<CommandResult> {
  return await runCommand([...words, '--config', cluster.local.configPath]);
}

async function succeeds(...words: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await run(...words);
  assert.equal(code, 0, stdout + stderr);
  return stdout;
}

/** Changes one byte of a value where it lies on the disk of a node; returns in how many log files it was found. */
async function damage(id: string, value: string): Promise<number> {
  const folder = join(cluster.dataDirectory(id), 'log');
  let found = 0;
  for (const name of await readdir(folder)) {
    if (!name.endsWith('.seg')) continue;
    const at = (await readFile(join(folder, name))).indexOf(value);
    if (at < 0) continue;
    const file = await open(join(folder, name), 'r+');
    await file.write('X', at);
    await file.close();
    found++;
  }
  return found;
}

test('a scrub finds a changed byte on the disk of one node, and the other owners heal it', async () => {
  for (let number = 0; number < 20; number++) {
    const reply = await cluster.client('n1').put(`key ${number}`, `the value ${number}.`, '?w=3');
    assert.ok(hasStatus(reply, 204), statusText(reply));
  }
  assert.match(
    await succeeds('scrub', 'n3'),
    /^n3: 20 records, .* read; 0 damaged, 0 sums of partitions wrong$/m,
  );
  assert.equal(await damage('n3', 'the value 7.'), 1);
  const output = await succeeds('scrub');
  assert.match(output, /^n3: 20 records, .* read; 1 damaged, /m);
  assert.match(output, /^n3: healed; 1 fetched from other owners$/m);
  assert.match(output, /^n1: 20 records, .* read; 0 damaged, /m);
  assert.equal((await cluster.client('n3').localRecord('key 7')).kind, 'value');
  assert.match(await succeeds('scrub', 'n3'), /; 0 damaged, /);
});

test('why tells that the healed copy came by anti-entropy, and the others from their coordinator', async () => {
  const output = await succeeds('why', 'key 7', '--node', 'n2');
  assert.match(
    output,
    /^n3 +owner +value, newest +\S+ +12 B +[0-9a-f]{8} +fetched from n[12] by anti-entropy, \d+s ago$/m,
  );
  assert.match(output, /^n1 +owner +.* client write coordinated here, \d+s ago$/m);
  assert.match(output, /^n2 +owner +.* client write from n1, \d+s ago$/m);
  assert.match(output, /^All owners hold the newest version\.$/m);
  const raw: { level?: unknown } = JSON.parse(await succeeds('why', 'key 7', '--json'));
  assert.equal(raw.level, true);
  const missing = await succeeds('why', 'no such key');
  assert.match(missing, /^No node holds anything under this key\.$/m);
});

test('repair and compact work on a healthy cluster and say so', async () => {
  assert.match(await succeeds('repair'), /^n1: 256 partitions with n2: nothing differed$/m);
  assert.match(await succeeds('repair', '--key', 'key 7'), /^n2: 1 partition with n3: nothing differed$/m);
  assert.match(await succeeds('compact', 'n1'), /^n1: the log takes [\d.]+ KiB, before [\d.]+ KiB$/m);
  const refused = await run('repair', 'n1', '--partition', '100000');
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /partition must be below 256/);
  assert.equal((await run('repair', '--partition', '1', '--key', 'a')).code, 2);
});

test('an owner that is down is named by why, repair and status', async () => {
  await cluster.kill('n2');
  const reply = await cluster.client('n1').put('while n2 is away', 'x');
  assert.ok(hasStatus(reply, 204), statusText(reply));
  const why = await succeeds('why', 'while n2 is away');
  assert.match(why, /^hint: n1 keeps value for n2 /m);
  assert.match(why, /^n2 is down \(.*\); a hint is on its way\.$/m);
  const repair = await run('repair', 'n1');
  assert.equal(repair.code, 1);
  assert.match(repair.stderr, /n1: n2 is unreachable/);
  const status = await succeeds('status');
  assert.match(status, /^n1 +\S+ +yes +yes +21 +.* 1 +256 /m);
});
