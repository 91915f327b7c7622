import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { isCollectable } from './stability.ts';

function version(fields: { wallMs: number; tombstone?: boolean; expiresAtMs?: number }): {
  dot: { wallMs: number; counter: number; actor: string };
  tombstone: boolean;
  expiresAtMs: number;
} {
  return {
    dot: { wallMs: fields.wallMs, counter: 0, actor: 'n1.test' },
    tombstone: fields.tombstone ?? false,
    expiresAtMs: fields.expiresAtMs ?? 0,
  };
}

describe('a version can be collected', () => {
  test('when it is a tombstone at or below the floor', () => {
    assert.equal(isCollectable(version({ wallMs: 100, tombstone: true }), 99), false);
    assert.equal(isCollectable(version({ wallMs: 100, tombstone: true }), 100), true);
  });

  test('when it lies at or below the floor and had expired by then', () => {
    assert.equal(isCollectable(version({ wallMs: 100, expiresAtMs: 200 }), 199), false);
    assert.equal(isCollectable(version({ wallMs: 100, expiresAtMs: 200 }), 200), true);
    assert.equal(isCollectable(version({ wallMs: 300, expiresAtMs: 200 }), 250), false);
  });

  test('never when it is a value that does not expire', () => {
    assert.equal(isCollectable(version({ wallMs: 1 }), 2 ** 48 - 1), false);
  });

  test('never without a floor', () => {
    assert.equal(isCollectable(version({ wallMs: 0, tombstone: true }), 0), false);
  });
});
