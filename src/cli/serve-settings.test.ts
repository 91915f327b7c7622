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
  return serveSettings(
    { ...options, ...logging },
    {
      listen: () => Promise.resolve({ host: '127.0.0.1', port: 9007 }),
      peerListen: () => Promise.resolve({ host: '127.0.0.1', port: 19_000 }),
      cores: 4,
    },
  );
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

test('a node alone with workers shares its address among them, at peer ports that were free', async () => {
  const first = await settingsFor({ workers: 3 });
  assert.equal(first.workers, 3);
  assert.equal(first.config.id, 'n1');
  assert.deepEqual(first.sharedListen, { host: '127.0.0.1', port: 9007 });
  assert.deepEqual(first.listen, { host: '127.0.0.1', port: 19_000 });
  assert.equal(first.dataDirectory, join('data', 'standalone', 'n1'));
  // Each key on one of them: the promise of a node alone, on more cores.
  assert.deepEqual(first.config.quorum, { n: 1, r: 1, w: 1 });

  const third = await settingsFor({
    workers: 3,
    worker: 3,
    listen: { host: '', port: 8000 },
    peerListen: { host: '127.0.0.1', port: 19_500 },
    dataDir: '/srv/n1',
  });
  assert.equal(third.config.id, 'n1-3');
  assert.deepEqual(third.config.members, first.config.members);
  assert.deepEqual(third.sharedListen, { host: '', port: 8000 });
  assert.deepEqual(third.listen, { host: '127.0.0.1', port: 19_502 });
  assert.equal(third.dataDirectory, join('/srv/n1', 'worker-3'));
});

test('auto is one worker for each core', async () => {
  assert.equal((await settingsFor({ workers: 'auto' })).workers, 4);
});

test('one worker alone is a node as it was before there were any', async () => {
  const settings = await settingsFor({ workers: 1 });
  assert.equal(settings.sharedListen, undefined);
  assert.deepEqual(settings.config, (await settingsFor({})).config);
});

test('ports that would differ from worker to worker, or that there are not, are refused', async () => {
  const anywhere = { host: '127.0.0.1', port: 0 };
  await assert.rejects(
    settingsFor({ workers: 2, listen: anywhere }),
    /--listen needs a port for several workers/,
  );
  await assert.rejects(settingsFor({ workers: 2, peerListen: anywhere }), /--peer-listen needs a port/);
  await assert.rejects(
    settingsFor({ workers: 3, peerListen: { host: '127.0.0.1', port: 65_534 } }),
    /has port 65534, but must have one up to 65533/,
  );
  await assert.rejects(settingsFor({ peerListen: anywhere }), /a node alone has no peers/);
  await assert.rejects(settingsFor({ workers: 2, worker: 3 }), /--worker 3: n1 has 2 of them/);
});

test('the file says how many workers a node has, because its peers must know them', async () => {
  const path = join(folder, 'workers.json');
  const nodes = [
    { id: 'n1', addr: '127.0.0.1:9001', peerAddr: '127.0.0.1:9100', workers: 2 },
    { id: 'n2', addr: '127.0.0.1:9002' },
  ];
  await writeFile(path, JSON.stringify({ nodes, n: 2 }));
  assert.equal((await settingsFor({ id: 'n1', config: path })).workers, 2);
  assert.equal((await settingsFor({ id: 'n1', config: path, workers: 2 })).workers, 2);
  const second = await settingsFor({ id: 'n1', config: path, worker: 2 });
  assert.equal(second.config.id, 'n1-2');
  assert.equal(second.dataDirectory, join('data', 'n1', 'worker-2'));
  assert.equal((await settingsFor({ id: 'n2', config: path })).workers, 1);

  await assert.rejects(
    settingsFor({ id: 'n1', config: path, workers: 'auto' }),
    /--workers auto is 4 here, and .*workers\.json gives n1 2: .* write "workers": 4 at n1 in the file of every node/,
  );
  await assert.rejects(settingsFor({ id: 'n2', config: path, workers: 3 }), /write "workers": 3 at n2/);
  await assert.rejects(settingsFor({ id: 'n1-2', config: path }), /n1-2 is a worker of n1.*serve --id n1/);
  await assert.rejects(settingsFor({ config: path }), /with --id \(n1, n2\)/);
});

test('files for TLS with peers come from the nodes file, each with the id of the node, or from the command line', async () => {
  const path = join(folder, 'tls.json');
  const peerTls = { ca: 'ca.crt', cert: 'certs/{id}.crt', key: '/etc/{id}/{id}.key', mode: 'optional' };
  const nodes = [{ ...three.nodes[0], workers: 2, peerAddr: '127.0.0.1:9201' }, ...three.nodes.slice(1)];
  await writeFile(path, JSON.stringify({ ...three, nodes, peerTls }));
  const { peerTls: ofN2 } = await settingsFor({ id: 'n2', config: path });
  const cert = join(folder, 'certs', 'n2.crt');
  assert.deepEqual(ofN2, { ca: join(folder, 'ca.crt'), cert, key: '/etc/n2/n2.key', mode: 'optional' });
  const ofWorker = await settingsFor({ id: 'n1', config: path, worker: 2 });
  assert.equal(ofWorker.config.id, 'n1-2');
  assert.equal(ofWorker.peerTls?.key, '/etc/n1/n1.key', 'workers share the certificate of their node');
  const given = await settingsFor({ id: 'n2', config: path, peerKey: 'keys/{id}.key' });
  assert.deepEqual(given.peerTls, { ...ofN2, key: 'keys/n2.key' });
  const files = { peerCa: 'a', peerCert: 'b', peerKey: 'c' };
  assert.deepEqual((await settingsFor({ id: 'n2', config, ...files })).peerTls, {
    ca: 'a',
    cert: 'b',
    key: 'c',
    mode: 'required',
  });
  assert.equal((await settingsFor({ id: 'n2', config })).peerTls, undefined);
});

test('one or two of the three files for TLS are refused', async () => {
  for (const files of [{ peerCa: 'a' }, { peerCert: 'b', peerKey: 'c' }]) {
    await assert.rejects(
      settingsFor({ id: 'n2', config, ...files }),
      /Give all of --peer-ca, --peer-cert and --peer-key/,
    );
  }
});
