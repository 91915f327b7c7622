import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { z } from 'zod';
import { inMacrotask } from './drain.ts';
import { judgeSeed } from './seed-verdict.ts';
import { TraceLog } from './trace-log.ts';

const eventSchema = z.looseObject({ micros: z.number(), kind: z.string() });

describe('TraceLog', () => {
  test('a run writes one JSON object a line, in the order of time, and the same again', async () => {
    const traceOf = async (): Promise<{ readonly lines: string[]; readonly traceHash: string }> => {
      const lines: string[] = [];
      const traceLog = new TraceLog((line) => lines.push(line));
      const { traceHash } = await inMacrotask(() => judgeSeed(14, { traceLog }));
      return { lines, traceHash };
    };
    const first = await traceOf();
    const events = first.lines.map((line) => eventSchema.parse(JSON.parse(line)));
    assert.ok(events.length > 1_000);
    assert.deepEqual(
      [...new Set(events.map(({ kind }) => kind))].toSorted((left, right) => left.localeCompare(right)),
      ['answer', 'disk', 'fault', 'frame', 'log', 'note', 'process', 'request', 'store'],
    );
    let micros = 0;
    for (const event of events) {
      assert.ok(event.micros >= micros);
      micros = event.micros;
    }
    assert.deepEqual((await traceOf()).lines, first.lines);
    const { traceHash } = await inMacrotask(() => judgeSeed(14));
    assert.equal(traceHash, first.traceHash, 'listening changes nothing');
  });

  test('what is not known is left out of a line', () => {
    const lines: string[] = [];
    new TraceLog((line) => lines.push(line)).add('note', undefined, { text: 'x', nothing: undefined });
    assert.deepEqual(lines, ['{"micros":0,"kind":"note","text":"x"}']);
  });
});
