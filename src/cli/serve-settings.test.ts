import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { serveSettings, type ServeOptions } from './serve-settings.ts';

const logging = { logFormat: 'text', logLevel: 'info' } as const;
const three = {
  nodes: [
    { id: 'n1', addr: '127.0.0.1:9001' },
    { id: 'n2', addr: '127.0.0.1:9002', peerAddr: '127.0.0.1:9102' },
    { id: 'n3', addr: '127.0.0.1:9003' },
  ],
  durability: 'interval:20',
};

let folder = '';
let config = '';
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'serve-settings-'));
  config = join(folder, 'nodes.json');
  await writeFile(config, JSON.stringify(three));
});
after(() => rm(folder, { recursive: true }));

function settingsFor(
  options: Omit<ServeOptions, 'logFormat' | 'logLevel'>,
): ReturnType<typeof serveSettings> {
  return serveSettings({ ...options, ...logging }, () => Promise.resolve({ host: '127.0.0.1', port: 9007 }));
}

test('without arguments one node serves alone at the address that was free', async () => {
  const settings = await settingsFor({});
  assert.equal(settings.standalone, true);
  assert.equal(settings.config.id, 'n1');
  assert.deepEqual(settings.config.quorum, { n: 1, r: 1, w: 1 });
  assert.deepEqual(settings.listen, { host: '127.0.0.1', port: 9007 });
  assert.equal(settings.dataDirectory, join('data', 'standalone', 'n1'));
});

test('a node of a file takes its address, its settings and its own data directory', async () => {
  const settings = await settingsFor({ id: 'n2', config });
  assert.equal(settings.standalone, false);
  assert.deepEqual(settings.listen, { host: '127.0.0.1', port: 9002 });
  assert.deepEqual(settings.peerListen, { host: '127.0.0.1', port: 9102 });
  assert.equal(settings.dataDirectory, join('data', 'n2'));
  assert.deepEqual(settings.durability, { mode: 'interval', intervalMs: 20 });
  assert.equal(settings.engine, 'log');
});

test('the command line wins over the file', async () => {
  const settings = await settingsFor({
    id: 'n1',
    config,
    listen: { host: '', port: 9001 },
    dataDir: '/srv/n1',
    durability: { mode: 'always' },
    engine: 'classic-level',
  });
  assert.deepEqual(settings.listen, { host: '', port: 9001 });
  assert.equal(settings.dataDirectory, '/srv/n1');
  assert.deepEqual(settings.durability, { mode: 'always' });
  assert.equal(settings.engine, 'classic-level');
});

test('a file with several nodes wants to know which of them this is', async () => {
  await assert.rejects(
    settingsFor({ config }),
    /several nodes: say which one this is with --id \(n1, n2, n3\)/,
  );
});

test('an id that the file does not have is refused', async () => {
  await assert.rejects(
    settingsFor({ id: '../x', config }),
    /no node "\.\.\/x" in .*; its nodes are n1, n2, n3/,
  );
});

test('a port for peers needs an address under which they find it', async () => {
  await assert.rejects(
    settingsFor({ id: 'n1', config, peerListen: { host: '', port: 9102 } }),
    /--peer-listen needs a "peerAddr" of n1/,
  );
});
