import assert from 'node:assert/strict';
import { test } from 'node:test';

import { formatAddress, localAddressOf, parseAddress, parseListenAddress } from './address.ts';

const accepted: readonly (readonly [text: string, formatted: string])[] = [
  ['127.0.0.1:9001', '127.0.0.1:9001'],
  ['localhost:1', 'localhost:1'],
  ['N1.Example.ORG:65535', 'n1.example.org:65535'],
  ['node_1:9001', 'node_1:9001'],
  ['[::1]:9001', '[::1]:9001'],
  ['[0:0:0:0:0:0:0:1]:9001', '[::1]:9001'],
  ['[2001:DB8::5]:9001', '[2001:db8::5]:9001'],
  ['127.1:9001', '127.0.0.1:9001'],
];

test('every spelling of an address is read, and formatted in one way', () => {
  for (const [text, formatted] of accepted) {
    const parsed = parseAddress(text);
    assert.ok(parsed.ok, text);
    assert.equal(formatAddress(parsed.address), formatted);
  }
});

const refused: readonly string[] = [
  '',
  '127.0.0.1',
  '127.0.0.1:',
  '127.0.0.1:0',
  '127.0.0.1:65536',
  '127.0.0.1:90001',
  '127.0.0.1:-1',
  '127.0.0.1:9001 ',
  ' 127.0.0.1:9001',
  '127.0.0.1:0x50',
  '999.0.0.1:9001',
  ':9001',
  '0.0.0.0:9001',
  '[::]:9001',
  '::1:9001',
  '[::1:9001',
  '[::g]:9001',
  '[]:9001',
  'http://127.0.0.1:9001',
  'user@host:9001',
  'host/path:9001',
  'ho st:9001',
  'a%20b:9001',
];

test('an address that nobody could connect to is refused with what is allowed', () => {
  for (const text of refused) {
    const parsed = parseAddress(text);
    assert.ok(!parsed.ok, JSON.stringify(text));
    assert.match(parsed.allowed, /host:port|connect to/);
  }
});

test('an address to bind may name all interfaces and any free port', () => {
  for (const [text, host, port] of [
    [':9001', '', 9001],
    ['0.0.0.0:9001', '0.0.0.0', 9001],
    ['[::]:0', '::', 0],
  ] as const) {
    const parsed = parseListenAddress(text);
    assert.ok(parsed.ok, text);
    assert.deepEqual(parsed.address, { host, port });
  }
});

test('a node that binds all interfaces is reached over the loopback', () => {
  assert.equal(localAddressOf({ host: '', port: 1 }).host, '127.0.0.1');
  assert.equal(localAddressOf({ host: '0.0.0.0', port: 1 }).host, '127.0.0.1');
  assert.equal(localAddressOf({ host: '::', port: 1 }).host, '::1');
  assert.equal(localAddressOf({ host: '10.0.0.1', port: 1 }).host, '10.0.0.1');
});
