import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { NodeId } from '../core/config.ts';
import { crc32 } from '../core/crc32.ts';
import { StoreError } from '../core/errors.ts';
import { encodeRecord } from '../core/record.ts';
import { decodeMessage, encodeReply, encodeRequest } from './message-codec.ts';
import type { MessageHeader, Reply, Request } from './messages.ts';

const uint32 = fc.integer({ min: 0, max: 0xffff_ffff });
const headers: fc.Arbitrary<MessageHeader> = fc.record({
  epoch: uint32,
  incarnation: uint32,
  sequence: uint32,
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

const requests: fc.Arbitrary<Request> = fc.oneof(
  fc.constant<Request>({ kind: 'ping' }),
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

const replies: fc.Arbitrary<Reply> = fc.oneof(
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
  return JSON.stringify(value, (_, field: unknown) => (field instanceof Uint8Array ? [...field] : field));
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
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.integer({ min: 1, max: 140 }), (noise, kind) => {
      noise[0] = 1;
      noise[1] = kind;
      check(noise);
    }),
    { numRuns: 1_000 },
  );
});

test('a digest whose actor is not printable is refused: it would end up in a header', () => {
  const bytes = encodeReply(
    { epoch: 1, incarnation: 1, sequence: 1, clock: { wallMs: 1, counter: 0 } },
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
