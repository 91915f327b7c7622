import assert from 'node:assert/strict';
import { test } from 'node:test';
import { limits } from '../core/limits.ts';
import { parseRequestOptions } from './request-options.ts';

const rules = { replicas: 3, allowTtl: true };

test('every known parameter is read', () => {
  assert.deepEqual(parseRequestOptions('r=1&w=3&mode=strict&timeout=250&ttl=60000', rules), {
    r: 1,
    w: 3,
    quorumMode: 'strict',
    timeoutMs: 250,
    ttlMs: 60_000,
  });
  assert.deepEqual(parseRequestOptions('', rules), {});
});

test('a quorum lies between 1 and N', () => {
  for (const query of [
    'r=0',
    'r=4',
    'w=4',
    'w=-1',
    'w=1.5',
    'w=',
    'r',
    'r=1e0',
    'r=%31',
    'w=99999999999999999999',
  ]) {
    assert.throws(
      () => parseRequestOptions(query, rules),
      /query parameter "[rw]" is .* allowed are 1 to 3/,
      query,
    );
  }
});

test('the quorum mode is strict or sloppy, once', () => {
  assert.deepEqual(parseRequestOptions('mode=sloppy', rules), { quorumMode: 'sloppy' });
  for (const query of ['mode=', 'mode', 'mode=STRICT', 'mode=1', 'mode=strict%20']) {
    assert.throws(
      () => parseRequestOptions(query, rules),
      /query parameter "mode" is ".*"; allowed are strict and sloppy/,
      query,
    );
  }
  assert.throws(() => parseRequestOptions('mode=strict&mode=sloppy', rules), /"mode" is given twice/);
});

test('times have an upper limit', () => {
  assert.throws(() => parseRequestOptions(`timeout=${limits.requestTimeoutMsMax + 1}`, rules), /"timeout"/);
  assert.throws(() => parseRequestOptions(`ttl=${limits.ttlMsMax + 1}`, rules), /"ttl"/);
  assert.throws(() => parseRequestOptions('ttl=0', rules), /"ttl"/);
});

test('an unknown, doubled or misplaced parameter is named', () => {
  assert.throws(
    () => parseRequestOptions('W=2', rules),
    /unknown query parameter "W"; allowed are r, w, mode, timeout, ttl/,
  );
  assert.throws(() => parseRequestOptions('__proto__=2', rules), /unknown query parameter "__proto__"/);
  assert.throws(() => parseRequestOptions('r=1&r=2', rules), /"r" is given twice/);
  assert.throws(() => parseRequestOptions('ttl=5', { replicas: 3, allowTtl: false }), /"ttl" is for PUT/);
});
