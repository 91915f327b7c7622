import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { CallTable } from './call-table.ts';

interface NumberedCall {
  readonly sequence: number;
}

test('a call is found by its number alone, from when it was added until it is deleted', () => {
  fc.assert(
    // Positive: so many calls are added; negative: one is deleted.
    fc.property(fc.array(fc.integer({ min: -20, max: 20 }), { maxLength: 60 }), (steps) => {
      const table = new CallTable<NumberedCall>();
      const present = new Map<number, NumberedCall>();
      for (const step of steps) {
        for (let added = 0; added < step; added++) {
          const call = { sequence: table.nextSequence() };
          assert.ok(!present.has(call.sequence), 'the number of a call under way is given to no other');
          table.add(call);
          present.set(call.sequence, call);
        }
        const victim = step < 0 ? [...present.values()][-step % present.size] : undefined;
        if (victim !== undefined) {
          table.delete(victim);
          table.delete(victim);
          present.delete(victim.sequence);
          assert.equal(table.get(victim.sequence), undefined);
        }
        for (const call of present.values()) assert.equal(table.get(call.sequence), call);
      }
      assert.deepEqual(table.all(), [...present.values()]);
    }),
  );
});

test('a long call keeps its place while thousands of others come and go', () => {
  const table = new CallTable<NumberedCall>();
  const long = { sequence: table.nextSequence() };
  table.add(long);
  for (let round = 0; round < 5_000; round++) {
    const call = { sequence: table.nextSequence() };
    assert.notEqual(call.sequence, long.sequence);
    table.add(call);
    table.delete(call);
  }
  assert.equal(table.get(long.sequence), long);
  assert.equal(table.get(long.sequence + 64), undefined);
  assert.deepEqual(table.all(), [long]);
});
