import assert from 'node:assert/strict';
import { test } from 'node:test';

import {
  floorCell,
  healingRemarks,
  levelCell,
  witnessCell,
  type AntiEntropyPage,
  type FloorPage,
} from './healing-figures.ts';

const owner = { id: 'n2', level: true, last_compared_ms: 10, unfinished: 0, ahead: 0, last_error: '' };
const well: AntiEntropyPage = {
  ...{ enabled: true, level: true, owners: [owner, { ...owner, id: 'n3' }] },
  evidence: { complete: true, cause: null, incomplete_partitions: 0 },
};
const floor: FloorPage = {
  partitions: [
    { partition: 1, floor_ms: 90_000, reason: '' },
    { partition: 2, floor_ms: 60_000, reason: '' },
  ],
};

test('a node that is well is level, a witness, and says nothing more', () => {
  assert.equal(levelCell(well), 'yes');
  assert.equal(witnessCell(well), 'yes');
  assert.equal(floorCell(floor, 100_000), '40s');
  assert.deepEqual(healingRemarks('n1', well, floor), []);
});

test('a node that does not answer shows nothing', () => {
  for (const cell of [levelCell(undefined), witnessCell(undefined), floorCell(undefined, 5)]) {
    assert.equal(cell, '-');
  }
});

test('what differs is told for each owner, with how long ago it was compared', () => {
  const page: AntiEntropyPage = {
    ...well,
    level: false,
    owners: [
      { ...owner, level: false, unfinished: 1, last_compared_ms: 61_000, last_error: 'n2 has restarted' },
      { ...owner, id: 'n3', level: false, ahead: 2, last_compared_ms: null },
    ],
  };
  assert.equal(levelCell(page), 'no (2)');
  assert.deepEqual(healingRemarks('n1', page, undefined), [
    'n1: not level with n2: 1 partition to fetch, compared 1m 1s ago; n2 has restarted',
    'n1: not level with n3: it lacks something in 2 partitions, never compared',
  ]);
});

test('a node that lost something says for how many partitions it is no witness', () => {
  const evidence = { complete: false, cause: 'rolled-back', incomplete_partitions: 12 };
  assert.equal(witnessCell({ ...well, evidence }), 'no (rolled-back)');
  assert.deepEqual(healingRemarks('n1', { ...well, evidence }, undefined), [
    'n1: no witness yet for 12 partitions (rolled-back)',
  ]);
});

test('what holds the floor is told once for all partitions that it holds', () => {
  const reason = 'blocked by n3: down 4 h';
  const blocked = { partitions: floor.partitions.map((row) => ({ ...row, floor_ms: 0, reason })) };
  assert.equal(floorCell(blocked, 100_000), 'none');
  assert.deepEqual(healingRemarks('n1', well, blocked), [
    `n1: the floor of 2 partitions stands still: ${reason}`,
  ]);
});
