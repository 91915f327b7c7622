import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

import { defaultTiming } from '../core/config.ts';
import { StoreError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import { formatAddress } from './address.ts';
import { nodeConfigOf, nodeOf } from './cluster-settings.ts';
import { parseNodesFile, readNodesFile } from './nodes-file.ts';

const three = [
  { id: 'n1', addr: '127.0.0.1:9001' },
  { id: 'n2', addr: '127.0.0.1:9002' },
  { id: 'n3', addr: '127.0.0.1:9003' },
];
const base = { nodes: three, vnodes: 64, n: 3, r: 2, w: 2 };

function refusalOf(content: unknown): string {
  const text = typeof content === 'string' ? content : JSON.stringify(content);
  try {
    parseNodesFile(text, 'nodes.json');
  } catch (error) {
    assert.ok(error instanceof StoreError);
    assert.equal(error.code, 'CONFIG_INVALID');
    return error.message;
  }
  assert.fail(`accepted: ${text}`);
}

function withNode(changes: Readonly<Record<string, unknown>>): unknown {
  return { ...base, nodes: [three[0], { ...three[1], ...changes }, three[2]] };
}

test('the nodes.json of the Go demo is read as it is', () => {
  const settings = parseNodesFile(JSON.stringify(base), 'nodes.json');
  assert.deepEqual(
    settings.nodes.map((node) => [node.id, formatAddress(node.address)]),
    three.map((node) => [node.id, node.addr]),
  );
  assert.equal(settings.partitions, 256);
  assert.deepEqual(settings.quorum, { n: 3, r: 2, w: 2 });
  assert.equal(settings.quorumMode, 'sloppy');
  assert.equal(settings.engine, 'log');
  assert.deepEqual(settings.durability, { mode: 'always' });
  assert.deepEqual(settings.timing, defaultTiming);
  assert.deepEqual(settings.warnings, []);
});

test('every optional field is taken over', () => {
  const settings = parseNodesFile(
    JSON.stringify({
      clusterName: 'shop.eu-1',
      nodes: [
        { id: 'a', addr: '[::1]:9001', peerAddr: '[::1]:9101', zone: 'Zürich 1', weight: 2.5 },
        { id: 'b', addr: 'b.example.org:9001' },
      ],
      partitions: 16,
      n: 2,
      r: 1,
      w: 2,
      quorumMode: 'strict',
      valueBytesMax: 1024,
      timing: { heartbeatMs: 100, requestTimeoutMs: 500 },
      antiEntropy: false,
      hintedHandoff: false,
      scrubDays: 1.5,
      engine: 'classic-level',
      durability: 'interval:25',
    }),
    'nodes.json',
  );
  const config = nodeConfigOf(settings, nodeOf(settings, 'a').id);
  assert.deepEqual(config, {
    id: 'a',
    clusterName: 'shop.eu-1',
    members: [
      { id: 'a', zone: 'Zürich 1', weight: 2.5 },
      { id: 'b', zone: '', weight: 1 },
    ],
    partitions: 16,
    quorum: { n: 2, r: 1, w: 2 },
    quorumMode: 'strict',
    valueBytesMax: 1024,
    timing: { ...defaultTiming, heartbeatMs: 100, requestTimeoutMs: 500 },
    antiEntropy: false,
    hintedHandoff: false,
    scrubMs: 129_600_000,
  });
  assert.deepEqual(settings.nodes[0]?.peerAddress, { host: '::1', port: 9101 });
  assert.equal(settings.engine, 'classic-level');
  assert.deepEqual(settings.durability, { mode: 'interval', intervalMs: 25 });
});

/** Each with the field, the value and what is allowed, as the message must say. */
const refusals: readonly (readonly [name: string, content: unknown, message: RegExp])[] = [
  ['no JSON', '{"nodes":', /^nodes\.json is not JSON: /],
  ['a list', [], /nodes\.json: the file is \[\], but must be an object with "nodes"/],
  ['null', 'null', /the file is null, but must be an object/],
  ['no nodes', { n: 1 }, /nodes is missing; it must be a list of 1 to 256 nodes/],
  ['an empty list of nodes', { ...base, nodes: [] }, /nodes is \[\], but must be a list of 1 to 256 nodes/],
  ['nodes as an object', { ...base, nodes: {} }, /nodes is \{\}, but must be a list/],
  ['a node as text', { ...base, nodes: ['n1'] }, /nodes\[0\] is "n1", but must be an object such as/],
  [
    'an unknown field',
    { ...base, quorum: 2 },
    /quorum is not a setting here; allowed are clusterName, nodes, /,
  ],
  [
    'an unknown field of a node',
    withNode({ adr: 'x' }),
    /nodes\[1\]\.adr is not a setting here; allowed are id, addr, /,
  ],
  [
    'an unknown timing',
    { ...base, timing: { heartbeat: 1 } },
    /timing\.heartbeat is not a setting here; allowed are requestTimeoutMs, /,
  ],
  [
    'a field named __proto__',
    '{"nodes":[{"id":"n1","addr":"h:1"}],"n":1,"r":1,"w":1,"__proto__":{}}',
    /__proto__ is not a setting here/,
  ],
  ['a field with a line break', { ...base, 'a\nb': 1 }, /\["a\\nb"\] is not a setting here/],
  ['a path as id', withNode({ id: '../x' }), /nodes\[1\]\.id is "\.\.\/x", but must be 1 to 64 letters/],
  ['an empty id', withNode({ id: '' }), /nodes\[1\]\.id is "", but must be 1 to 64 letters/],
  ['an id that is a number', withNode({ id: 2 }), /nodes\[1\]\.id is 2, but must be 1 to 64 letters/],
  ['an id twice', withNode({ id: 'n1' }), /nodes\[1\]\.id is "n1", but must differ from nodes\[0\]\.id/],
  [
    'ids that differ in case only',
    withNode({ id: 'N1' }),
    /nodes\[1\]\.id is "N1", but must differ from nodes\[0\]\.id/,
  ],
  [
    'an address twice',
    withNode({ addr: '127.0.0.1:9001' }),
    /nodes\[1\]\.addr is "127\.0\.0\.1:9001", but must differ from nodes\[0\]\.addr/,
  ],
  [
    'an address twice, spelt differently',
    withNode({ addr: '127.1:9001' }),
    /must differ from nodes\[0\]\.addr/,
  ],
  [
    'a peer address that is an address',
    withNode({ peerAddr: '127.0.0.1:9003' }),
    /nodes\[2\]\.addr is "127\.0\.0\.1:9003", but must differ from nodes\[1\]\.peerAddr/,
  ],
  [
    'an address without a port',
    withNode({ addr: '127.0.0.1' }),
    /nodes\[1\]\.addr is "127\.0\.0\.1", but must be host:port/,
  ],
  ['a missing address', withNode({ addr: undefined }), /nodes\[1\]\.addr is missing; it must be host:port/],
  ['an address as a URL', withNode({ addr: 'http://127.0.0.1:9001' }), /nodes\[1\]\.addr is "http:/],
  [
    'an address to bind only',
    withNode({ addr: '0.0.0.0:9001' }),
    /nodes\[1\]\.addr is "0\.0\.0\.0:9001", but must be an address that the others can connect to/,
  ],
  ['a weight of zero', withNode({ weight: 0 }), /nodes\[1\]\.weight is 0, but must be a number above 0/],
  ['a weight that is text', withNode({ weight: '2' }), /nodes\[1\]\.weight is "2", but must be a number/],
  ['an empty zone', withNode({ zone: '' }), /nodes\[1\]\.zone is "", but must be 1 to 64 printable/],
  ['n above the nodes', { ...base, n: 4 }, /n is 4, but must be at most 3, the number of nodes/],
  [
    'the default n above the nodes',
    { nodes: three.slice(0, 2) },
    /n is 3 \(the default\), but must be at most 2/,
  ],
  ['r above n', { ...base, r: 4 }, /r is 4, but must be at most n, which is 3/],
  ['w above n', { ...base, n: 2, r: 2, w: 3 }, /w is 3, but must be at most n, which is 2/],
  ['w of zero', { ...base, w: 0 }, /w is 0, but must be an integer from 1 to 256/],
  ['r as text', { ...base, r: '2' }, /r is "2", but must be an integer from 1/],
  ['a broken n', { ...base, n: 2.5 }, /n is 2\.5, but must be an integer from 1/],
  ['vnodes of zero', { ...base, vnodes: 0 }, /vnodes is 0, but must be an integer from 1 to 65536/],
  [
    'partitions that are no power of two',
    { ...base, partitions: 100 },
    /partitions is 100, but must be a power of two/,
  ],
  ['fewer partitions than nodes', { ...base, partitions: 2 }, /partitions is 2, but must be at least 3/],
  [
    'too many partitions',
    { ...base, partitions: 131072 },
    /partitions is 131072, but must be an integer from 1 to 65536/,
  ],
  [
    'an unknown mode',
    { ...base, quorumMode: 'loose' },
    /quorumMode is "loose", but must be "sloppy" or "strict"/,
  ],
  [
    'an unknown engine',
    { ...base, engine: 'rocksdb' },
    /engine is "rocksdb", but must be "log" or "classic-level"/,
  ],
  [
    'an unknown durability',
    { ...base, durability: 'interval:0' },
    /durability is "interval:0", but must be always, interval/,
  ],
  [
    'a value limit above the ceiling',
    { ...base, valueBytesMax: limits.valueBytesCeiling + 1 },
    /valueBytesMax is \d+, but must be an integer/,
  ],
  [
    'a name with a space',
    { ...base, clusterName: 'my shop' },
    /clusterName is "my shop", but must be 1 to 64/,
  ],
  [
    'heartbeats too rare',
    { ...base, timing: { heartbeatMs: 1600 } },
    /timing\.peerDownAfterMs is 1600, but must be above timing\.heartbeatMs/,
  ],
  [
    'retries upside down',
    { ...base, timing: { hintRetryMsMin: 20_000 } },
    /timing\.hintRetryMsMax is 10000, but must be at least/,
  ],
  ['a long value', { ...base, engine: 'x'.repeat(500) }, /engine is "x{76}…, but must be/],
  [
    'scrub days below 0',
    { nodes: [{ id: 'n1', addr: 'a:1' }], n: 1, r: 1, w: 1, scrubDays: -1 },
    /scrubDays.* must be a number of days from 0 \(never\) to 365/,
  ],
];

for (const [name, content, message] of refusals) {
  test(`a nodes file is refused for ${name}`, () => {
    assert.match(refusalOf(content), message);
  });
}

test('all problems are named at once, each with the file', () => {
  const lines = refusalOf({ ...base, n: 'three', nodes: [{ id: '/', addr: 'x', color: 1 }] }).split('\n');
  assert.equal(lines.length, 4);
  for (const line of lines) assert.match(line, /^nodes\.json: /);
});

test('a quorum that may miss its own writes is allowed with a warning', () => {
  const settings = parseNodesFile(JSON.stringify({ ...base, r: 1, w: 2 }), 'nodes.json');
  assert.match(settings.warnings.join(), /r \+ w is 3, not above n \(3\)/);
});

test('a node that does not exist is refused with those that do', () => {
  const settings = parseNodesFile(JSON.stringify(base), 'nodes.json');
  assert.throws(() => nodeOf(settings, 'n9'), /no node "n9" in nodes\.json; its nodes are n1, n2, n3/);
});

test('a file that is missing, or too long to be one, is refused', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'nodes-file-'));
  try {
    await assert.rejects(readNodesFile(join(folder, 'none.json')), /none\.json cannot be read: .*ENOENT/);
    const large = join(folder, 'large.json');
    await writeFile(large, ' '.repeat(limits.nodesFileBytesMax + 1));
    await assert.rejects(readNodesFile(large), /large\.json cannot be read: it has 1048577 bytes/);
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('peerTls needs all of its files, and says which is missing or wrong', () => {
  const files = { ca: 'ca.crt', cert: '{id}.crt', key: '{id}.key' };
  assert.equal(
    parseNodesFile(JSON.stringify({ ...base, peerTls: files }), 'nodes.json').peerTls?.mode,
    'required',
  );
  for (const missing of ['ca', 'cert', 'key']) {
    const { [missing]: _, ...others }: Record<string, string> = files;
    assert.match(
      refusalOf({ ...base, peerTls: others }),
      new RegExp(`^nodes.json: peerTls\\.${missing} is missing; it must be the path of a PEM file`),
    );
  }
  assert.match(
    refusalOf({ ...base, peerTls: { ...files, key: '' } }),
    /peerTls\.key is "", but must be the path/,
  );
  assert.match(refusalOf({ ...base, peerTls: true }), /peerTls is true, but must be an object such as/);
  assert.match(refusalOf({ ...base, peerTls: { ...files, mode: 'on' } }), /must be "required" or "optional"/);
  assert.match(refusalOf({ ...base, peerTls: { ...files, crl: 'x' } }), /peerTls\.crl is not a setting here/);
});
