import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { limits } from '../../core/limits.ts';
import { ReplyEncoder } from './reply-encoder.ts';
import {
  arrayReply,
  errorReply,
  integerReply,
  mapReply,
  nullReply,
  okReply,
  textReply,
  type Reply,
} from './reply.ts';
import { replyEnd } from './test-harness.ts';

function encoded(reply: Reply, protocol: 2 | 3): string {
  const encoder = new ReplyEncoder();
  encoder.encode(reply, protocol);
  return Buffer.concat(encoder.take()).toString('latin1');
}

test('each kind of reply has the bytes of RESP2 and RESP3', () => {
  const set: Reply = { kind: 'set', items: [okReply] };
  const verbatim: Reply = { kind: 'verbatim', text: 'é' };
  for (const [reply, resp2, resp3] of [
    [okReply, '+OK\r\n', '+OK\r\n'],
    [errorReply('ERR no'), '-ERR no\r\n', '-ERR no\r\n'],
    [integerReply(-12), ':-12\r\n', ':-12\r\n'],
    [nullReply, '$-1\r\n', '_\r\n'],
    [textReply('é'), '$2\r\n\xc3\xa9\r\n', '$2\r\n\xc3\xa9\r\n'],
    [{ kind: 'bulk', value: Buffer.from('\r\n\0') }, '$3\r\n\r\n\0\r\n', '$3\r\n\r\n\0\r\n'],
    [{ kind: 'bulk', value: Buffer.alloc(0) }, '$0\r\n\r\n', '$0\r\n\r\n'],
    [arrayReply([okReply, nullReply]), '*2\r\n+OK\r\n$-1\r\n', '*2\r\n+OK\r\n_\r\n'],
    [set, '*1\r\n+OK\r\n', '~1\r\n+OK\r\n'],
    [mapReply({ a: integerReply(1) }), '*2\r\n$1\r\na\r\n:1\r\n', '%1\r\n$1\r\na\r\n:1\r\n'],
    [verbatim, '$2\r\n\xc3\xa9\r\n', '=6\r\ntxt:\xc3\xa9\r\n'],
  ] as const) {
    assert.equal(encoded(reply, 2), resp2);
    assert.equal(encoded(reply, 3), resp3);
  }
});

test('integers of any size are written in full', () => {
  fc.assert(
    fc.property(fc.maxSafeInteger(), (value) => {
      assert.equal(encoded(integerReply(value), 2), `:${value}\r\n`);
    }),
  );
  for (const value of [0, 9, 10, 99, 100, 2 ** 31 - 1, 2 ** 31, 2 ** 53 - 1]) {
    assert.equal(encoded(integerReply(value), 2), `:${value}\r\n`);
  }
});

test('a line break in an error does not start another reply', () => {
  assert.equal(encoded(errorReply('ERR a\r\n+OK\r\nb'), 2), '-ERR a +OK b\r\n');
});

test('replies of any lengths come out in order, over slabs and uncopied values', () => {
  const lengths = fc.array(fc.oneof(fc.nat(100), fc.nat(3 * limits.redisOutputSlabBytes)), { maxLength: 30 });
  fc.assert(
    fc.property(lengths, fc.boolean(), (wanted, rewinds) => {
      const encoder = new ReplyEncoder();
      for (const length of wanted) {
        const value = Buffer.alloc(length, length % 251);
        encoder.encode({ kind: 'bulk', value }, 2);
        const pending = encoder.pendingBytes;
        const bytes = Buffer.concat(encoder.take());
        assert.equal(bytes.length, pending);
        if (rewinds) encoder.rewind();
        assert.equal(replyEnd(bytes.toString('latin1'), 0), bytes.length);
        assert.ok(bytes.subarray(bytes.length - 2 - length, bytes.length - 2).equals(value));
      }
    }),
    { numRuns: 50 },
  );
});

test('chunks that were taken stay as they are until the encoder is told to rewind', () => {
  const encoder = new ReplyEncoder();
  encoder.encode(textReply('first'), 2);
  const first = encoder.take();
  encoder.encode(textReply('other'), 2);
  assert.equal(Buffer.concat(first).toString(), '$5\r\nfirst\r\n');
  // What is not taken yet must not be overwritten.
  encoder.rewind();
  encoder.encode(textReply('third'), 2);
  assert.equal(Buffer.concat(encoder.take()).toString(), '$5\r\nother\r\n$5\r\nthird\r\n');
});

test('giving up chunks gives up no others that were taken before', () => {
  const taken = fc.array(fc.record({ length: fc.nat(30_000), isGivenUp: fc.boolean() }), { maxLength: 40 });
  fc.assert(
    fc.property(taken, (steps) => {
      const encoder = new ReplyEncoder();
      const kept: { readonly bytes: Buffer[]; readonly copy: Buffer }[] = [];
      for (const [index, { length, isGivenUp }] of steps.entries()) {
        encoder.encode({ kind: 'bulk', value: Buffer.alloc(length, index) }, 2);
        const bytes = [...encoder.take()];
        if (isGivenUp) encoder.rewind();
        else kept.push({ bytes, copy: Buffer.concat(bytes) });
      }
      for (const { bytes, copy } of kept) assert.ok(Buffer.concat(bytes).equals(copy));
    }),
    { numRuns: 100 },
  );
});
