import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { isLinearizableBySearch } from './judge-by-search.ts';
import { judgeByZones } from './judge-by-zones.ts';
import type { RegisterOperation } from './register.ts';

type Times = readonly [start: number, end: number | undefined];

function write(id: number, [startMicros, endMicros]: Times): RegisterOperation {
  return { id, kind: 'write', value: `v${id}`, startMicros, endMicros };
}

function read(id: number, [startMicros, endMicros]: Times, writer?: number): RegisterOperation {
  return { id, kind: 'read', value: writer === undefined ? undefined : `v${writer}`, startMicros, endMicros };
}

/** Both judges, which must agree. */
function isLinearizable(operations: readonly RegisterOperation[]): boolean {
  const byZones = judgeByZones(operations).linearizable;
  assert.equal(byZones, isLinearizableBySearch(operations), 'the two judges differ');
  return byZones;
}

/** An operation as it is drawn: when it takes effect, how long before that it starts and after that it ends. */
interface Drawn {
  readonly kind: 'read' | 'write' | 'maybe' | 'maybe never';
  readonly atMicros: number;
  readonly beforeMicros: number;
  readonly afterMicros: number;
}

const drawnOperation: fc.Arbitrary<Drawn> = fc.record({
  kind: fc.constantFrom('read', 'read', 'read', 'write', 'write', 'maybe', 'maybe never'),
  atMicros: fc.integer({ min: 0, max: 30 }),
  beforeMicros: fc.integer({ min: 0, max: 8 }),
  afterMicros: fc.integer({ min: 0, max: 8 }),
});

/** A history that is linearizable: the operations took effect one after the other, each within its times. */
function validHistory(drawn: readonly Drawn[]): RegisterOperation[] {
  let value: string | undefined;
  return drawn
    .toSorted((left, right) => left.atMicros - right.atMicros)
    .map(({ kind, atMicros, beforeMicros, afterMicros }, id) => {
      const startMicros = atMicros - beforeMicros;
      if (kind === 'read') return { id, kind, value, startMicros, endMicros: atMicros + afterMicros };
      if (kind !== 'maybe never') value = `v${id}`;
      return write(id, [startMicros, kind === 'write' ? atMicros + afterMicros : undefined]);
    });
}

/** Changes what one read answered, or when one operation took place. */
interface Mutation {
  readonly index: number;
  readonly answerOf: number | undefined;
  readonly shiftMicros: number;
}

const mutation: fc.Arbitrary<Mutation> = fc.record({
  index: fc.nat(),
  answerOf: fc.option(fc.nat(), { nil: undefined }),
  shiftMicros: fc.integer({ min: -15, max: 15 }),
});

function mutated(history: readonly RegisterOperation[], mutations: readonly Mutation[]): RegisterOperation[] {
  const operations = [...history];
  const writes = history.filter((operation) => operation.kind === 'write');
  for (const { index, answerOf, shiftMicros } of mutations) {
    const position = index % Math.max(1, operations.length);
    const chosen = operations[position];
    if (chosen === undefined) continue;
    const answer = answerOf === undefined ? undefined : writes[answerOf % Math.max(1, writes.length)]?.value;
    operations[position] =
      chosen.kind === 'read' && answerOf !== undefined
        ? { ...chosen, value: answer }
        : {
            ...chosen,
            startMicros: chosen.startMicros + shiftMicros,
            endMicros: chosen.endMicros === undefined ? undefined : chosen.endMicros + shiftMicros,
          };
  }
  return operations;
}

describe('linearizability of a register', () => {
  test('a read that overlaps a write may answer with either value', () => {
    const writes = [write(1, [0, 10]), write(2, [20, 40])];
    for (const writer of [1, 2]) assert.ok(isLinearizable([...writes, read(3, [25, 30], writer)]));
    assert.ok(isLinearizable([...writes, read(3, [25, 30], 2), read(4, [31, 35], 2)]));
  });

  test('a read that goes back is found, and the verdict names both operations', () => {
    const history = [write(1, [0, 10]), write(2, [20, 40]), read(3, [25, 30], 2), read(4, [31, 35], 1)];
    assert.equal(isLinearizable(history), false);
    const verdict = judgeByZones(history);
    assert.ok(!verdict.linearizable);
    assert.deepEqual(verdict.pair, [3, 4]);
    assert.match(verdict.message, /#3 \(read of “v2”\) had ended before #4 \(read of “v1”\) started/);
  });

  test('a write that loses against one that ended before it started is found', () => {
    const history = [write(1, [0, 10]), write(2, [20, 30]), read(3, [40, 50], 1)];
    assert.equal(isLinearizable(history), false);
  });

  test('nothing may be read after a write ended, and before it started only nothing', () => {
    assert.equal(isLinearizable([write(1, [0, 10]), read(2, [11, 12])]), false);
    assert.equal(isLinearizable([read(2, [0, 5], 1), write(1, [6, 10])]), false);
    assert.equal(isLinearizable([read(2, [0, 5], 1)]), false);
    assert.ok(isLinearizable([read(2, [0, 5]), write(1, [6, 10])]));
  });

  test('operations that touch in one instant are concurrent', () => {
    assert.ok(isLinearizable([write(1, [0, 10]), read(2, [10, 12])]));
  });

  test('a maybe-write takes effect late, or never, but not twice', () => {
    const writes = [write(1, [0, undefined]), write(2, [10, 20])];
    assert.ok(isLinearizable([...writes, read(3, [30, 40], 2)]));
    assert.ok(isLinearizable([...writes, read(3, [30, 40], 2), read(4, [50, 60], 1)]));
    const again = [read(3, [21, 25], 1), read(4, [30, 40], 2), read(5, [50, 60], 1)];
    assert.equal(isLinearizable([...writes, ...again]), false);
  });

  test('what is linearizable by construction passes both judges', () => {
    fc.assert(
      fc.property(fc.array(drawnOperation, { maxLength: 14 }), (drawn) => {
        assert.ok(isLinearizable(validHistory(drawn)));
      }),
      { numRuns: 3_000 },
    );
  });

  test('zones and search agree on histories that were tampered with, and condemn many of them', () => {
    let condemned = 0;
    const mutations = fc.array(mutation, { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(fc.array(drawnOperation, { minLength: 2, maxLength: 14 }), mutations, (drawn, changes) => {
        if (!isLinearizable(mutated(validHistory(drawn), changes))) condemned += 1;
      }),
      { numRuns: 5_000 },
    );
    assert.ok(condemned > 500 && condemned < 4_500, `${condemned} of 5000`);
  });

  test('ten thousand operations on one key are judged well within ten seconds', () => {
    const history = longHistory(10_000);
    const startMs = performance.now();
    assert.ok(judgeByZones(history).linearizable);
    const stale = read(-1, [20_000_000, 20_000_001], 1);
    assert.ok(!judgeByZones([...history, stale]).linearizable);
    const tookMs = performance.now() - startMs;
    assert.ok(tookMs < 5_000, `${tookMs} ms`);
  });
});

/** A writing client and three reading ones that overlap; each fifth write is maybe. */
function longHistory(operations: number): RegisterOperation[] {
  const history: RegisterOperation[] = [];
  let newest = 1;
  for (let id = 1; id <= operations; id++) {
    const startMicros = id * 100;
    if (id % 4 === 1) {
      history.push(write(id, [startMicros, id % 20 === 1 ? undefined : startMicros + 350]));
      newest = id;
    } else history.push(read(id, [startMicros, startMicros + 350], newest));
  }
  return history;
}
