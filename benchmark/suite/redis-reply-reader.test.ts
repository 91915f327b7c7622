import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';

import { RedisReplyReader, type RedisReply } from './redis-reply-reader.ts';

function readAll(text: string, cuts: readonly number[]): RedisReply[] {
  const seen: RedisReply[] = [];
  const reader = new RedisReplyReader((reply) => void seen.push(reply), { keepTexts: true });
  const bytes = Buffer.from(text, 'latin1');
  let offset = 0;
  for (const cut of [...cuts, bytes.length]) {
    const chunk = Uint8Array.from(bytes.subarray(offset, offset + cut));
    reader.feed(chunk);
    // As a socket's read buffer: the next read overwrites it.
    chunk.fill(0);
    offset += cut;
  }
  return seen;
}

interface Sample {
  readonly text: string;
  readonly reply: RedisReply;
}

// The texts hold what looks like replies, so that a reader which loses count finds out.
const word = fc.constantFrom('', 'a', '\r\n', '+OK\r\n', '$3\r\n', '*2\r\n', ':1\r\n-ERR x\r\n');
const array = fc.array(word, { maxLength: 4 });
const sample: fc.Arbitrary<Sample> = fc.oneof(
  fc.constant<Sample>({ text: '+OK\r\n', reply: { kind: 'status', text: 'OK' } }),
  fc.constant<Sample>({ text: '-BUSY later\r\n', reply: { kind: 'error', text: 'BUSY later' } }),
  fc.constant<Sample>({ text: ':12\r\n', reply: { kind: 'integer', value: 12 } }),
  fc.constant<Sample>({ text: '$-1\r\n', reply: { kind: 'null' } }),
  word.map((text): Sample => ({ text: bulk(text), reply: { kind: 'text', bytes: text.length, text } })),
  array.map((words): Sample => ({
    text: `*${words.length}\r\n${words.map(bulk).join('')}`,
    reply: { kind: 'array', texts: words.length },
  })),
  // What SCAN answers: a cursor, and an array of keys.
  array.map((words): Sample => ({
    text: `*2\r\n$1\r\n0\r\n*${words.length}\r\n${words.map(bulk).join('')}`,
    reply: { kind: 'array', texts: words.length + 1 },
  })),
);

function bulk(text: string): string {
  return `$${text.length}\r\n${text}\r\n`;
}

test('replies are told apart however the bytes arrive', () => {
  fc.assert(
    fc.property(
      fc.array(sample, { maxLength: 6 }),
      fc.array(fc.integer({ min: 1, max: 12 })),
      (samples, cuts) => {
        const text = samples.map((each) => each.text).join('');
        assert.deepEqual(
          readAll(text, cuts),
          samples.map(({ reply }) => reply),
        );
      },
    ),
  );
});

for (const text of ['HTTP/1.1 200 OK\r\n', '$x\r\n', '*-2\r\n']) {
  test(`${JSON.stringify(text)} is refused`, () => {
    assert.throws(() => readAll(text, []));
  });
}
