import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { NodeId } from '../core/config.ts';
import { crc32 } from '../core/crc32.ts';
import { StoreError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import { encodeRecord, type StoredRecord } from '../core/record.ts';
import { compareTokens } from '../core/token.ts';
import { arrivalPaths } from './key-trace-messages.ts';
import { decodeMessage, encodeReply, encodeRequest, longTailOf } from './message-codec.ts';
import type { GetManyAnswer } from './many-messages.ts';
import type { MessageHeader, Reply, Request } from './messages.ts';

const uint32 = fc.integer({ min: 0, max: 0xffff_ffff });
const headers: fc.Arbitrary<MessageHeader> = fc.record({
  epoch: uint32,
  incarnation: uint32,
  sequence: uint32,
  sentTick: fc.integer({ min: 0, max: 0xffff }),
  clock: fc.record({ wallMs: fc.integer({ min: 0, max: 2 ** 48 - 1 }), counter: fc.nat(0xffff) }),
});
const dots = fc.record({
  wallMs: fc.integer({ min: 0, max: 2 ** 48 - 1 }),
  counter: fc.nat(0xffff),
  actor: fc.constantFrom('n1.abc123', 'x'),
});
const keys = fc.uint8Array({ minLength: 1, maxLength: 40 });
const records = fc
  .record({ key: keys, dot: dots, value: fc.uint8Array(), tombstone: fc.boolean() })
  .map((fields) => encodeRecord(fields, crc32));
const timeouts = fc.nat(60_000);
const apple = encodeRecord(
  { key: new Uint8Array([1]), dot: { wallMs: 1, counter: 0, actor: 'n1.abc123' } },
  crc32,
);

const tokens = fc.record({ high: uint32, low: uint32 });
const sums = fc.record({ high: uint32, low: uint32, count: uint32 });
const wallTimes = fc.integer({ min: 0, max: 2 ** 48 - 2 });
const upTos = fc.option(wallTimes, { nil: undefined });
const partitions = fc.array(fc.nat(0xffff), { maxLength: 300 });
const ascendingTokens = fc
  .uniqueArray(tokens, { maxLength: 40, comparator: (left, right) => compareTokens(left, right) === 0 })
  .map((drawn) => drawn.toSorted(compareTokens));
/** Disjoint and ascending: each takes two of the tokens drawn. */
const ranges = ascendingTokens.map((drawn) =>
  Array.from({ length: drawn.length >>> 1 }, (_, index) => ({
    first: drawn[2 * index] ?? { high: 0, low: 0 },
    last: drawn[2 * index + 1] ?? { high: 0, low: 0 },
  })),
);

const healingRequests: fc.Arbitrary<Request> = fc.oneof(
  fc.record({
    kind: fc.constant('partition-sums' as const),
    timeoutMs: timeouts,
    upToMs: upTos,
    partitions: fc.array(fc.record({ partition: uint32, floorMs: wallTimes }), { maxLength: 300 }),
  }),
  fc.record({ kind: fc.constant('range-sums' as const), timeoutMs: timeouts, upToMs: upTos, ranges }),
  fc.record({ kind: fc.constant('list-versions' as const), timeoutMs: timeouts, ranges }),
  fc.record({
    kind: fc.constant('fetch-range' as const),
    timeoutMs: timeouts,
    range: fc.record({ first: fc.constant({ high: 0, low: 1 }), last: fc.constant({ high: 9, low: 0 }) }),
  }),
  fc.record({ kind: fc.constant('fetch-tokens' as const), timeoutMs: timeouts, tokens: ascendingTokens }),
  fc.record({ kind: fc.constant('testify' as const), timeoutMs: timeouts, tokens: ascendingTokens }),
  fc.record({ kind: fc.constant('compare-now' as const), timeoutMs: timeouts, session: uint32, partitions }),
  fc.record({ kind: fc.constant('trace-key' as const), timeoutMs: timeouts, key: keys }),
);

const nodeIds = fc.constantFrom('n1' as NodeId, 'node-2' as NodeId);
const copies = fc.record({
  digest: fc.record({ dot: dots, tombstone: fc.boolean(), expiresAtMs: wallTimes, checksum: uint32 }),
  valueBytes: uint32,
  arrival: fc.option(
    fc.record({ path: fc.constantFrom(...arrivalPaths), from: nodeIds, atWallMs: wallTimes }),
    { nil: undefined },
  ),
});

const healingReplies: fc.Arbitrary<Reply> = fc.oneof(
  fc.record({
    kind: fc.constant('key-trace' as const),
    isWitness: fc.boolean(),
    failure: fc.constantFrom(undefined, 'RECORD_CORRUPT' as const),
    copy: fc.option(copies, { nil: undefined }),
    hints: fc.array(fc.record({ target: nodeIds, copy: copies }), { maxLength: 3 }),
  }),
  fc.record({
    kind: fc.constant('partition-sums' as const),
    states: fc.array(
      fc.record({
        completeness: fc.constantFrom('complete' as const, 'fresh' as const, 'incomplete' as const),
        floorMs: wallTimes,
        sum: sums,
      }),
      { maxLength: 300 },
    ),
  }),
  fc.record({ kind: fc.constant('range-sums' as const), sums: fc.array(sums, { maxLength: 256 }) }),
  fc.record({
    kind: fc.constant('versions' as const),
    versions: fc.array(
      fc.record({ token: tokens, wallMs: wallTimes, counter: fc.nat(0xffff), checksum: uint32 }),
      { maxLength: 300 },
    ),
    next: fc.option(tokens, { nil: undefined }),
  }),
  fc.record({
    kind: fc.constant('records' as const),
    records: fc.array(records, { maxLength: 20 }),
    next: fc.option(tokens, { nil: undefined }),
  }),
  fc.record({
    kind: fc.constant('testimonies' as const),
    testimonies: fc.array(
      fc.record({
        isWitness: fc.boolean(),
        newest: fc.record({ wallMs: wallTimes, counter: fc.nat(0xffff) }),
        sum: sums,
      }),
      { maxLength: 300 },
    ),
  }),
  fc.record({
    kind: fc.constant('compare-progress' as const),
    state: fc.constantFrom('running' as const, 'done' as const, 'failed' as const),
    compared: uint32,
    fetched: uint32,
  }),
);

const requests: fc.Arbitrary<Request> = fc.oneof(
  wallTimes.map((logEntries): Request => ({ kind: 'ping', logEntries })),
  fc
    .tuple(wallTimes, sums)
    .map(([logEntries, sharedSum]): Request => ({ kind: 'ping', logEntries, sharedSum })),
  healingRequests,
  fc.record({ kind: fc.constant('floor-report' as const), timeoutMs: timeouts }),
  fc.record({
    kind: fc.constant('raise-floors' as const),
    timeoutMs: timeouts,
    floors: fc.array(fc.record({ partition: uint32, floorMs: wallTimes }), { maxLength: 50 }),
  }),
  fc.record({
    kind: fc.constant('merge' as const),
    timeoutMs: timeouts,
    records: fc.array(records, { maxLength: 20 }),
  }),
  fc.record({
    kind: fc.constant('put-many' as const),
    timeoutMs: timeouts,
    records: fc.array(records, { maxLength: limits.keysAtOnceMax }),
  }),
  fc.record({
    kind: fc.constant('get-many' as const),
    timeoutMs: timeouts,
    want: fc.constantFrom('record' as const, 'digest' as const),
    keys: fc.array(keys, { maxLength: limits.keysAtOnceMax }),
  }),
  fc.record({
    kind: fc.constant('put' as const),
    timeoutMs: timeouts,
    hintFor: fc.constantFrom(undefined, 'n2' as NodeId),
    fresh: fc.boolean(),
    record: records,
  }),
  fc.record({
    kind: fc.constant('get' as const),
    timeoutMs: timeouts,
    want: fc.constantFrom('record' as const, 'digest' as const),
    key: keys,
  }),
);

const refusals = fc.record({
  code: fc.constantFrom('DISK_FULL' as const, 'CLOCK_SKEW' as const),
  message: fc.string({ maxLength: 100 }),
});
const digests = fc.record({ dot: dots, tombstone: fc.boolean(), expiresAtMs: wallTimes, checksum: uint32 });
const storedMany = fc
  .array(fc.option(refusals, { nil: undefined }), { maxLength: limits.keysAtOnceMax })
  .map((outcomes): Reply => ({
    kind: 'stored-many',
    count: outcomes.length,
    refusals: outcomes.flatMap((refusal, index) => (refusal === undefined ? [] : [{ index, ...refusal }])),
  }));
const answers: fc.Arbitrary<GetManyAnswer> = fc.oneof(
  fc.record({ kind: fc.constant('nothing' as const), evidence: fc.boolean() }),
  fc.record({ kind: fc.constant('digest' as const), evidence: fc.boolean(), digest: digests }),
  fc.record({ kind: fc.constant('record' as const), evidence: fc.boolean(), record: records }),
  refusals.map((refusal) => ({ kind: 'refused' as const, ...refusal })),
);

const replies: fc.Arbitrary<Reply> = fc.oneof(
  storedMany,
  fc.record({
    kind: fc.constant('got-many' as const),
    answers: fc.array(answers, { maxLength: limits.keysAtOnceMax }),
  }),
  sums.map((sharedSum): Reply => ({ kind: 'pong', sharedSum })),
  healingReplies,
  fc.record({
    kind: fc.constant('floor-report' as const),
    promiseMs: wallTimes,
    oldestHint: fc.option(fc.record({ target: fc.constant('n2' as NodeId), wallMs: wallTimes }), {
      nil: undefined,
    }),
    foreign: fc.array(uint32, { maxLength: 20 }),
  }),
  fc.record({ kind: fc.constant('floors-raised' as const), dropped: uint32 }),
  fc.record({
    kind: fc.constant('merged' as const),
    refusals: fc.array(fc.constantFrom(undefined, 'CLOCK_SKEW' as const, 'OVERLOADED' as const)),
  }),
  fc.constantFrom<Reply>({ kind: 'pong' }, { kind: 'stored' }),
  fc.record({ kind: fc.constant('nothing' as const), evidence: fc.boolean() }),
  fc.record({ kind: fc.constant('record' as const), evidence: fc.boolean(), record: records }),
  fc.record({
    kind: fc.constant('digest' as const),
    evidence: fc.boolean(),
    digest: fc.record({
      dot: dots,
      tombstone: fc.boolean(),
      expiresAtMs: fc.integer({ min: 0, max: 2 ** 48 - 1 }),
      checksum: uint32,
    }),
  }),
  fc.record({
    kind: fc.constant('refused' as const),
    code: fc.constantFrom('DISK_FULL' as const, 'CLOCK_SKEW' as const),
    message: fc.string({ maxLength: 100 }),
  }),
);

/** Comparable text: records as bytes, so that views and copies compare equal. */
function shape(value: unknown): string {
  return JSON.stringify(value, (_, field: unknown) => {
    if (field instanceof Uint8Array) return [...field];
    if (typeof field !== 'object' || field === null || Array.isArray(field)) return field;
    return Object.fromEntries(Object.entries(field).sort(([left], [right]) => (left < right ? -1 : 1)));
  });
}

test('every request is read back as it was sent', () => {
  fc.assert(
    fc.property(headers, requests, (header, request) => {
      const message = decodeMessage(encodeRequest(header, request));
      assert.equal(shape(message), shape({ type: 'request', header, request }));
    }),
  );
});

test('every reply is read back as it was sent', () => {
  fc.assert(
    fc.property(headers, replies, (header, reply) => {
      const message = decodeMessage(encodeReply(header, reply));
      assert.equal(shape(message), shape({ type: 'reply', header, reply }));
    }),
  );
});

test('a frame cut short or filled with noise is read or refused, and nothing else', () => {
  const check = (bytes: Uint8Array): void => {
    try {
      decodeMessage(bytes);
    } catch (error) {
      assert.ok(error instanceof StoreError, String(error));
    }
  };
  fc.assert(
    fc.property(headers, requests, fc.nat(), (header, request, cut) => {
      const bytes = encodeRequest(header, request);
      check(bytes.subarray(0, cut % bytes.length));
    }),
  );
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.integer({ min: 1, max: 160 }), (noise, kind) => {
      noise[0] = 1;
      noise[1] = kind;
      check(noise);
    }),
    { numRuns: 1_000 },
  );
});

test('a digest whose actor is not printable is refused: it would end up in a header', () => {
  const bytes = encodeReply(
    { epoch: 1, incarnation: 1, sequence: 1, sentTick: 0, clock: { wallMs: 1, counter: 0 } },
    {
      kind: 'digest',
      evidence: true,
      digest: {
        dot: { wallMs: 1, counter: 0, actor: 'a\r\nb' },
        tombstone: false,
        expiresAtMs: 0,
        checksum: 0,
      },
    },
  );
  assert.throws(() => decodeMessage(bytes), { code: 'FRAME_INVALID' });
});

test('lists that are longer than their limit are refused before anything is made of them', () => {
  const header = { epoch: 1, incarnation: 1, sequence: 1, sentTick: 0, clock: { wallMs: 1, counter: 0 } };
  const range = (index: number) => ({ first: { high: index, low: 0 }, last: { high: index, low: 9 } });
  const many = <Item>(count: number, item: (index: number) => Item): Item[] =>
    Array.from({ length: count }, (_, index) => item(index));
  const frames = (excess: number): Uint8Array[] => {
    const ranges = many(limits.treeRangesPerRequest + excess, range);
    const tokens = many(limits.treeTokensPerRequest + excess, (index) => range(index).first);
    const versions = many(limits.treeVersionsPerReply + excess, (index) => ({
      ...{ token: range(index).first, wallMs: 1, counter: 0, checksum: 0 },
    }));
    const sum = { high: 0, low: 0, count: 0 };
    return [
      encodeRequest(header, { kind: 'range-sums', timeoutMs: 1, upToMs: undefined, ranges }),
      encodeRequest(header, { kind: 'list-versions', timeoutMs: 1, ranges }),
      encodeRequest(header, { kind: 'fetch-tokens', timeoutMs: 1, tokens }),
      encodeRequest(header, { kind: 'testify', timeoutMs: 1, tokens }),
      encodeRequest(header, {
        kind: 'put-many',
        timeoutMs: 1,
        records: many(limits.keysAtOnceMax + excess, () => apple),
      }),
      encodeRequest(header, {
        kind: 'get-many',
        timeoutMs: 1,
        want: 'digest',
        keys: many(limits.keysAtOnceMax + excess, () => apple.key),
      }),
      encodeReply(header, {
        kind: 'got-many',
        answers: many(limits.keysAtOnceMax + excess, () => ({ kind: 'nothing', evidence: true })),
      }),
      encodeReply(header, { kind: 'versions', versions, next: undefined }),
      encodeReply(header, { kind: 'range-sums', sums: ranges.map(() => sum) }),
      encodeReply(header, {
        kind: 'testimonies',
        testimonies: tokens.map(() => ({ isWitness: true, newest: { wallMs: 1, counter: 0 }, sum })),
      }),
    ];
  };
  for (const frame of frames(0)) decodeMessage(frame);
  for (const frame of frames(1)) assert.throws(() => decodeMessage(frame), { code: 'FRAME_INVALID' });
});

test('a refusal of a record that was not in the request is refused', () => {
  const refusal = { index: 1, code: 'DISK_FULL', message: '' } as const;
  const header = { epoch: 1, incarnation: 1, sequence: 1, sentTick: 0, clock: { wallMs: 1, counter: 0 } };
  const frame = encodeReply(header, { kind: 'stored-many', count: 1, refusals: [refusal] });
  assert.throws(() => decodeMessage(frame), { code: 'FRAME_INVALID' });
});

test('ranges and tokens that do not ascend are refused: they would be counted twice', () => {
  const header = { epoch: 1, incarnation: 1, sequence: 1, sentTick: 0, clock: { wallMs: 1, counter: 0 } };
  const [one, two, three] = [1, 2, 3].map((high) => ({ high, low: 0 }));
  assert.ok(one !== undefined && two !== undefined && three !== undefined);
  const lists = [
    [{ first: two, last: one }],
    [
      { first: one, last: two },
      { first: two, last: three },
    ],
    [
      { first: three, last: three },
      { first: one, last: one },
    ],
  ];
  for (const ranges of lists) {
    const frame = encodeRequest(header, { kind: 'list-versions', timeoutMs: 1, ranges });
    assert.throws(() => decodeMessage(frame), { code: 'FRAME_INVALID' });
  }
  const frame = encodeRequest(header, { kind: 'fetch-tokens', timeoutMs: 1, tokens: [one, one] });
  assert.throws(() => decodeMessage(frame), { code: 'FRAME_INVALID' });
});

test('a long record is sent from where it lies: frame and tail together are the message', () => {
  const header = { epoch: 1, incarnation: 2, sequence: 3, sentTick: 4, clock: { wallMs: 5, counter: 6 } };
  const dot = { wallMs: 1, counter: 0, actor: 'n1.abc123' };
  const recordOf = (valueBytes: number): StoredRecord =>
    encodeRecord({ key: Uint8Array.of(1), dot, value: new Uint8Array(valueBytes).fill(7) }, crc32);
  const long = recordOf(limits.peerPieceBytes);
  const short = recordOf(limits.peerPieceBytes - 200);
  const putOf = (record: StoredRecord): Request => ({
    kind: 'put',
    timeoutMs: 9,
    record,
    fresh: true,
    hintFor: undefined,
  });
  const replyOf = (record: StoredRecord): Reply => ({ kind: 'record', evidence: true, record });
  for (const record of [short, long]) {
    for (const [message, frame] of [
      [putOf(record), encodeRequest(header, putOf(record))],
      [replyOf(record), encodeReply(header, replyOf(record))],
    ] as const) {
      const tail = longTailOf(message);
      assert.equal(tail, record === long ? record.bytes : undefined);
      const whole = Buffer.concat(tail === undefined ? [frame] : [frame, tail]);
      const decoded = decodeMessage(new Uint8Array(whole));
      const read = decoded.type === 'request' ? decoded.request : decoded.reply;
      assert.ok(read.kind === 'put' || read.kind === 'record');
      assert.equal(Buffer.compare(read.record.bytes, record.bytes), 0);
    }
  }
  assert.equal(longTailOf({ kind: 'stored' }), undefined);
});
