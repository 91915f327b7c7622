/**
 * Bytes that the processes of a server have sent to each other: what `ss` knows of each TCP connection whose two ends
 * belong to two of them.
 *
 * It works for any server and needs nothing from it. Without `ss` (iproute2, Linux) there is no figure.
 */

import { spawnSync } from 'node:child_process';

/** Bytes sent so far, for each end of a connection. */
export type PeerBytes = ReadonlyMap<string, number>;

const outputBytesMax = 64 * 1024 * 1024;

/** What every end has sent so far; undefined when it cannot be told. */
export function peerBytesOf(pids: readonly number[]): PeerBytes | undefined {
  if (pids.length < 2) return pids.length === 1 ? new Map() : undefined;
  const { stdout, status } = spawnSync('ss', ['-tinpHO', 'state', 'established'], {
    encoding: 'utf8',
    maxBuffer: outputBytesMax,
  });
  return status === 0 ? betweenProcesses(stdout, new Set(pids)) : undefined;
}

/** What was sent between two readings; a connection that was closed in between is left out. */
export function peerBytesBetween(before: PeerBytes, after: PeerBytes): number {
  let sum = 0;
  for (const [end, bytes] of after) sum += bytes - (before.get(end) ?? 0);
  return sum;
}

/** Reads the output of `ss`: a line for each end, with `local remote users:(("name",pid=1,fd=2)) … bytes_sent:3`. */
export function betweenProcesses(output: string, pids: ReadonlySet<number>): PeerBytes {
  const ends: {
    readonly local: string;
    readonly remote: string;
    readonly pid: number;
    readonly sent: number;
  }[] = [];
  for (const line of output.split('\n')) {
    const match = /^\s*\d+\s+\d+\s+(\S+)\s+(\S+)\s.*\bpid=(\d+),/.exec(line);
    const [, local, remote, pid] = match ?? [];
    if (local === undefined || remote === undefined || !pids.has(Number(pid))) continue;
    // The field is left out while nothing was sent.
    ends.push({ local, remote, pid: Number(pid), sent: Number(/\bbytes_sent:(\d+)/.exec(line)?.[1] ?? 0) });
  }
  const owner = new Map(ends.map(({ local, pid }) => [local, pid]));
  return new Map(
    ends
      .filter(({ remote, pid }) => owner.has(remote) && owner.get(remote) !== pid)
      .map(({ local, remote, sent }) => [`${local} ${remote}`, sent]),
  );
}
