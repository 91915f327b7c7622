/**
 * What no single field of `nodes.json` shows: names and addresses given twice, and numbers that do
 * not fit together. Also the defaults of quorum and timing, since the checks are about what will hold.
 */

import {
  defaultQuorum,
  defaultTiming,
  defaultVnodes,
  partitionsFor,
  type QuorumSettings,
  type Timing,
} from '../core/config.ts';
import { limits } from '../core/limits.ts';
import { formatAddress } from './address.ts';
import type { NodesFile } from './nodes-schema.ts';
import { hasWorkers, membersOf, workerProblems, workersOf } from './worker-members.ts';

/** Every contradiction, a sentence each. */
export function contradictionsOf(file: NodesFile): string[] {
  const problems: string[] = [];
  const { n, r, w } = quorumOf(file);
  const members = memberCount(file);
  if (n > members) {
    const origin = file.n === undefined ? ' (the default)' : '';
    problems.push(
      `n is ${n}${origin}, but must be at most ${members}, the number of nodes: each replica has its own`,
    );
  }
  if (r > n) problems.push(`r is ${r}, but must be at most n, which is ${n}`);
  if (w > n) problems.push(`w is ${w}, but must be at most n, which is ${n}`);
  // What cannot be expanded cannot be compared either.
  const workers = problemsOfWorkers(file);
  problems.push(...workers, ...(workers.length === 0 ? duplicates(file) : []));
  problems.push(...partitionProblems(file), ...timingProblems(file));
  return problems;
}

function memberCount(file: NodesFile): number {
  return file.nodes.reduce((sum, node) => sum + workersOf(node), 0);
}

function problemsOfWorkers(file: NodesFile): string[] {
  const { nodes } = file;
  const problems = nodes.flatMap((node, index) =>
    workerProblems(node).map((problem) => `nodes[${index}].${problem}`),
  );
  const members = memberCount(file);
  if (members > limits.membersMax) {
    problems.push(`the nodes have ${members} workers together, but may have at most ${limits.membersMax}`);
  }
  if (!nodes.some(hasWorkers)) return problems;
  const zones = new Set(nodes.map((node) => node.zone));
  if (zones.has(undefined) && zones.size > 1) {
    problems.push(
      'some nodes have a zone; with workers either all or none must have one (a machine is a zone)',
    );
  } else if (!zones.has(undefined) && zones.size < quorumOf(file).n && nodes.length >= quorumOf(file).n) {
    // Only zones keep copies apart, so zones that hold two copies might hold both on one machine.
    problems.push(
      `n is ${quorumOf(file).n} and there are ${zones.size} zones; with workers there must be at least n, or none: ` +
        'two copies of a key could lie on one machine',
    );
  }
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
    const field = `nodes[${index}]`;
    // Ids name data directories, and not every file system tells `n1` from `N1`.
    once('id', node.id.toLowerCase(), `${field}.id`, node.id);
    once('addr', formatAddress(node.addr), `${field}.addr`, formatAddress(node.addr));
    if (node.peerAddr === undefined) return;
    once('addr', formatAddress(node.peerAddr), `${field}.peerAddr`, formatAddress(node.peerAddr));
    for (const { id, address } of membersOf([node]).slice(1)) {
      once('id', id.toLowerCase(), `the id of worker ${id} of ${field}`, id);
      once('addr', formatAddress(address), `the address of worker ${id} of ${field}`, formatAddress(address));
    }
  });
  return problems;
}

function partitionProblems(file: NodesFile): string[] {
  const { partitions } = file;
  const members = memberCount(file);
  if (partitions === undefined) {
    const { vnodes = defaultVnodes } = file;
    const derived = partitionsFor(file.nodes.length, vnodes);
    if (derived >= members) return [];
    return [
      `vnodes is ${vnodes}, which makes ${derived} partitions, but there must be at least ${members}, the number of workers`,
    ];
  }
  if (!Number.isInteger(Math.log2(partitions))) {
    return [`partitions is ${partitions}, but must be a power of two from 1 to ${limits.partitionsMax}`];
  }
  if (partitions < members) {
    return [`partitions is ${partitions}, but must be at least ${members}, the number of nodes`];
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
  if (file.nodes.some(hasWorkers) && file.nodes.length < n) {
    warnings.push(
      `n is ${n} and there ${file.nodes.length === 1 ? 'is one node' : `are ${file.nodes.length} nodes`}: workers of one ` +
        'machine hold several copies of a key, which are lost together with it',
    );
  }
  return warnings;
}
