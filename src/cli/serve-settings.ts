/**
 * What one process will serve, from its command line and the nodes file.
 *
 * The command line wins over the file where both speak of this one node (`--listen`, `--durability`,
 * `--engine`). With neither `--id` nor `--config` the node is a cluster of one.
 */

import { isNodeId, type Durability, type NodeConfig } from '../core/config.ts';
import { join } from 'node:path';

import type { Address } from './address.ts';
import {
  nodeConfigOf,
  nodeOf,
  singleNodeSettings,
  type ClusterNode,
  type ClusterSettings,
  type Engine,
} from './cluster-settings.ts';
import { UsageFailure } from './command-failure.ts';
import { defaultDataRoot } from './local-cluster.ts';
import type { LogFormat } from './log-observer.ts';
import type { LogLevel } from '../ports/observer.ts';
import { nodesFilePath, defaultConfigPath } from './nodes-file-choice.ts';
import { readNodesFile } from './nodes-file.ts';

export interface ServeOptions {
  readonly id?: string;
  readonly config?: string;
  readonly listen?: Address;
  readonly peerListen?: Address;
  readonly dataDir?: string;
  readonly durability?: Durability;
  readonly engine?: Engine;
  /** False switches anti-entropy off on this node, whatever the nodes file says. */
  readonly antiEntropy?: boolean;
  readonly logFormat: LogFormat;
  readonly logLevel: LogLevel;
}

export interface ServeSettings {
  readonly config: NodeConfig;
  readonly node: ClusterNode;
  /** All members with their addresses. */
  readonly nodes: readonly ClusterNode[];
  readonly listen: Address;
  /** Where peers connect to when not to `listen`. */
  readonly peerListen: Address | undefined;
  readonly dataDirectory: string;
  readonly durability: Durability;
  readonly engine: Engine;
  readonly warnings: readonly string[];
  /** True for a cluster of one that no nodes file describes. */
  readonly standalone: boolean;
}

export const standaloneId = 'n1';
/** Apart from the folders of `up`, whose n1 belongs to another cluster. */
const standaloneDataRoot = join(defaultDataRoot, 'standalone');

/**
 * Puts command line and file together. `freeAddress` finds an address for a standalone node that was given
 * none. Throws `CONFIG_INVALID` or `UsageFailure`.
 */
export async function serveSettings(
  options: ServeOptions,
  freeAddress: () => Promise<Address>,
): Promise<ServeSettings> {
  if (options.id === undefined && options.config === undefined) {
    const listen = options.listen ?? (await freeAddress());
    const settings = singleNodeSettings(checkedId(standaloneId), listen);
    return merged(
      settings,
      { ...options, listen, dataDir: options.dataDir ?? join(standaloneDataRoot, standaloneId) },
      standaloneId,
    );
  }
  const settings = await readNodesFile(nodesFilePath(options.config ?? defaultConfigPath));
  return merged(settings, options, options.id ?? onlyId(settings));
}

function merged(settings: ClusterSettings, options: ServeOptions, id: string): ServeSettings {
  const node = nodeOf(settings, id);
  if (options.peerListen !== undefined && node.peerAddress === undefined) {
    throw new UsageFailure(
      `--peer-listen needs a "peerAddr" of ${id} in the nodes file, for its peers to connect to.`,
    );
  }
  return {
    config: nodeConfigOf(
      options.antiEntropy === false ? { ...settings, antiEntropy: false } : settings,
      node.id,
    ),
    node,
    nodes: settings.nodes,
    listen: options.listen ?? node.address,
    peerListen: options.peerListen ?? node.peerAddress,
    dataDirectory: options.dataDir ?? join(defaultDataRoot, node.id),
    durability: options.durability ?? settings.durability,
    engine: options.engine ?? settings.engine,
    warnings: settings.warnings,
    standalone: settings.path === undefined,
  };
}

function onlyId(settings: ClusterSettings): string {
  const [only, ...others] = settings.nodes;
  if (only !== undefined && others.length === 0) return only.id;
  const ids = settings.nodes.map((node) => node.id).join(', ');
  throw new UsageFailure(
    `${settings.path ?? 'The nodes file'} has several nodes: say which one this is with --id (${ids}).`,
  );
}

function checkedId(id: string): ClusterNode['id'] {
  if (!isNodeId(id)) throw new UsageFailure(`${JSON.stringify(id)} is no node id.`);
  return id;
}
