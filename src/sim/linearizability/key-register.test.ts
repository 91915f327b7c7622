import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { NodeId } from '../../core/config.ts';
import { crc32 } from '../../core/crc32.ts';
import { formatDot, type Dot } from '../../core/dot.ts';
import { encodeRecord } from '../../core/record.ts';
import type { ReadOutcome, WriteOutcome } from '../../replica/node-api.ts';
import { keysAreRegisters } from '../checkers/keys-are-registers.ts';
import type { NoAnswer, Operation, ReadOperation, WriteOperation } from '../history.ts';
import { uniqueValue } from '../unique-value.ts';
import { historyJson } from './history-json.ts';
import { KeyRegister } from './key-register.ts';

type Times = readonly [startMicros: number, endMicros: number];

function dot(wallMs: number, node = 'n1'): Dot {
  return { wallMs, counter: 0, actor: `${node}.aaaaaa` };
}

function stored(wallMs: number): WriteOutcome {
  return { kind: 'stored', dot: dot(wallMs), acknowledged: 2, required: 2 };
}

function unknown(wallMs: number): WriteOutcome {
  const message = 'too few answered';
  return { kind: 'unknown', code: 'QUORUM_NOT_MET', dot: dot(wallMs), acknowledged: 1, required: 2, message };
}

function write(
  id: number,
  [startMicros, micros]: Times,
  outcome: WriteOutcome | NoAnswer,
  kind: WriteOperation['kind'] = 'put',
): WriteOperation {
  const node = 'n1' as NodeId;
  const end = { micros, outcome };
  return { id, kind, key: 'k', node, startMicros, valueBytes: 30, context: undefined, end };
}

function read(id: number, [startMicros, micros]: Times, outcome: ReadOutcome | NoAnswer): ReadOperation {
  return { id, kind: 'get', key: 'k', node: 'n2' as NodeId, startMicros, end: { micros, outcome } };
}

function found(wallMs: number, writer: number): ReadOutcome {
  const key = new TextEncoder().encode('k');
  const value = uniqueValue(writer, 30);
  const { version } = encodeRecord({ key, dot: dot(wallMs), value }, crc32);
  return { kind: 'found', version, answered: 2, required: 2 };
}

function deleted(wallMs: number, node?: string): ReadOutcome {
  const digest = { dot: dot(wallMs, node), tombstone: true, expiresAtMs: 0, checksum: 0 };
  return { kind: 'missing', digest, answered: 2, required: 2 };
}

function problems(history: readonly Operation[], stampsFollowTime = true): string[] {
  return keysAreRegisters({ history, stampsFollowTime }).map(({ message }) => message);
}

describe('the register of a key', () => {
  test('a write without an answer is known by the value that is read, and may come late', () => {
    const history = [
      write(1, [0, 10], { kind: 'lost' }),
      write(2, [20, 30], stored(5)),
      read(3, [40, 50], found(5, 2)),
      read(4, [60, 70], found(7, 1)),
    ];
    assert.deepEqual(problems(history), []);
    const late = new KeyRegister(history).operations().find((operation) => operation.id === 1);
    assert.deepEqual(late, {
      id: 1,
      kind: 'write',
      value: formatDot(dot(7)),
      startMicros: 0,
      endMicros: undefined,
    });
  });

  test('a tombstone is of an unanswered delete at the node that stamped it, or of nobody', () => {
    const lost = write(1, [0, 10], { kind: 'lost' }, 'delete');
    assert.deepEqual(problems([lost, read(2, [20, 30], deleted(5))]), []);
    assert.match(problems([lost, read(2, [20, 30], deleted(5, 'n3'))])[0] ?? '', /nobody wrote/);
    assert.match(problems([read(2, [20, 30], deleted(5))])[0] ?? '', /nobody wrote/);
    const refused = write(1, [0, 10], { kind: 'not-sent' }, 'delete');
    assert.match(problems([refused, read(2, [20, 30], deleted(5))])[0] ?? '', /nobody wrote/);
  });

  test('a write whose quorum was missed may take effect after the next one, but not before it started', () => {
    const history = [write(1, [10, 20], unknown(5)), write(2, [30, 40], stored(4))];
    assert.deepEqual(
      problems([...history, read(3, [50, 60], found(4, 2)), read(4, [70, 80], found(5, 1))]),
      [],
    );
    assert.match(
      problems([read(3, [0, 5], found(5, 1)), ...history], false)[0] ?? '',
      /before that was written/,
    );
  });

  test('an overtaken write breaks the stronger promise only', () => {
    const history = [
      write(1, [0, 10], stored(9)),
      write(2, [20, 30], stored(5)),
      read(3, [40, 50], found(9, 1)),
    ];
    const [stamp, zones] = problems(history);
    assert.match(stamp ?? '', /#1 \(put\) had shown 9-0.*the later write #2 was stamped 5-0/);
    assert.match(zones ?? '', /each of the two values would have to come wholly before the other/);
    assert.deepEqual(problems(history, false), []);
  });

  test('a version is known from the first read that shows it, too', () => {
    const history = [
      write(1, [0, 10], unknown(9)),
      read(2, [12, 15], found(9, 1)),
      write(3, [20, 30], stored(5)),
    ];
    assert.match(problems(history)[0] ?? '', /#2 \(get\) had shown 9-0.*the later write #3 was stamped 5-0/);
    assert.deepEqual(problems(history, false), []);
  });

  test('a read that goes back breaks the weaker promise too', () => {
    const history = [
      write(1, [0, 10], stored(5)),
      write(2, [20, 60], stored(7)),
      read(3, [30, 35], found(7, 2)),
      read(4, [40, 45], found(5, 1)),
    ];
    assert.equal(problems(history, false).length, 1);
  });
});

describe('a long history', () => {
  test('ten thousand operations on one key are judged well within ten seconds', () => {
    const history = Array.from({ length: 5_000 }, (_, index) => {
      const [id, startMicros] = [2 * index + 1, 100 * index];
      const outcome = index % 10 === 9 ? ({ kind: 'lost' } as const) : stored(startMicros);
      const seen = index % 10 === 9 ? index - 1 : index;
      return [
        write(id, [startMicros, startMicros + 50], outcome),
        read(id + 1, [startMicros + 60, startMicros + 130], found(100 * seen, 2 * seen + 1)),
      ];
    }).flat();
    const startMs = performance.now();
    assert.deepEqual(problems(history), []);
    const stale = read(10_001, [1_000_000, 1_000_010], found(0, 1));
    assert.equal(problems([...history, stale]).length, 1);
    const tookMs = performance.now() - startMs;
    assert.ok(tookMs < 5_000, `${tookMs} ms`);
  });
});

describe('a history as JSON', () => {
  const history = [
    write(1, [0, 10], stored(5)),
    write(2, [5, 30], { kind: 'lost' }, 'delete'),
    read(3, [11, 20], found(5, 1)),
    read(4, [40, 50], deleted(6)),
  ];

  test('it has one entry an operation, with what was asked and answered', () => {
    const parsed: unknown = JSON.parse(historyJson(history));
    const common = { key: 'k', node: 'n1' };
    assert.deepEqual(parsed, {
      format: 'mini-dynamo-history',
      version: 1,
      operations: [
        {
          ...common,
          id: 1,
          client: 0,
          call: 0,
          return: 10,
          input: { kind: 'put', value: '1', context: null },
          output: { kind: 'stored', dot: '5-0-n1.aaaaaa' },
        },
        {
          ...common,
          id: 2,
          client: 1,
          call: 5,
          return: 30,
          input: { kind: 'delete', context: null },
          output: { kind: 'lost' },
        },
        {
          ...common,
          node: 'n2',
          id: 3,
          client: 0,
          call: 11,
          return: 20,
          input: { kind: 'get' },
          output: { kind: 'found', value: '1', dot: '5-0-n1.aaaaaa' },
        },
        {
          ...common,
          node: 'n2',
          id: 4,
          client: 0,
          call: 40,
          return: 50,
          input: { kind: 'get' },
          output: { kind: 'missing', dot: '6-0-n1.aaaaaa' },
        },
      ],
    });
  });

  test('no client starts an operation before its last one ended, or after one that may still take effect', () => {
    const last = read(5, [41, 51], deleted(6));
    const clients = (
      JSON.parse(historyJson([...history, last])) as { operations: { client: number }[] }
    ).operations.map(({ client }) => client);
    assert.deepEqual(clients, [0, 1, 0, 0, 2]);
  });
});
