import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import type { NodeId } from '../core/config.ts';
import { crc32 } from '../core/crc32.ts';
import type { Dot } from '../core/dot.ts';
import { encodeRecord } from '../core/record.ts';
import { deletesStay } from './checkers/deletes-stay.ts';
import { tombstonesGo } from './checkers/tombstones-go.ts';
import { withForgottenDeletes } from './forgotten-deletes.ts';
import { dotRead, type Operation, type ReadOperation, type WriteOperation } from './history.ts';

const node = 'n1' as NodeId;

function dot(wallMs: number): Dot {
  return { wallMs, counter: 0, actor: 'n1.aaaaaa' };
}

function write(
  kind: 'put' | 'delete',
  wallMs: number,
  outcome: 'stored' | 'unknown' = 'stored',
): WriteOperation {
  const end = { dot: dot(wallMs), acknowledged: 2, required: 2 };
  return {
    ...{ id: wallMs, kind, key: 'k', node, startMicros: wallMs, valueBytes: 30, context: undefined },
    end: {
      micros: wallMs + 1,
      outcome:
        outcome === 'stored'
          ? { kind: 'stored', ...end }
          : { kind: 'unknown', code: 'QUORUM_NOT_MET', message: '', ...end },
    },
  };
}

/** A read that found the version of that time, or nothing at all. */
function read(atMicros: number, foundMs?: number): ReadOperation {
  const key = new TextEncoder().encode('k');
  const counted = { answered: 2, required: 2 };
  return {
    ...{ id: atMicros, kind: 'get', key: 'k', node, startMicros: atMicros },
    end: {
      micros: atMicros + 1,
      outcome:
        foundMs === undefined
          ? { kind: 'missing', digest: undefined, ...counted }
          : { kind: 'found', version: encodeRecord({ key, dot: dot(foundMs) }, crc32).version, ...counted },
    },
  };
}

function dotsRead(operations: readonly Operation[]): (number | undefined)[] {
  return withForgottenDeletes(operations)
    .filter(({ kind }) => kind === 'get')
    .map((operation) => dotRead(operation)?.wallMs);
}

describe('a read of nothing', () => {
  test('is a read of the delete that was known', () => {
    assert.deepEqual(dotsRead([write('put', 10), write('delete', 20), read(30)]), [20]);
  });

  test('is a read of a delete that was never acknowledged, if only that can have ended the key', () => {
    assert.deepEqual(dotsRead([write('put', 10), write('delete', 20, 'unknown'), read(30)]), [20]);
  });

  test('says nothing where a delete whose stamp nobody knows may have ended the key', () => {
    const lost: WriteOperation = { ...write('delete', 20), end: { micros: 25, outcome: { kind: 'lost' } } };
    assert.deepEqual(dotsRead([write('put', 10), lost, read(30)]), []);
    assert.deepEqual(dotsRead([write('put', 10), read(12), lost]), [undefined]);
  });

  test('stays what it is when nothing has ended the key, or nothing was ever there', () => {
    assert.deepEqual(dotsRead([read(5), write('put', 10), read(30)]), [undefined, undefined]);
    assert.deepEqual(dotsRead([write('delete', 10), write('put', 20), read(30)]), [undefined]);
  });
});

describe('deletes-stay', () => {
  const brokenBy = (...operations: Operation[]): number =>
    deletesStay({ history: operations, readQuorumsMeet: true }).length;

  test('finds a value that comes back, and no other read', () => {
    const history = [write('put', 10), write('delete', 20)];
    assert.equal(brokenBy(...history, read(30), read(15, 10)), 0);
    assert.equal(brokenBy(...history, write('put', 40), read(50, 40)), 0);
    assert.equal(brokenBy(...history, read(30, 10)), 1);
    assert.equal(brokenBy(...history, read(20, 10)), 0, 'the delete had not ended');
  });
});

describe('tombstones-go', () => {
  test('finds what is held and what is on a disk', () => {
    const nodes = [
      { node, held: ['a'], onDisk: [{ file: 'log/1.seg', key: 'b' }] },
      { node, held: [], onDisk: [] },
    ];
    assert.deepEqual(
      tombstonesGo({ nodes }).map(({ key }) => key),
      ['a', 'b'],
    );
  });
});
