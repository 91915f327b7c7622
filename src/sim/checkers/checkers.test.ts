import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { NodeId } from '../../core/config.ts';
import { crc32 } from '../../core/crc32.ts';
import type { Dot } from '../../core/dot.ts';
import { encodeRecord, type StoredRecord } from '../../core/record.ts';
import type { ReadOutcome, WriteOutcome } from '../../replica/node-api.ts';
import type { NoAnswer, ReadOperation, WriteOperation } from '../history.ts';
import { uniqueValue } from '../unique-value.ts';
import { acknowledgedWritesSurvive } from './acknowledged-writes-survive.ts';
import { causallyLaterWins } from './causally-later-wins.ts';
import { copiesAreExactlyN } from './copies-are-exactly-n.ts';
import { clocksNeverRunBack } from './clocks-never-run-back.ts';
import { everythingIsServed } from './everything-is-served.ts';
import { hintsDrain } from './hints-drain.ts';
import { noInventedValues } from './no-invented-values.ts';
import { readsNeverGoBack } from './reads-never-go-back.ts';
import { replicasConverge } from './replicas-converge.ts';

const node = 'n1' as NodeId;

function dot(wallMs: number): Dot {
  return { wallMs, counter: 0, actor: 'n1.aaaaaa' };
}

function stored(wallMs: number): WriteOutcome {
  return { kind: 'stored', dot: dot(wallMs), acknowledged: 2, required: 2 };
}

function found(wallMs: number, value: Uint8Array): ReadOutcome {
  const key = new TextEncoder().encode('k');
  const { version } = encodeRecord({ key, dot: dot(wallMs), value }, crc32);
  return { kind: 'found', version, answered: 2, required: 2 };
}

function missing(wallMs?: number): ReadOutcome {
  const digest =
    wallMs === undefined ? undefined : { dot: dot(wallMs), tombstone: true, expiresAtMs: 0, checksum: 0 };
  return { kind: 'missing', digest, answered: 2, required: 2 };
}

function put(id: number, times: readonly [number, number], outcome: WriteOutcome | NoAnswer): WriteOperation {
  const [startMicros, micros] = times;
  return {
    id,
    kind: 'put',
    key: 'k',
    node,
    startMicros,
    valueBytes: 30,
    context: undefined,
    end: { micros, outcome },
  };
}

function get(id: number, times: readonly [number, number], outcome: ReadOutcome | NoAnswer): ReadOperation {
  const [startMicros, micros] = times;
  return { id, kind: 'get', key: 'k', node, startMicros, end: { micros, outcome } };
}

describe('acknowledged-writes-survive', () => {
  const history = [
    put(1, [0, 10], stored(5)),
    put(2, [20, 30], stored(7)),
    put(3, [40, 50], { kind: 'lost' }),
  ];

  test('the newest acknowledged write, or one that wins over it, satisfies the final read', () => {
    for (const outcome of [found(7, uniqueValue(2, 30)), found(9, uniqueValue(3, 30)), missing(8)]) {
      assert.deepEqual(acknowledgedWritesSurvive({ history, finalReads: [get(4, [90, 99], outcome)] }), []);
    }
  });

  test('an older version, nothing, or no answer is a lost write', () => {
    for (const outcome of [found(5, uniqueValue(1, 30)), missing(), missing(6), { kind: 'lost' } as const]) {
      const broken = acknowledgedWritesSurvive({ history, finalReads: [get(4, [90, 99], outcome)] });
      assert.equal(broken.length, 1);
      assert.match(broken[0]?.message ?? '', /#2 .* was acknowledged/);
    }
  });

  test('what was never acknowledged may be gone', () => {
    const unknown = [put(1, [0, 10], { kind: 'lost' })];
    const finalReads = [get(2, [90, 99], missing())];
    assert.deepEqual(acknowledgedWritesSurvive({ history: unknown, finalReads }), []);
  });
});

describe('no-invented-values', () => {
  const history = [
    put(1, [0, 10], stored(5)),
    put(2, [20, 30], { kind: 'lost' }),
    put(3, [20, 30], { kind: 'refused', code: 'CLOCK_AHEAD', message: '' }),
  ];
  const brokenBy = (outcome: ReadOutcome): number =>
    noInventedValues({ history: [...history, get(4, [15, 19], outcome)] }).length;

  test('a value of a write that may have taken effect is fine', () => {
    assert.equal(brokenBy(found(5, uniqueValue(1, 30))), 0);
    assert.equal(brokenBy(missing()), 0);
  });

  test('torn, foreign, refused, premature and restamped values are found', () => {
    const torn = uniqueValue(1, 30);
    torn[25] = (torn[25] ?? 0) ^ 1;
    assert.equal(brokenBy(found(5, torn)), 1);
    assert.equal(brokenBy(found(5, uniqueValue(99, 30))), 1);
    assert.equal(brokenBy(found(5, uniqueValue(3, 30))), 1);
    assert.equal(brokenBy(found(6, uniqueValue(2, 30))), 1, 'written only after the read');
    assert.equal(brokenBy(found(6, uniqueValue(1, 30))), 1, 'another dot than its write was given');
  });
});

describe('reads-never-go-back', () => {
  const writes = [put(1, [0, 10], stored(5)), put(2, [20, 30], stored(7))];
  const brokenBy = (...reads: ReadOperation[]): number =>
    readsNeverGoBack({ history: [...writes, ...reads], readQuorumsMeet: true }).length;

  test('a read may miss a write that had not ended when it began', () => {
    assert.equal(brokenBy(get(3, [29, 40], found(5, uniqueValue(1, 30)))), 0);
  });

  test('a read that misses an acknowledged write is found', () => {
    assert.equal(brokenBy(get(3, [31, 40], found(5, uniqueValue(1, 30)))), 1);
    assert.equal(brokenBy(get(3, [31, 40], missing())), 1);
  });

  test('a read that shows less than an earlier read is found, where read quorums meet', () => {
    const reads = [
      get(3, [31, 40], found(9, uniqueValue(4, 30))),
      get(4, [41, 50], found(7, uniqueValue(2, 30))),
    ];
    assert.equal(brokenBy(...reads), 1);
    const evidence = { history: [...writes, ...reads], readQuorumsMeet: false };
    assert.deepEqual(readsNeverGoBack(evidence), []);
  });

  test('a read without an answer proves nothing', () => {
    assert.equal(brokenBy(get(3, [31, 40], { kind: 'lost' })), 0);
  });
});

describe('stamps', () => {
  test('a write that loses against the version its client named is found', () => {
    const write = (context: Dot): WriteOperation => ({ ...put(1, [0, 10], stored(5)), context });
    assert.equal(causallyLaterWins({ history: [write(dot(4))] }).length, 0);
    assert.equal(causallyLaterWins({ history: [write(dot(5))] }).length, 1);
  });

  test('a node whose stamps go back or come twice is found', () => {
    const later = (startMicros: number, outcome: WriteOutcome): number => {
      const history = [put(1, [0, 10], stored(5)), put(2, [startMicros, 30], outcome)];
      return clocksNeverRunBack({ history }).length;
    };
    assert.equal(later(20, stored(6)), 0);
    assert.equal(later(20, stored(4)), 1);
    assert.equal(later(9, stored(4)), 0, 'they overlap');
    assert.equal(later(9, stored(5)), 1, 'one dot for two writes');
  });
});

describe('the quiet phase', () => {
  const record = (wallMs: number): StoredRecord =>
    encodeRecord({ key: Uint8Array.of(1), dot: dot(wallMs), value: uniqueValue(1, 30) }, crc32);

  test('a hint that is left is found', () => {
    const hint = { target: node, count: 1, bytes: 10 };
    assert.equal(hintsDrain({ hints: [{ node: 'n2', hints: [hint] }] }).length, 1);
    assert.equal(hintsDrain({ hints: [{ node: 'n2', hints: [{ ...hint, count: 0 }] }] }).length, 0);
  });

  test('owners that hold different bytes, or nothing, are found', () => {
    const copiesOf = (...records: (StoredRecord | undefined)[]): number => {
      const copies = records.map((held, index) => ({ node: `n${index}`, record: held }));
      return replicasConverge({ copies: [{ key: 'k', copies }] }).length;
    };
    assert.equal(copiesOf(record(5), record(5), record(5)), 0);
    assert.equal(copiesOf(undefined, undefined), 0);
    assert.equal(copiesOf(record(5), record(6)), 1);
    assert.equal(copiesOf(record(5), record(5), undefined), 1);
  });

  test('sums that differ are found although the bytes are the same', () => {
    const sumsOf = (...counts: readonly number[]): number =>
      replicasConverge({
        copies: [],
        sums: [{ partition: 3, sums: counts.map((count) => ({ node, sum: { high: 1, low: 2, count } })) }],
      }).length;
    assert.equal(sumsOf(5, 5, 5), 0);
    assert.equal(sumsOf(), 0);
    assert.equal(sumsOf(5, 5, 6), 1);
  });

  test('a copy too few and a copy too many are found', () => {
    const [n1, n2, n3] = ['n1', 'n2', 'n3'].map((id) => id as NodeId);
    assert.ok(n1 !== undefined && n2 !== undefined && n3 !== undefined);
    const found = (...holders: readonly NodeId[]): string[] =>
      copiesAreExactlyN({
        holdings: holders.map((id) => ({ node: id, keys: ['k'] })),
        ownersOf: () => [n1, n2],
      }).map(({ key, message }) => `${key}: ${message}`);
    assert.deepEqual(found(n1, n2), []);
    assert.deepEqual(found(), []);
    assert.deepEqual(found(n1), ['k: its owners are n1, n2; lacking it: n2; holding it besides: nobody']);
    assert.deepEqual(found(n1, n3, n2), [
      'k: its owners are n1, n2; lacking it: nobody; holding it besides: n3',
    ]);
  });

  test('a node that does not start and a read that is not served in time are found', () => {
    const withinMicros = 100;
    const brokenBy = (troubles: string[], ...finalOperations: ReadOperation[]): number =>
      everythingIsServed({ troubles, finalOperations, withinMicros }).length;
    assert.equal(brokenBy(['n2 does not start']), 1);
    assert.equal(brokenBy([], get(1, [0, 1], { kind: 'lost' }), get(2, [0, 1], missing())), 1);
    assert.equal(brokenBy([], get(1, [0, 100], missing())), 0);
    assert.equal(brokenBy([], get(1, [0, 101], missing())), 1, 'served, but late');
  });
});
