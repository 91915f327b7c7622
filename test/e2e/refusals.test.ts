/** Defect 15 of the Go demo: duplicate ids and addresses, unknown fields, `--id ../x` and typing mistakes were all accepted. */

import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { freePorts } from '../../src/cli/free-ports.ts';
import { runCommand } from './run-command.ts';

let folder = '';
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'refusals-'));
});
after(() => rm(folder, { recursive: true }));

async function nodesFile(content: unknown): Promise<string> {
  const path = join(folder, 'nodes.json');
  await writeFile(path, typeof content === 'string' ? content : JSON.stringify(content));
  return path;
}

const three = [
  { id: 'n1', addr: '127.0.0.1:9001' },
  { id: 'n2', addr: '127.0.0.1:9002' },
  { id: 'n3', addr: '127.0.0.1:9003' },
];
const base = { nodes: three, vnodes: 64, n: 3, r: 2, w: 2 };

const wrongFiles: readonly (readonly [name: string, content: unknown, message: RegExp])[] = [
  [
    'two nodes of one id',
    { ...base, nodes: [...three, { id: 'n1', addr: 'h:1' }] },
    /nodes\[3\]\.id is "n1", but must differ from nodes\[0\]\.id/,
  ],
  [
    'two nodes at one address',
    { ...base, nodes: [...three, { id: 'n4', addr: '127.0.0.1:9001' }] },
    /nodes\[3\]\.addr is "127\.0\.0\.1:9001"/,
  ],
  ['an unknown field', { ...base, replicas: 3 }, /replicas is not a setting here/],
  [
    'a path as id',
    { ...base, nodes: [{ id: '../x', addr: 'h:1' }, ...three] },
    /nodes\[0\]\.id is "\.\.\/x", but must be/,
  ],
  ['w above n', { ...base, w: 4 }, /w is 4, but must be at most n, which is 3/],
  ['text that is no JSON', '{', /nodes\.json is not JSON/],
];

for (const [name, content, message] of wrongFiles) {
  test(`nothing starts from a nodes file with ${name}`, async () => {
    const config = await nodesFile(content);
    const dataDir = join(folder, 'data');
    for (const command of [
      ['up', '--config', config, '--data-dir', dataDir],
      ['serve', '--id', 'n1', '--config', config, '--data-dir', dataDir],
    ]) {
      const { code, stdout, stderr } = await runCommand(command);
      assert.equal(code, 2, stderr);
      assert.match(stderr, message);
      assert.equal(stdout, '');
    }
    assert.deepEqual(await readdir(folder), ['nodes.json']);
  });
}

const wrongCalls: readonly (readonly [name: string, commandLine: readonly string[], message: RegExp])[] = [
  ['a command that does not exist', ['upp'], /unknown command 'upp'/],
  ['an option that does not exist', ['up', '--dir', 'x'], /unknown option '--dir'/],
  ['an id that does not exist', ['serve', '--id', '../x'], /no node "\.\.\/x"/],
  [
    'a durability that does not exist',
    ['serve', '--durability', 'sometimes'],
    /always, interval:<milliseconds>/,
  ],
  ['an engine that does not exist', ['serve', '--engine', 'rocks'], /log, classic-level/],
  [
    'a flag of the Go demo that is gone',
    ['--id=n1', '--kvwal=x'],
    /--kvwal is gone: the log is the data, under --data-dir/,
  ],
  ['a nodes file that does not exist', ['up', '--config', 'none.json'], /none\.json cannot be read/],
  ['a put of two values', ['put', 'k', 'v', '--file', 'x'], /not both/],
];

for (const [name, commandLine, message] of wrongCalls) {
  test(`${name} ends with exit code 2 and says what is wrong`, async () => {
    const { code, stderr } = await runCommand(commandLine);
    assert.match(stderr, message);
    assert.equal(code, 2);
  });
}

test('up names the port that is taken, and starts nothing', async () => {
  const [taken = 0, free = 0] = await freePorts(2);
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(taken, '127.0.0.1', resolve));
  try {
    const nodes = [
      { id: 'n1', addr: `127.0.0.1:${free}` },
      { id: 'n2', addr: `127.0.0.1:${taken}` },
    ];
    const config = await nodesFile({ nodes, n: 2, r: 1, w: 2 });
    const { code, stderr } = await runCommand(['up', '--config', config, '--data-dir', join(folder, 'data')]);
    assert.equal(code, 1);
    assert.match(stderr, new RegExp(`127\\.0\\.0\\.1:${taken}, the address of n2, is in use`));
    assert.deepEqual(await readdir(folder), ['nodes.json']);
  } finally {
    server.close();
  }
});

test('help is asked for, not an error', async () => {
  const { code, stdout, stderr } = await runCommand(['up', '--help']);
  assert.deepEqual([code, stderr], [0, '']);
  assert.match(stdout, /^Usage: mini-dynamo up \[options\]$/m);
});
