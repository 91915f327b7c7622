/**
 * What `nodes.json` says once it has been checked: the members and the settings that all of them share.
 *
 * Everything here is valid; reading and refusing is `nodes-file.ts`.
 */

import {
  defaultClusterName,
  defaultScrubMs,
  defaultTiming,
  partitionsFor,
  type Durability,
  type NodeConfig,
  type NodeId,
  type QuorumSettings,
  type Timing,
} from '../core/config.ts';
import { StoreError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import type { PeerTlsMode } from '../platform/peer-tls.ts';
import { formatAddress, type Address } from './address.ts';
import { membersOf, workersOf, type NodeEntry } from './worker-members.ts';

export type Engine = 'log' | 'classic-level';
export const engines: readonly Engine[] = ['log', 'classic-level'];

export interface ClusterNode {
  readonly id: NodeId;
  /** Where this very process is reached, by its peers too unless `peerAddress` is given. */
  readonly address: Address;
  readonly peerAddress: Address | undefined;
  readonly zone: string;
  readonly weight: number;
  /** Undefined for a node that is one process. */
  readonly worker: WorkerPlace | undefined;
}

/** One of several processes that are a node together, see `worker-members.ts`. */
export interface WorkerPlace {
  /** From 1 on. */
  readonly number: number;
  /** The node that it is a worker of, which is the id of the first. */
  readonly node: NodeId;
  /** Where clients reach one worker or another. */
  readonly sharedAddress: Address;
}

/** How peers speak with one another when not plainly. */
export interface PeerTlsSettings {
  /** Paths of PEM files; `{id}` in one stands for the id of the node. */
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
  readonly mode: PeerTlsMode;
}

export interface ClusterSettings {
  /** Where they come from, for messages; undefined for the built-in single node. */
  readonly path: string | undefined;
  readonly clusterName: string;
  readonly nodes: readonly ClusterNode[];
  readonly partitions: number;
  readonly quorum: QuorumSettings;
  readonly quorumMode: 'sloppy' | 'strict';
  readonly valueBytesMax: number;
  readonly timing: Timing;
  readonly antiEntropy: boolean;
  readonly hintedHandoff: boolean;
  /** How often everything stored is read again; 0 for never. */
  readonly scrubMs: number;
  readonly engine: Engine;
  readonly durability: Durability;
  /** Undefined: without TLS. */
  readonly peerTls: PeerTlsSettings | undefined;
  /** What is allowed but most likely not meant, a sentence each. */
  readonly warnings: readonly string[];
}

export const durabilityForm = 'always, interval:<milliseconds> (1 to 60000) or never';

/** Reads `always`, `interval:100` or `never`; undefined for anything else. */
export function parseDurability(text: string): Durability | undefined {
  if (text === 'always') return { mode: 'always' };
  if (text === 'never') return { mode: 'never' };
  const match = /^interval:([0-9]{1,5})$/.exec(text);
  const intervalMs = Number(match?.[1] ?? 0);
  return intervalMs >= 1 && intervalMs <= 60_000 ? { mode: 'interval', intervalMs } : undefined;
}

/** The inverse of `parseDurability`. */
export function formatDurability(durability: Durability): string {
  return durability.mode === 'interval' ? `interval:${durability.intervalMs}` : durability.mode;
}

/** The member of that id; throws `CONFIG_INVALID` naming the ones that exist. */
export function nodeOf(settings: ClusterSettings, id: string): ClusterNode {
  const node = settings.nodes.find((candidate) => candidate.id === id);
  if (node !== undefined) return node;
  const known = settings.nodes.map((candidate) => candidate.id).join(', ');
  throw new StoreError(
    'CONFIG_INVALID',
    `no node ${JSON.stringify(id)} in ${settings.path ?? 'the built-in settings'}; its nodes are ${known}`,
  );
}

/** The part of the settings that one node needs. */
export function nodeConfigOf(settings: ClusterSettings, id: NodeId): NodeConfig {
  return {
    id,
    clusterName: settings.clusterName,
    members: settings.nodes.map((node) => ({ id: node.id, weight: node.weight, zone: node.zone })),
    partitions: settings.partitions,
    quorum: settings.quorum,
    quorumMode: settings.quorumMode,
    valueBytesMax: settings.valueBytesMax,
    timing: settings.timing,
    antiEntropy: settings.antiEntropy,
    hintedHandoff: settings.hintedHandoff,
    scrubMs: settings.scrubMs,
  };
}

/** A node alone, for `serve` without a `nodes.json`: every key is on one of its workers. */
export function singleNodeSettings(entry: NodeEntry): ClusterSettings {
  return {
    path: undefined,
    clusterName: `${defaultClusterName}-single`,
    nodes: membersOf([entry]),
    partitions: partitionsFor(workersOf(entry), 64),
    quorum: { n: 1, r: 1, w: 1 },
    quorumMode: 'sloppy',
    valueBytesMax: limits.valueBytesDefault,
    timing: defaultTiming,
    antiEntropy: true,
    hintedHandoff: true,
    scrubMs: defaultScrubMs,
    engine: 'log',
    durability: { mode: 'always' },
    peerTls: undefined,
    warnings: [],
  };
}

/** Where clients reach a node: all of its workers, where it has them. */
export function clientAddressOf(node: ClusterNode): Address {
  return node.worker?.sharedAddress ?? node.address;
}

/** Where a process listens for clients: for a worker its own address, and the one that it shares. */
export function addressesOf(node: ClusterNode): string {
  const shared = node.worker === undefined ? '' : ` and ${formatAddress(node.worker.sharedAddress)}`;
  return `${formatAddress(node.address)}${shared}`;
}

/** The members that are processes to start and stop, their workers with them. */
export function startedNodes(settings: ClusterSettings): readonly ClusterNode[] {
  return settings.nodes.filter((node) => node.worker === undefined || node.worker.number === 1);
}

/** The members that a node is: its workers, or itself alone. */
export function workersOfNode(settings: ClusterSettings, node: ClusterNode): readonly ClusterNode[] {
  const { worker } = node;
  if (worker === undefined) return [node];
  return settings.nodes.filter((other) => other.worker?.node === worker.node);
}

/** `n1 (127.0.0.1:9001)`, as messages name a node. */
export function nameOf(node: ClusterNode): string {
  return `${node.id} (${formatAddress(clientAddressOf(node))})`;
}
