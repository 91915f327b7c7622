/**
 * What no single field of `nodes.json` shows: names and addresses given twice, and numbers that do
 * not fit together. Also the defaults of quorum and timing, since the checks are about what will hold.
 */

import { defaultQuorum, defaultTiming, type QuorumSettings, type Timing } from '../core/config.ts';
import { limits } from '../core/limits.ts';
import { formatAddress } from './address.ts';
import type { NodesFile } from './nodes-schema.ts';

/** Every contradiction, a sentence each. */
export function contradictionsOf(file: NodesFile): string[] {
  const problems: string[] = [];
  const { n, r, w } = quorumOf(file);
  const nodes = file.nodes.length;
  if (n > nodes) {
    const origin = file.n === undefined ? ' (the default)' : '';
    problems.push(
      `n is ${n}${origin}, but must be at most ${nodes}, the number of nodes: each replica has its own`,
    );
  }
  if (r > n) problems.push(`r is ${r}, but must be at most n, which is ${n}`);
  if (w > n) problems.push(`w is ${w}, but must be at most n, which is ${n}`);
  problems.push(...duplicates(file), ...partitionProblems(file), ...timingProblems(file));
  return problems;
}

function duplicates(file: NodesFile): string[] {
  const problems: string[] = [];
  const seen = new Map<string, string>();
  function once(kind: string, value: string, field: string, shown: string): void {
    const first = seen.get(`${kind} ${value}`);
    if (first === undefined) seen.set(`${kind} ${value}`, field);
    else problems.push(`${field} is ${JSON.stringify(shown)}, but must differ from ${first}`);
  }
  file.nodes.forEach((node, index) => {
    // Ids name data directories, and not every file system tells `n1` from `N1`.
    once('id', node.id.toLowerCase(), `nodes[${index}].id`, node.id);
    once('addr', formatAddress(node.addr), `nodes[${index}].addr`, formatAddress(node.addr));
    if (node.peerAddr === undefined) return;
    once('addr', formatAddress(node.peerAddr), `nodes[${index}].peerAddr`, formatAddress(node.peerAddr));
  });
  return problems;
}

function partitionProblems(file: NodesFile): string[] {
  const { partitions } = file;
  if (partitions === undefined) return [];
  if (!Number.isInteger(Math.log2(partitions))) {
    return [`partitions is ${partitions}, but must be a power of two from 1 to ${limits.partitionsMax}`];
  }
  if (partitions < file.nodes.length) {
    return [`partitions is ${partitions}, but must be at least ${file.nodes.length}, the number of nodes`];
  }
  return [];
}

function timingProblems(file: NodesFile): string[] {
  const timing = timingOf(file);
  const problems: string[] = [];
  if (timing.peerDownAfterMs <= timing.heartbeatMs) {
    problems.push(
      `timing.peerDownAfterMs is ${timing.peerDownAfterMs}, but must be above timing.heartbeatMs, ` +
        `which is ${timing.heartbeatMs}: between two heartbeats every peer is silent`,
    );
  }
  if (timing.hintRetryMsMax < timing.hintRetryMsMin) {
    problems.push(
      `timing.hintRetryMsMax is ${timing.hintRetryMsMax}, but must be at least timing.hintRetryMsMin, ` +
        `which is ${timing.hintRetryMsMin}`,
    );
  }
  return problems;
}

/** The quorum that will hold. */
export function quorumOf(file: NodesFile): QuorumSettings {
  return { n: file.n ?? defaultQuorum.n, r: file.r ?? defaultQuorum.r, w: file.w ?? defaultQuorum.w };
}

/** The timing that will hold. */
export function timingOf(file: NodesFile): Timing {
  const given = Object.entries(file.timing ?? {}).filter(([, value]) => value !== undefined);
  return { ...defaultTiming, ...Object.fromEntries(given) };
}

/** What is allowed but most likely not meant. */
export function warningsOf(file: NodesFile): string[] {
  const { n, r, w } = quorumOf(file);
  const warnings: string[] = [];
  if (r + w <= n) {
    warnings.push(`r + w is ${r + w}, not above n (${n}): a read may miss a write that was acknowledged`);
  }
  if (file.partitions !== undefined && file.vnodes !== undefined) {
    warnings.push('vnodes is not used, because partitions is given');
  }
  return warnings;
}
