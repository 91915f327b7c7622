/**
 * The cluster of `nodes.json` on this machine: every node a background process with a directory of its own.
 *
 *   <data-dir>/<id>/            the node's data directory
 *   <data-dir>/<id>/node.pid    which process serves it (`pid-file.ts`)
 *   <data-dir>/<id>/node.log    what that process said (`node-log.ts`)
 *
 * A node with workers has their folders in its own (`worker-folders.ts`), and one log for all. Nothing else is kept: whether a node runs is asked of the operating system and of the node each time, so
 * two terminals, a crash or a reboot cannot leave a wrong picture behind.
 */

import { join, resolve } from 'node:path';

import {
  nodeOf,
  startedNodes,
  workersOfNode,
  type ClusterNode,
  type ClusterSettings,
} from './cluster-settings.ts';
import { UsageFailure } from './command-failure.ts';
import { healthOfAddress, readinessOfAddress, type NodeAnswer } from './node-answer.ts';
import { nodesFilePath } from './nodes-file-choice.ts';
import { readNodesFile } from './nodes-file.ts';
import { pidFileName, runningProcess, workersPidFileName, type RunningProcess } from './pid-file.ts';
import { workerDirectory } from './worker-folders.ts';

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
  const { worker } = node;
  if (worker === undefined) return join(cluster.dataRoot, node.id);
  return workerDirectory(join(cluster.dataRoot, worker.node), worker.number);
}

/**
 * The nodes of those ids in the order given, or all nodes. Throws `CONFIG_INVALID` for an unknown id, and `UsageFailure`
 * for a worker, which comes and goes with its node.
 */
export function chosenNodes(cluster: LocalCluster, ids: readonly string[]): readonly ClusterNode[] {
  if (ids.length === 0) return startedNodes(cluster.settings);
  return [...new Set(ids)].map((id) => {
    const node = nodeOf(cluster.settings, id);
    const { worker } = node;
    if (worker === undefined || worker.number === 1) return node;
    throw new UsageFailure(`${id} is a worker of ${worker.node}: name that, which is all of its workers.`);
  });
}

/** The process to signal when a node is to end: the node's own, or the one that started its workers. */
export function mainProcessOf(cluster: LocalCluster, node: ClusterNode): Promise<RunningProcess | undefined> {
  return runningProcess(
    dataDirectoryOf(cluster, node),
    node.worker === undefined ? pidFileName : workersPidFileName,
  );
}

/** All processes of a node that run: the one to signal first, and its workers where it has them. */
export async function processesOf(
  cluster: LocalCluster,
  node: ClusterNode,
): Promise<readonly RunningProcess[]> {
  const main = mainProcessOf(cluster, node);
  const workers = node.worker === undefined ? [] : workersOfNode(cluster.settings, node);
  const found = await Promise.all([main, ...workers.map((worker) => processOf(cluster, worker))]);
  return found.filter((running) => running !== undefined);
}

/** The process that serves a member's data directory now, if any. */
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
