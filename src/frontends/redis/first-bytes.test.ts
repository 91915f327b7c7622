import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startsRedis } from './first-bytes.ts';

function claim(text: string): boolean | undefined {
  return startsRedis(Buffer.from(text, 'latin1'));
}

test('a multibulk request is told by its first byte', () => {
  assert.equal(claim('*'), true);
});

test('an inline command is told by its name, in any case', () => {
  for (const text of ['PING\r\n', 'ping\n', 'set a b\r\n', 'GET key\r\n', 'get /a\r\n', 'GET\r\n', 'INFO ']) {
    assert.equal(claim(text), true, text);
  }
});

test('HTTP is left to HTTP, GET too', () => {
  for (const text of [
    'GET /',
    'GET /kv/a HTTP/1.1\r\n',
    'GET http://x/kv/a HTTP/1.1\r\n',
    'GET HTTPS://x',
    'PUT ',
    'POST /',
    'DELETE /kv/a',
    'OPTIONS *',
    'HEAD /',
    '\r\n',
    '\0MDN',
    '{}',
    'PINGPONG ',
  ]) {
    assert.equal(claim(text), false, text);
  }
});

test('a beginning that may become either waits for more, but not for ever', () => {
  for (const text of ['P', 'GE', 'GET', 'GET ', 'GET h', 'GET http:/'])
    assert.equal(claim(text), undefined, text);
  for (const text of ['GET hx', 'GET https:x']) assert.equal(claim(text), true, text);
  assert.equal(claim('A'.repeat(64)), false);
  assert.equal(claim(`GET ${' '.repeat(80)}`), true);
});
