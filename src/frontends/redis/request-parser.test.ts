import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ProtocolError, RequestParser, type RequestLimits } from './request-parser.ts';
import { multibulk } from './test-harness.ts';

const limits: RequestLimits = {
  lineBytesMax: 64,
  argumentsMax: 8,
  argumentBytesMax: 400,
  requestBytesMax: 2_000,
};

/** Requests as latin1 words, and the error that ended the stream, if any. */
interface Parsed {
  readonly requests: readonly (readonly string[])[];
  readonly error: string | undefined;
}

function parse(chunks: readonly Uint8Array[], used = limits): Parsed {
  const parser = new RequestParser(used);
  const requests: string[][] = [];
  try {
    for (const chunk of chunks) {
      parser.push(Buffer.from(chunk));
      for (let words = parser.next(); words !== undefined; words = parser.next()) {
        requests.push(words.map((word) => word.toString('latin1')));
      }
    }
  } catch (error) {
    assert.ok(error instanceof ProtocolError, String(error));
    return { requests, error: error.message };
  }
  return { requests, error: undefined };
}

function parseText(text: string): Parsed {
  return parse([Buffer.from(text, 'latin1')]);
}

/** The bytes cut at places that depend on `cuts`. */
function cutUp(bytes: Uint8Array, cuts: readonly number[]): Uint8Array[] {
  const places = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].toSorted((a, b) => a - b);
  return [0, ...places].map((place, index) => bytes.subarray(place, places[index] ?? bytes.length));
}

/** Streams that look like the protocol, whole or with something broken in them. */
const streams = fc
  .array(
    fc.oneof(
      fc
        .array(fc.uint8Array({ maxLength: 120 }), { minLength: 1, maxLength: 8 })
        .map((words) => Uint8Array.from(multibulk(...words))),
      fc
        .constantFrom('PING\r\n', '\r\n', '*0\r\n', 'SET a "b c"\n', "x 'y\\'z' \"\\x41\\n\"\r\n")
        .map(latin1),
      fc
        .constantFrom('*2\r\n', '$3\r\n', '*-1\r\n', '$-1\r\n', '"\r\n', '*9\r\n', '\r', '\n', '*')
        .map(latin1),
      fc.uint8Array({ maxLength: 80 }),
    ),
    { maxLength: 8 },
  )
  .map((parts) => Uint8Array.from(Buffer.concat(parts)));

function latin1(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text, 'latin1'));
}

test('a multibulk request gives its arguments, whatever bytes they hold', () => {
  const words = [
    Buffer.from('SET'),
    Buffer.from([0, 13, 10, 255]),
    Buffer.alloc(0),
    Buffer.from('$3\r\n*1\r\n'),
  ];
  const parsed = parse([multibulk(...words), multibulk('PING')]);
  assert.deepEqual(parsed.requests, [words.map((word) => word.toString('latin1')), ['PING']]);
  assert.equal(parsed.error, undefined);
});

test('any split of a stream parses alike', () => {
  fc.assert(
    fc.property(streams, fc.array(fc.nat(), { maxLength: 12 }), (stream, cuts) => {
      assert.deepEqual(parse(cutUp(stream, cuts)), parse([stream]));
    }),
    { numRuns: 3_000 },
  );
});

test('a stream that arrives byte by byte parses alike', () => {
  fc.assert(
    fc.property(streams, (stream) => {
      assert.deepEqual(parse([...stream].map((byte) => Uint8Array.of(byte))), parse([stream]));
    }),
    { numRuns: 1_000 },
  );
});

test('random bytes end in requests or a protocol error, never in anything else', () => {
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 5 }),
      (chunks) => void parse(chunks),
    ),
    { numRuns: 3_000 },
  );
});

test('what was written comes out, for any words within the limits', () => {
  const requests = fc.array(fc.array(fc.uint8Array({ maxLength: 200 }), { minLength: 1, maxLength: 8 }), {
    maxLength: 6,
  });
  fc.assert(
    fc.property(requests, fc.array(fc.nat(), { maxLength: 8 }), (written, cuts) => {
      const stream = Buffer.concat(written.map((words) => multibulk(...words)));
      const expected = written.map((words) => words.map((word) => Buffer.from(word).toString('latin1')));
      assert.deepEqual(parse(cutUp(stream, cuts)), { requests: expected, error: undefined });
    }),
    { numRuns: 1_000 },
  );
});

test('an argument that came in one piece is a view, not a copy', () => {
  const chunk = multibulk('SET', 'key', 'value');
  const parser = new RequestParser(limits);
  parser.push(chunk);
  const [, key] = parser.next() ?? [];
  assert.equal(key?.buffer, chunk.buffer);
});

test('inline words are split as Redis does', () => {
  const line = `set  key "a\\x41\\n\\t\\"b" 'it\\'s \\n' plain\r\n`;
  assert.deepEqual(parseText(line).requests, [['set', 'key', 'aA\n\t"b', "it's \\n", 'plain']]);
  assert.deepEqual(parseText('\r\n   \r\nPING\n').requests, [['PING']]);
});

test('empty multibulk requests are skipped', () => {
  assert.deepEqual(parseText('*0\r\n*-1\r\n*1\r\n$4\r\nPING\r\n').requests, [['PING']]);
});

for (const [stream, message] of [
  ['*1\r\nPING\r\n', "expected '$', got 'P'"],
  ['*x\r\n', 'invalid multibulk length'],
  ['*9\r\n', 'invalid multibulk length'],
  ['*99999999999999999999\r\n', 'invalid multibulk length'],
  ['*01\r\n', 'invalid multibulk length'],
  ['*1\r\n$x\r\n', 'invalid bulk length'],
  ['*1\r\n$-1\r\n', 'invalid bulk length'],
  ['*1\r\n$401\r\n', 'invalid bulk length'],
  [`*${'1'.repeat(80)}`, 'too big mbulk count string'],
  [`*1\r\n$${'1'.repeat(80)}`, 'too big bulk count string'],
  ['a'.repeat(80), 'too big inline request'],
  ['"open\r\n', 'unbalanced quotes in request'],
  ['"a"b\r\n', 'unbalanced quotes in request'],
  ['*1\r\n$1\r\naXX', 'expected the line end that closes an argument'],
] as const) {
  test(`${JSON.stringify(stream.slice(0, 24))} is refused: ${message}`, () => {
    assert.deepEqual(parseText(stream), { requests: [], error: message });
  });
}

test('a request whose arguments are too long together is refused before the last has arrived', () => {
  const words = Array.from({ length: 5 }, () => Buffer.alloc(390));
  const stream = multibulk(...words);
  const last = stream.length - 392;
  assert.equal(parse([stream.subarray(0, last)]).error, 'too big request');
});

test('what is kept between two chunks is what has arrived, within the limits', () => {
  const parser = new RequestParser({ ...limits, lineBytesMax: 16 });
  assert.equal(parser.isPartial, false);
  parser.push(Buffer.from('*2\r\n$400\r\n'));
  assert.equal(parser.next(), undefined);
  // Four hundred bytes were announced, none has come.
  assert.equal(parser.bufferedBytes, 64);
  parser.push(Buffer.alloc(100));
  assert.equal(parser.next(), undefined);
  assert.equal(parser.bufferedBytes, 164);
  assert.equal(parser.isPartial, true);
  parser.push(Buffer.concat([Buffer.alloc(300), Buffer.from('\r\n$0\r\n\r\n')]));
  assert.equal(parser.next()?.length, 2);
  assert.equal(parser.lastRequestBytes, 528);
  assert.equal(parser.next(), undefined);
  assert.equal(parser.bufferedBytes, 0);
  assert.equal(parser.isPartial, false);
});
