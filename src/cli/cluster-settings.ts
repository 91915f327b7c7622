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
import { formatAddress, type Address } from './address.ts';

export type Engine = 'log' | 'classic-level';
export const engines: readonly Engine[] = ['log', 'classic-level'];

export interface ClusterNode {
  readonly id: NodeId;
  /** Where clients reach the node, and its peers too unless `peerAddress` is given. */
  readonly address: Address;
  readonly peerAddress: Address | undefined;
  readonly zone: string;
  readonly weight: number;
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

/** A cluster of one, for `serve` without a `nodes.json`. */
export function singleNodeSettings(id: NodeId, address: Address): ClusterSettings {
  return {
    path: undefined,
    clusterName: `${defaultClusterName}-single`,
    nodes: [{ id, address, peerAddress: undefined, zone: '', weight: 1 }],
    partitions: partitionsFor(1, 64),
    quorum: { n: 1, r: 1, w: 1 },
    quorumMode: 'sloppy',
    valueBytesMax: limits.valueBytesDefault,
    timing: defaultTiming,
    antiEntropy: true,
    hintedHandoff: true,
    scrubMs: defaultScrubMs,
    engine: 'log',
    durability: { mode: 'always' },
    warnings: [],
  };
}

/** `n1 (127.0.0.1:9001)`, as messages name a node. */
export function nameOf(node: ClusterNode): string {
  return `${node.id} (${formatAddress(node.address)})`;
}
