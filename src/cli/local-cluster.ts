/**
 * The cluster of `nodes.json` on this machine: every node a background process with a directory of its own.
 *
 *   <data-dir>/<id>/            the node's data directory
 *   <data-dir>/<id>/node.pid    which process serves it (`pid-file.ts`)
 *   <data-dir>/<id>/node.log    what that process said (`node-log.ts`)
 *
 * Nothing else is kept: whether a node runs is asked of the operating system and of the node each time, so
 * two terminals, a crash or a reboot cannot leave a wrong picture behind.
 */

import { join, resolve } from 'node:path';

import { nodeOf, type ClusterNode, type ClusterSettings } from './cluster-settings.ts';
import { healthOfAddress, readinessOfAddress, type NodeAnswer } from './node-answer.ts';
import { nodesFilePath } from './nodes-file-choice.ts';
import { readNodesFile } from './nodes-file.ts';
import { runningProcess, type RunningProcess } from './pid-file.ts';

export const defaultDataRoot = 'data';

export interface LocalCluster {
  readonly settings: ClusterSettings;
  /** Absolute, because the nodes are started from here but outlive this directory. */
  readonly configPath: string;
  readonly dataRoot: string;
}

export interface ClusterLocation {
  readonly config: string;
  readonly dataDir: string;
}

/** Reads the nodes file; throws `CONFIG_INVALID`. */
export async function openLocalCluster(location: ClusterLocation): Promise<LocalCluster> {
  const path = nodesFilePath(location.config);
  return {
    settings: await readNodesFile(path),
    configPath: resolve(path),
    dataRoot: resolve(location.dataDir),
  };
}

export function dataDirectoryOf(cluster: LocalCluster, node: ClusterNode): string {
  return join(cluster.dataRoot, node.id);
}

/** The nodes of those ids in the order given, or all nodes; throws `CONFIG_INVALID` for an unknown id. */
export function chosenNodes(cluster: LocalCluster, ids: readonly string[]): readonly ClusterNode[] {
  if (ids.length === 0) return cluster.settings.nodes;
  return [...new Set(ids)].map((id) => nodeOf(cluster.settings, id));
}

/** The process that serves a node's data directory now, if any. */
export function processOf(cluster: LocalCluster, node: ClusterNode): Promise<RunningProcess | undefined> {
  return runningProcess(dataDirectoryOf(cluster, node));
}

/** Whether a node is well, by its own word. */
export function healthOf(node: ClusterNode): Promise<NodeAnswer> {
  return healthOfAddress(node.address);
}

/** Whether a node can meet the read and the write quorum, by its own word. */
export function readinessOf(node: ClusterNode): Promise<NodeAnswer> {
  return readinessOfAddress(node.address);
}
