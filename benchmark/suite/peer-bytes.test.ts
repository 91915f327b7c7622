import assert from 'node:assert/strict';
import { test } from 'node:test';

import { betweenProcesses, peerBytesBetween } from './peer-bytes.ts';

function line(local: string, remote: string, pid: number, sent: number): string {
  return `0      0      ${local} ${remote} users:(("node",pid=${pid},fd=28)) cubic rto:204 bytes_sent:${sent} bytes_acked:${sent} segs_out:3`;
}

const output = [
  line('127.0.0.1:7001', '127.0.0.1:50001', 1, 100),
  line('127.0.0.1:50001', '127.0.0.1:7001', 2, 30),
  // A client's connection, one within a process, and one of strangers.
  line('127.0.0.1:7001', '127.0.0.1:50002', 1, 5_000),
  line('127.0.0.1:7003', '127.0.0.1:50003', 3, 7_000),
  line('127.0.0.1:50003', '127.0.0.1:7003', 3, 7_000),
  line('127.0.0.1:8001', '127.0.0.1:50004', 8, 9_000),
  line('127.0.0.1:50004', '127.0.0.1:8001', 9, 9_000),
  '',
].join('\n');

test('only connections whose ends belong to two of the processes count, with both their ends', () => {
  const bytes = betweenProcesses(output, new Set([1, 2, 3]));
  assert.deepEqual([...bytes.values()], [100, 30]);
});

test('what was sent before does not count, and a connection that is new counts from its beginning', () => {
  const before = betweenProcesses(
    line('a:1', 'b:2', 1, 10) + '\n' + line('b:2', 'a:1', 2, 20),
    new Set([1, 2]),
  );
  const later = [
    line('a:1', 'b:2', 1, 15),
    line('b:2', 'a:1', 2, 21),
    line('a:1', 'b:3', 1, 7),
    line('b:3', 'a:1', 2, 0),
  ].join('\n');
  assert.equal(peerBytesBetween(before, betweenProcesses(later, new Set([1, 2]))), 5 + 1 + 7);
});
