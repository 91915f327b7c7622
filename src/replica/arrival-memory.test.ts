import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { NodeId } from '../core/config.ts';
import { arrivalPaths } from '../protocol/key-trace-messages.ts';
import { ArrivalMemory, type ArrivedVersion } from './arrival-memory.ts';

const members = ['n1', 'n2', 'n3'] as NodeId[];
const version: ArrivedVersion = {
  token: { high: 7, low: 9 },
  time: { wallMs: 1_000, counter: 2 },
  checksum: 5,
};

function noteIn(memory: ArrivalMemory, { token, time, checksum }: ArrivedVersion, from = 'n2'): void {
  memory.note(token, time, checksum, memory.originOf('write', from as NodeId), 1_234);
}

test('an arrival is told with its path, its sender and its time', () => {
  const memory = new ArrivalMemory(members, 16);
  for (const path of arrivalPaths) {
    for (const from of members) {
      memory.note(version.token, version.time, version.checksum, memory.originOf(path, from), 4_000);
      assert.deepEqual(memory.find(version), { path, from, atWallMs: 4_000 });
    }
  }
});

test('only the very version that arrived is found', () => {
  const memory = new ArrivalMemory(members, 16);
  noteIn(memory, version);
  const others: ArrivedVersion[] = [
    { ...version, token: { high: 8, low: 9 } },
    // It has the same slot.
    { ...version, token: { high: 7, low: 9 + 16 } },
    { ...version, time: { wallMs: 1_001, counter: 2 } },
    { ...version, time: { wallMs: 1_000, counter: 3 } },
    { ...version, checksum: 6 },
  ];
  for (const other of others) assert.equal(memory.find(other), undefined);
  assert.notEqual(memory.find(version), undefined);
});

test('a node that is no member leaves no trace', () => {
  const memory = new ArrivalMemory(members, 16);
  noteIn(memory, version, 'n9');
  assert.equal(memory.find(version), undefined);
});

test('whatever is found is the latest arrival of its slot', () => {
  const arrivals = fc.array(
    fc.record({ low: fc.nat(40), wallMs: fc.nat(5), from: fc.constantFrom(...members) }),
  );
  fc.assert(
    fc.property(arrivals, (list) => {
      const memory = new ArrivalMemory(members, 8);
      const latest = new Map<number, (typeof list)[number]>();
      for (const arrival of list) {
        const { low, wallMs, from } = arrival;
        noteIn(memory, { token: { high: 0, low }, time: { wallMs, counter: 0 }, checksum: 1 }, from);
        latest.set(low % 8, arrival);
      }
      for (const { low, wallMs } of list) {
        const found = memory.find({ token: { high: 0, low }, time: { wallMs, counter: 0 }, checksum: 1 });
        const last = latest.get(low % 8);
        const isLast = last?.low === low && last.wallMs === wallMs;
        assert.equal(found?.from, isLast ? last.from : undefined);
      }
    }),
  );
});

test('a memory that grows forgets nothing on the way', () => {
  const memory = new ArrivalMemory(members, 4_096);
  const arrived = Array.from({ length: 2_000 }, (_, low) => ({
    ...version,
    token: { high: low, low },
  }));
  for (const one of arrived) noteIn(memory, one);
  for (const one of arrived) assert.equal(memory.find(one)?.from, 'n2');
});
