import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { writeFully, type WriteSome } from './write-fully.ts';

/** Takes at most the next of `portions` bytes per call and keeps what it was given. */
function writerTaking(portions: readonly number[], content: number[], start: number): WriteSome {
  let call = 0;
  return (chunks, position) => {
    const offered = chunks.flatMap((chunk) => [...chunk]);
    const taken = Math.min(offered.length, portions[call++ % portions.length] ?? 1);
    for (let index = 0; index < taken; index++) content[position - start + index] = offered[index] ?? -1;
    return Promise.resolve(taken);
  };
}

test('every byte arrives once and in order however few are taken at a time', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.uint8Array({ maxLength: 9 }), { maxLength: 8 }),
      fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 1, maxLength: 5 }),
      fc.nat(1_000),
      async (chunks, portions, position) => {
        const content: number[] = [];
        await writeFully(writerTaking(portions, content, position), chunks, position);
        assert.deepEqual(
          content,
          chunks.flatMap((chunk) => [...chunk]),
        );
      },
    ),
  );
});

test('a system that takes nothing ends in an error instead of a loop', async () => {
  await assert.rejects(
    writeFully(() => Promise.resolve(0), [new Uint8Array(3)], 0),
    /took none of 3 bytes/,
  );
});

test('nothing to write is no call at all', async () => {
  await writeFully(() => Promise.reject(new Error('called')), [new Uint8Array(0)], 0);
});
