import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';

import { ResponseParser } from './response-parser.ts';

interface Response {
  readonly status: number;
  readonly bodyBytes: number;
  /** Lengths of chunks, for a body that comes in such. */
  readonly chunks?: readonly number[] | undefined;
}

function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

// Looks like heads and chunks, so that a parser which loses count finds out.
const bodyText = 'HTTP/1.1 500 X\r\n\r\n5\r\n'.repeat(40);

function textOf({ status, bodyBytes, chunks }: Response): string {
  if (status === 204) return 'HTTP/1.1 204 No Content\r\nETag: "1"\r\n\r\n';
  const body = bodyText.slice(0, bodyBytes);
  if (chunks !== undefined) {
    let text = `HTTP/1.1 ${status} Some Reason\r\nTransfer-Encoding: chunked\r\n\r\n`;
    let offset = 0;
    for (const length of chunks) {
      text += `${length.toString(16)}\r\n${body.slice(offset, offset + length)}\r\n`;
      offset += length;
    }
    return `${text}0\r\n\r\n`;
  }
  return `HTTP/1.1 ${status} Some Reason\r\nX-Other: 1\r\ncontent-length: ${bodyBytes}\r\nX-Last: 2\r\n\r\n${body}`;
}

function parseAll(chunks: readonly Uint8Array[]): Response[] {
  const seen: Response[] = [];
  const parser = new ResponseParser(
    (status, { bodyBytes, body }) => {
      assert.equal(body, bodyText.slice(0, bodyBytes));
      seen.push({ status, bodyBytes });
    },
    { keepBodies: true },
  );
  for (const chunk of chunks) {
    const reused = chunk.slice();
    parser.feed(reused);
    // As a socket's read buffer: the next read overwrites it.
    reused.fill(0);
  }
  return seen;
}

const response = fc.oneof(
  fc.constant({ status: 204, bodyBytes: 0 }),
  fc.record(
    { status: fc.constantFrom(200, 404, 503), bodyBytes: fc.integer({ min: 0, max: 300 }) },
    { noNullPrototype: true },
  ),
  fc
    .array(fc.integer({ min: 1, max: 60 }), { maxLength: 5 })
    .map((chunks) => ({ status: 200, bodyBytes: chunks.reduce((sum, length) => sum + length, 0), chunks })),
);

test('responses are told apart however the bytes arrive', () => {
  fc.assert(
    fc.property(
      fc.array(response, { maxLength: 5 }),
      fc.array(fc.integer({ min: 1, max: 90 })),
      (responses, cuts) => {
        const stream = bytesOf(responses.map(textOf).join(''));
        const chunks: Uint8Array[] = [];
        let offset = 0;
        for (const cut of cuts) {
          chunks.push(stream.subarray(offset, offset + cut));
          offset += cut;
        }
        chunks.push(stream.subarray(Math.min(offset, stream.length)));
        assert.deepEqual(
          parseAll(chunks),
          responses.map(({ status, bodyBytes }) => ({ status, bodyBytes })),
        );
      },
    ),
  );
});

test('a response byte by byte is one response', () => {
  const stream = bytesOf(textOf({ status: 200, bodyBytes: 7 }));
  assert.deepEqual(parseAll(Array.from(stream, (byte) => Uint8Array.of(byte))), [
    { status: 200, bodyBytes: 7 },
  ]);
});

test('nothing is reported before the body is whole', () => {
  const stream = bytesOf(textOf({ status: 200, bodyBytes: 7 }));
  assert.deepEqual(parseAll([stream.subarray(0, stream.length - 1)]), []);
});

const refused: Readonly<Record<string, string>> = {
  'a chunk without a length': 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n',
  'a chunk longer than announced': 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n',
  'a response without a length': 'HTTP/1.1 200 OK\r\nX: 1\r\n\r\n',
  'a length that is no number': 'HTTP/1.1 200 OK\r\nContent-Length: ten\r\n\r\n',
  'another protocol': '+PONG\r\n\r\n',
  'a head without end': `HTTP/1.1 200 OK\r\nX: ${'x'.repeat(17_000)}`,
};

for (const [name, text] of Object.entries(refused)) {
  test(`${name} is refused`, () => {
    assert.throws(() => parseAll([bytesOf(text)]));
  });
}
