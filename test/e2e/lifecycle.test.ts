/** The life of a local cluster by its commands: up, put, kill, start, status, down. */

import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { runningProcess } from '../../src/cli/pid-file.ts';
import { ThrowawayCluster } from '../../src/cli/throwaway-cluster.ts';
import { runCommand, type CommandResult } from './run-command.ts';

let cluster: ThrowawayCluster;
before(async () => {
  cluster = await ThrowawayCluster.create({ nodes: 3 });
});
after(() => cluster.remove());

/** A command on this cluster. */
function onCluster(name: string, ...rest: readonly string[]): Promise<CommandResult> {
  const location = ['--config', cluster.local.configPath];
  const local = ['up', 'down', 'ps', 'logs', 'kill', 'start'].includes(name);
  return runCommand([name, ...rest, ...location, ...(local ? ['--data-dir', cluster.local.dataRoot] : [])]);
}

async function succeeds(name: string, ...rest: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await onCluster(name, ...rest);
  assert.equal(code, 0, `${name} ${rest.join(' ')}: ${stdout}${stderr}`);
  return stdout;
}

async function pidOf(id: string): Promise<number | undefined> {
  return (await runningProcess(cluster.dataDirectory(id)))?.pid;
}

test('ps shows that nothing runs, and down is content with that', async () => {
  assert.match(await succeeds('ps'), /^n1 .*not running\nn2 .*not running\nn3 .*not running$/m);
  assert.match(await succeeds('down'), /n1 was not running/);
});

test('up starts three nodes that are ready, and says what to try', async () => {
  const output = await succeeds('up');
  assert.match(output, /^n1 +127\.0\.0\.1:\d+ +\d+ +ready$/m);
  assert.match(output, /curl -i -X PUT --data-binary hello http:\/\/127\.0\.0\.1:\d+\/kv\/greeting/);
  assert.match(await succeeds('ps'), /^n3 .* ready$/m);
});

test('after up the nodes see each other, also where each can meet the quorums alone', async () => {
  const alone = await ThrowawayCluster.create({ nodes: 3, settings: { r: 1, w: 1 } });
  const location = ['--config', alone.local.configPath, '--data-dir', alone.local.dataRoot];
  try {
    const { code, stdout, stderr } = await runCommand(['up', ...location]);
    assert.equal(code, 0, stdout + stderr);
    for (const id of alone.ids) {
      const others = alone.ids.filter((other) => other !== id);
      assert.deepEqual(
        (await alone.client(id).peersUp()).toSorted(),
        others,
        `${id} after: ${stdout}${stderr}`,
      );
    }
  } finally {
    await alone.remove();
  }
});

test('a second up leaves the nodes alone', async () => {
  const pid = await pidOf('n2');
  assert.ok(pid !== undefined);
  assert.match(await succeeds('up'), /All 3 nodes are already running/);
  assert.equal(await pidOf('n2'), pid);
});

test('put, get and delete work at any node, with bytes as they are', async () => {
  assert.match(await succeeds('put', 'greeting', 'hello'), /^stored 5 bytes, version "/);
  assert.equal(await succeeds('get', 'greeting', '--node', 'n3'), 'hello');
  const { code } = await runCommand(['put', 'notes', '--config', cluster.local.configPath], {
    input: 'a\nb',
  });
  assert.equal(code, 0);
  assert.equal(await succeeds('get', 'notes'), 'a\nb');
  await succeeds('put', 'notes', '--file', cluster.local.configPath);
  assert.equal(await succeeds('get', 'notes'), await readFile(cluster.local.configPath, 'utf8'));
  await succeeds('delete', 'notes');
  const missing = await onCluster('get', 'notes');
  assert.deepEqual([missing.code, missing.stdout, missing.stderr], [1, '', 'not found: notes\n']);
});

test('a killed node is told by ps and health, and the others serve on', async () => {
  assert.equal(await succeeds('kill', 'n2'), 'n2 killed\n');
  assert.match(await succeeds('ps'), /^n2 .*not running$/m);
  const health = await onCluster('health');
  assert.equal(health.code, 1);
  assert.match(health.stdout, /^n1 +ok\nn2 +does not answer/m);
  await succeeds('put', 'greeting', 'without n2');
  assert.equal(await succeeds('get', 'greeting'), 'without n2');
  assert.equal(await succeeds('kill', 'n2'), 'n2 was not running\n');
});

test('start brings the node back', async () => {
  assert.match(await succeeds('start', 'n2'), /^n2 \(127\.0\.0\.1:\d+\) started, pid \d+$/m);
  assert.match(await succeeds('health'), /^n2 +ok$/m);
  assert.match(await succeeds('start', 'n2'), /is already running/);
});

test('status has a line for each node with its figures', async () => {
  const [heading, ...lines] = (await succeeds('status')).trim().split('\n');
  assert.match(
    heading ?? '',
    /^NODE +ADDRESS +UP +READY +KEYS +LOG +HINTS +PARTITIONS +PEERS +LEVEL +FLOOR +WITNESS$/,
  );
  // Below the table are remarks, such as what holds a floor.
  const rows = lines.filter((line) => /^n\d +\d/.test(line));
  assert.equal(rows.length, 3);
  for (const line of rows)
    assert.match(
      line,
      /^n\d +127\.0\.0\.1:\d+ +yes +yes +\d+ +[\d.]+ \w+ +\d+ +256 +plain +(?:yes|no \(\d\)) +(?:none|\d+m \d+s) +(?:yes|no \(fresh\))$/,
    );
});

test('logs shows what a node said', async () => {
  assert.match(await succeeds('logs', 'n1', '--lines', '5'), /^n1 \| /m);
});

test('smoke finds the running cluster in order', async () => {
  const output = await succeeds('smoke');
  assert.match(output, /✔ a value that was put at one node is read at another/);
  assert.doesNotMatch(output, /✘/);
});

test('down stops all nodes cleanly, and up finds the data again', async () => {
  assert.equal(await succeeds('down'), 'n1 stopped\nn2 stopped\nn3 stopped\n');
  assert.equal(await pidOf('n1'), undefined);
  await succeeds('up');
  assert.equal(await succeeds('get', 'greeting'), 'without n2');
});

test('a data directory belongs to one process', async () => {
  const { code, stderr } = await runCommand([
    'serve',
    '--id',
    'n1',
    '--config',
    cluster.local.configPath,
    '--data-dir',
    cluster.dataDirectory('n1'),
    '--listen',
    '127.0.0.1:0',
  ]);
  assert.equal(code, 1);
  assert.match(stderr, /is held by process \d+/);
  assert.equal(await succeeds('get', 'greeting', '--node', 'n1'), 'without n2');
  assert.match(await succeeds('ps'), /^n1 .* ready$/m);
});

test('a data directory of another node is refused', async () => {
  await succeeds('down', 'n3');
  const { code, stderr } = await runCommand([
    'serve',
    '--id',
    'n1',
    '--config',
    cluster.local.configPath,
    '--data-dir',
    cluster.dataDirectory('n3'),
    '--listen',
    '127.0.0.1:0',
  ]);
  assert.equal(code, 2);
  assert.match(stderr, /the data directory belongs to node n3, not n1/);
});

test('up shows the log of a node that does not start', async () => {
  // The state file of n3 is no longer what was written: the node must not start from it.

  await writeFile(join(cluster.dataDirectory('n3'), 'node-state.json'), 'torn');
  const { code, stderr } = await onCluster('up');
  assert.equal(code, 1);
  assert.match(stderr, /n3 \(127\.0\.0\.1:\d+\) did not start \(exit code 1\)\. Its log, .*node\.log, ends:/);
  assert.match(stderr, /node-state\.json cannot be believed/);
});
