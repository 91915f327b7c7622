/**
 * What an operator may set, with its defaults and the reason for each.
 *
 * These are the validated values; reading and checking `nodes.json` is `cli/nodes-file.ts`.
 */

import { limits } from './limits.ts';

/** A node's name, e.g. `n1`: letters, digits, `_` and `-`, at most 64. */
export type NodeId = string & { readonly __brand: 'NodeId' };

/** Node ids name files and travel in records, so they are restricted to what is safe in both. */
export function isNodeId(text: string): text is NodeId {
  return /^[A-Za-z0-9_-]{1,64}$/.test(text);
}

/** One row of the membership table. */
export interface Member {
  readonly id: NodeId;
  /** Share of the partitions relative to the other members; default 1. */
  readonly weight: number;
  /** Failure domain: owners of a partition lie in distinct zones where there are enough. */
  readonly zone: string;
}

export type Durability =
  /** Acknowledge after the sync. */
  | { readonly mode: 'always' }
  /** Acknowledge after the write, sync at most this much later: a power cut may lose that much. */
  | { readonly mode: 'interval'; readonly intervalMs: number }
  /** Leave syncing to the operating system. */
  | { readonly mode: 'never' };

export interface QuorumSettings {
  /** Replicas of each key. */
  readonly n: number;
  /** Replicas that must answer a read. */
  readonly r: number;
  /** Replicas that must have a write durable. */
  readonly w: number;
}

export interface Timing {
  /** How long a client's request may take before it is answered as unknown or unavailable. */
  readonly requestTimeoutMs: number;
  /** A read asks a further replica when those asked have not answered by then. */
  readonly hedgeAfterMs: number;
  /** How far ahead of the wall clock a version may be stamped before it is refused. */
  readonly clockSkewMsMax: number;
  /** Interval of heartbeats to each peer. */
  readonly heartbeatMs: number;
  /** A peer not heard of for this long counts as down for routing. */
  readonly peerDownAfterMs: number;
  /** First and longest pause between attempts to hand hints to an owner. */
  readonly hintRetryMsMin: number;
  readonly hintRetryMsMax: number;
  /** Shortest pause between two rounds of anti-entropy with one owner. */
  readonly antiEntropyMs: number;
  /** How often the leader of a partition tries to raise its stability floor. */
  readonly floorMs: number;
  /** How far behind the wall clock the floor stays: a new write or hint that is older may be refused. */
  readonly floorLagMs: number;
}

export interface NodeConfig {
  readonly id: NodeId;
  /** Connections from nodes of another cluster are refused by this name. */
  readonly clusterName: string;
  readonly members: readonly Member[];
  /** Number of partitions, a power of two, fixed when the cluster is created. */
  readonly partitions: number;
  readonly quorum: QuorumSettings;
  /** Whether writes kept by a fallback count toward W (`sloppy`, the default). */
  readonly quorumMode: 'sloppy' | 'strict';
  readonly valueBytesMax: number;
  readonly timing: Timing;
  /** Whether owners compare what they hold, and fetch what they lack, by themselves; on unless false. */
  readonly antiEntropy?: boolean;
  /** Whether records are kept for owners that are away; on unless false, which leaves their repair to anti-entropy. */
  readonly hintedHandoff?: boolean;
  /** How often all that is stored is read again to see whether it is intact; `defaultScrubMs` if absent, 0 for never. */
  readonly scrubMs?: number;
}

export const defaultTiming: Timing = {
  // Long enough for a disk hiccup, short enough for a caller that retries.
  requestTimeoutMs: 2_000,
  // Well above a healthy round trip (under 5 ms), well below what a user notices.
  hedgeAfterMs: 50,
  // NTP keeps machines within tens of milliseconds; 500 ms tolerates a bad day.
  clockSkewMsMax: 500,
  heartbeatMs: 500,
  // Three missed heartbeats: one lost packet or one collection pause is no death.
  peerDownAfterMs: 1_600,
  hintRetryMsMin: 200,
  hintRetryMsMax: 10_000,
  // Differences younger than a second are writes under way, so looking more often would find no more.
  antiEntropyMs: 1_000,
  // Deletes take memory and disk until then, which is no hurry; the comparison walks over all that is held.
  floorMs: 60_000,
  // Twice the longest request (a write, then its hint) and half a minute for clocks and queues.
  floorLagMs: 150_000,
};

/** Weekly: disks rot slowly, and the chance that two copies of a record rot in one week is small. */
export const defaultScrubMs = 7 * 86_400_000;
export const defaultQuorum: QuorumSettings = { n: 3, r: 2, w: 2 };
export const defaultVnodes = 64;
export const defaultClusterName = 'mini-dynamo';

/** Q: the next power of two that gives each of the founding nodes `vnodes` partitions. */
export function partitionsFor(nodes: number, vnodes: number): number {
  let partitions = 1;
  while (partitions < nodes * vnodes && partitions < limits.partitionsMax) partitions *= 2;
  return partitions;
}

/** Whether a node is in the membership table. */
export function isMember(config: NodeConfig, id: string): id is NodeId {
  return config.members.some((member) => member.id === id);
}
