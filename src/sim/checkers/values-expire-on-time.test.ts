import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { NodeId } from '../../core/config.ts';
import { crc32 } from '../../core/crc32.ts';
import { encodeRecord } from '../../core/record.ts';
import type { ReadOutcome } from '../../replica/node-api.ts';
import type { Operation } from '../history.ts';
import { uniqueValue } from '../unique-value.ts';
import { valuesExpireOnTime } from './values-expire-on-time.ts';

const node = 'n1' as NodeId;
const dot = { wallMs: 5, counter: 0, actor: 'n1.aaaaaa' };

const write: Operation = {
  id: 1,
  kind: 'put',
  key: 'k',
  node,
  startMicros: 0,
  valueBytes: 30,
  context: undefined,
  expiresAtMs: 1_000,
  end: { micros: 1, outcome: { kind: 'stored', dot, acknowledged: 2, required: 2 } },
};

function found(expiresAtMs: number): ReadOutcome {
  const key = new TextEncoder().encode('k');
  const { version } = encodeRecord({ key, dot, value: uniqueValue(1, 30), expiresAtMs }, crc32);
  return { kind: 'found', version, answered: 2, required: 2 };
}

function expired(expiresAtMs: number, tombstone = false): ReadOutcome {
  return { kind: 'missing', digest: { dot, tombstone, expiresAtMs, checksum: 0 }, answered: 2, required: 2 };
}

/** Promises broken by a read whose coordinator's clock went from one time to the other meanwhile. */
function brokenBy(outcome: ReadOutcome, from: number, to: number): number {
  const times = { startMicros: 0, wallMs: { from, to }, end: { micros: 1, outcome } };
  return valuesExpireOnTime({ history: [write, { id: 2, kind: 'get', key: 'k', node, ...times }] }).length;
}

describe('values-expire-on-time', () => {
  test('a value that is shown after its time is found', () => {
    assert.equal(brokenBy(found(1_000), 999, 1_005), 0, 'it was there when the read came');
    assert.equal(brokenBy(found(1_000), 1_000, 1_005), 1);
  });

  test('a value that is missing before its time is found', () => {
    assert.equal(brokenBy(expired(1_000), 990, 1_000), 0);
    assert.equal(brokenBy(expired(1_000), 990, 999), 1);
  });

  test('a value without expiry never expires, a tombstone needs none', () => {
    assert.equal(brokenBy(expired(0), 990, 999), 1);
    assert.equal(brokenBy(expired(0, true), 990, 999), 0);
  });

  test('an expiry that its writer did not ask for is found', () => {
    assert.equal(brokenBy(found(1_001), 10, 20), 1);
    assert.equal(brokenBy(found(0), 10, 20), 1);
  });
});
