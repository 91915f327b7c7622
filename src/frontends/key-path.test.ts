import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { errorCodeOf } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import { isKeyPath, keyOfPath, parseTarget, percentDecode } from './key-path.ts';

function codeOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    return errorCodeOf(error);
  }
  return 'nothing thrown';
}

test('any bytes survive percent-encoding, whichever of them are escaped', () => {
  const unreserved = /[A-Za-z0-9/_~-]/;
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 64 }), fc.boolean(), (key, upperCase) => {
      let path = '/kv/';
      for (const byte of key) {
        const character = String.fromCharCode(byte);
        const hex = byte.toString(16).padStart(2, '0');
        path += unreserved.test(character) ? character : `%${upperCase ? hex.toUpperCase() : hex}`;
      }
      assert.deepEqual(Uint8Array.from(keyOfPath(path)), key);
    }),
  );
});

test('decoding any text gives bytes or a refusal, nothing else', () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom('%', '4', 'f', 'G', 'a', '/', '+') }), (text) => {
      const code = codeOf(() => percentDecode(text));
      const broken = /%(?![0-9a-fA-F]{2})/.test(text.replace(/%[0-9a-fA-F]{2}/g, '.'));
      assert.equal(code, broken ? 'BAD_REQUEST' : 'nothing thrown');
    }),
  );
});

test('a plus sign is a plus sign and a slash belongs to the key', () => {
  assert.equal(Buffer.from(keyOfPath('/kv/a+b//c/')).toString(), 'a+b//c/');
});

test('the query is cut off before the key is decoded', () => {
  const { path, query } = parseTarget('/kv/a%3Fb?r=1?2');
  assert.equal(Buffer.from(keyOfPath(path)).toString(), 'a?b');
  assert.equal(query, 'r=1?2');
});

test('dot segments are refused raw and are a key when encoded', () => {
  for (const url of ['/kv/../x', '/kv/a/./b', '/..', '/kv/..', '/./kv/a', '/kv/a/..?r=1']) {
    assert.equal(
      codeOf(() => parseTarget(url)),
      'BAD_REQUEST',
      url,
    );
  }
  assert.equal(Buffer.from(keyOfPath(parseTarget('/kv/%2e%2E/x').path)).toString(), '../x');
  for (const url of ['/kv/...', '/kv/a..b', '/kv/.hidden', '/kv/x?p=/../']) {
    assert.equal(
      codeOf(() => parseTarget(url)),
      'nothing thrown',
      url,
    );
  }
});

test('an absolute target is reduced to its path; other forms and fragments are refused', () => {
  assert.deepEqual(parseTarget('HTTP://host:9001/kv/a?r=1'), { path: '/kv/a', query: 'r=1' });
  assert.deepEqual(parseTarget('http://host?r=1'), { path: '/', query: 'r=1' });
  for (const url of ['*', 'host:9001', 'ftp://host/kv/a', '', 'kv/a', '/kv/a#b', 'http://h/kv/../a']) {
    assert.equal(
      codeOf(() => parseTarget(url)),
      'BAD_REQUEST',
      url,
    );
  }
});

test('an empty key is missing, a key at the limit fits, one byte more does not', () => {
  assert.equal(
    codeOf(() => keyOfPath('/kv')),
    'MISSING_KEY',
  );
  assert.equal(
    codeOf(() => keyOfPath('/kv/')),
    'MISSING_KEY',
  );
  assert.equal(keyOfPath(`/kv/${'%41'.repeat(limits.keyBytesMax)}`).length, limits.keyBytesMax);
  assert.equal(
    codeOf(() => keyOfPath(`/kv/${'A'.repeat(limits.keyBytesMax + 1)}`)),
    'KEY_TOO_LARGE',
  );
});

test('only /kv and what is under it are keys', () => {
  assert.deepEqual(
    ['/kv', '/kv/', '/kv/a', '/kvx', '/KV/a', '/health'].map((path) => isKeyPath(path)),
    [true, true, true, false, false, false],
  );
});
