/**
 * What one process will serve, from its command line and the nodes file.
 *
 * The command line wins over the file where both speak of this one node (`--listen`, `--durability`,
 * `--engine`). With neither `--id` nor `--config` the node is a cluster of one.
 */

import { join } from 'node:path';

import { isNodeId, type Durability, type NodeConfig } from '../core/config.ts';
import { limits } from '../core/limits.ts';
import { localAddressOf, type Address } from './address.ts';
import {
  nodeConfigOf,
  nodeOf,
  singleNodeSettings,
  startedNodes,
  workersOfNode,
  type ClusterNode,
  type ClusterSettings,
  type Engine,
  type PeerTlsSettings,
  type WorkerPlace,
} from './cluster-settings.ts';
import { UsageFailure } from './command-failure.ts';
import { defaultDataRoot } from './local-cluster.ts';
import type { LogFormat } from './log-observer.ts';
import type { LogLevel } from '../ports/observer.ts';
import { nodesFilePath, defaultConfigPath } from './nodes-file-choice.ts';
import { readNodesFile } from './nodes-file.ts';
import { peerTlsFor } from './peer-tls-settings.ts';
import { workerDirectory } from './worker-folders.ts';
import { workerProblems } from './worker-members.ts';

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
  /** How many processes the node is to be. */
  readonly workers?: WorkerCount;
  /** Which of its workers this process is; told by the process that starts them. */
  readonly worker?: number;
  readonly peerCa?: string;
  readonly peerCert?: string;
  readonly peerKey?: string;
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
  /** Where clients connect to all workers of the node; undefined when it has none. */
  readonly sharedListen: Address | undefined;
  /** How many processes the node is. */
  readonly workers: number;
  readonly dataDirectory: string;
  readonly durability: Durability;
  readonly engine: Engine;
  /** With the paths of this very node; undefined: peers speak without TLS. */
  readonly peerTls: PeerTlsSettings | undefined;
  readonly warnings: readonly string[];
  /** True for a node alone that no nodes file describes. */
  readonly standalone: boolean;
}

export type WorkerCount = number | 'auto';

/** Where a standalone node that was told nothing goes. */
export interface FreeAddresses {
  /** For clients. */
  listen(): Promise<Address>;
  /** The first of so many ports in a row, for its workers. */
  peerListen(workers: number): Promise<Address>;
  /** As many workers as `auto` means. */
  readonly cores: number;
}

export const standaloneId = 'n1';
/** Apart from the folders of `up`, whose n1 belongs to another cluster. */
const standaloneDataRoot = join(defaultDataRoot, 'standalone');

/**
 * Puts command line and file together: what this process serves, or, for a node with workers, what its first worker
 * does. Throws `CONFIG_INVALID` or `UsageFailure`.
 */
export async function serveSettings(options: ServeOptions, free: FreeAddresses): Promise<ServeSettings> {
  const asked = options.workers === 'auto' ? Math.min(free.cores, limits.workersMax) : options.workers;
  if (options.id === undefined && options.config === undefined) {
    return standalone(options, asked ?? 1, free);
  }
  const settings = await readNodesFile(nodesFilePath(options.config ?? defaultConfigPath));
  const id = options.id ?? onlyId(settings);
  const node = nodeOf(settings, id);
  refuseWorkerAlone(node, options);
  const workers = workersOfNode(settings, node).length;
  if (asked !== undefined && asked !== workers) {
    const file = settings.path ?? defaultConfigPath;
    throw new UsageFailure(
      `--workers ${options.workers === 'auto' ? `auto is ${asked} here` : asked}, and ${file} gives ${id} ${workers}: the other ` +
        `nodes must know them, so write "workers": ${asked} at ${id} in the file of every node.`,
    );
  }
  return merged(settings, options, workerOf(settings, node, options.worker));
}

async function standalone(
  options: ServeOptions,
  workers: number,
  free: FreeAddresses,
): Promise<ServeSettings> {
  if (options.peerListen !== undefined && workers === 1) {
    throw new UsageFailure('--peer-listen needs --workers or a nodes file: a node alone has no peers.');
  }
  const listen = options.listen ?? (await free.listen());
  const peerListen = options.peerListen ?? (workers > 1 ? await free.peerListen(workers) : undefined);
  const entry = {
    id: checkedId(standaloneId),
    addr: listen,
    workers,
    ...(workers > 1 && { peerAddr: peerListen && localAddressOf(peerListen) }),
  };
  const [problem] = workerProblems(entry);
  if (problem !== undefined) throw new UsageFailure(`--peer-listen: ${problem}.`);
  const settings = singleNodeSettings(entry);
  const dataDir = options.dataDir ?? join(standaloneDataRoot, standaloneId);
  const given = { ...options, listen, dataDir, ...(peerListen && { peerListen }) };
  return merged(settings, given, workerOf(settings, nodeOf(settings, standaloneId), options.worker));
}

/** The worker of that number of a node; the first, or the node itself, unless told. */
function workerOf(settings: ClusterSettings, node: ClusterNode, number = 1): ClusterNode {
  const workers = workersOfNode(settings, node);
  const worker = workers[number - 1];
  if (worker !== undefined) return worker;
  throw new UsageFailure(`--worker ${number}: ${node.id} has ${workers.length} of them.`);
}

function refuseWorkerAlone(node: ClusterNode, options: ServeOptions): void {
  const { worker } = node;
  if (worker === undefined || worker.number === 1) return;
  throw new UsageFailure(
    `${options.id ?? node.id} is a worker of ${worker.node}, which starts all of its workers: serve --id ${worker.node}`,
  );
}

function merged(settings: ClusterSettings, options: ServeOptions, node: ClusterNode): ServeSettings {
  const { worker } = node;
  if (options.peerListen !== undefined && node.peerAddress === undefined && worker === undefined) {
    throw new UsageFailure(
      `--peer-listen needs a "peerAddr" of ${node.id} in the nodes file, for its peers to connect to.`,
    );
  }
  const root = options.dataDir ?? join(defaultDataRoot, worker?.node ?? node.id);
  return {
    config: nodeConfigOf(
      options.antiEntropy === false ? { ...settings, antiEntropy: false } : settings,
      node.id,
    ),
    node,
    nodes: settings.nodes,
    ...(worker === undefined ? listenAlone(options, node) : listenAsWorker(options, node, worker)),
    workers: workersOfNode(settings, node).length,
    dataDirectory: workerDirectory(root, worker?.number ?? 1),
    durability: options.durability ?? settings.durability,
    engine: options.engine ?? settings.engine,
    peerTls: peerTlsFor(node, settings.peerTls, options),
    warnings: settings.warnings,
    standalone: settings.path === undefined,
  };
}

type Listening = Pick<ServeSettings, 'listen' | 'peerListen' | 'sharedListen'>;

function listenAlone(options: ServeOptions, node: ClusterNode): Listening {
  return {
    listen: options.listen ?? node.address,
    peerListen: options.peerListen ?? node.peerAddress,
    sharedListen: undefined,
  };
}

function listenAsWorker(
  { listen, peerListen }: ServeOptions,
  node: ClusterNode,
  worker: WorkerPlace,
): Listening {
  if (listen?.port === 0) {
    throw new UsageFailure(
      '--listen needs a port for several workers: any free one would be another for each.',
    );
  }
  if (peerListen?.port === 0) {
    throw new UsageFailure('--peer-listen needs a port for several workers: their peers must know it.');
  }
  return {
    listen:
      peerListen === undefined
        ? node.address
        : { host: peerListen.host, port: peerListen.port + worker.number - 1 },
    peerListen: undefined,
    sharedListen: listen ?? worker.sharedAddress,
  };
}

function onlyId(settings: ClusterSettings): string {
  const nodes = startedNodes(settings);
  const [only, ...others] = nodes;
  if (only !== undefined && others.length === 0) return only.id;
  const ids = nodes.map((node) => node.id).join(', ');
  throw new UsageFailure(
    `${settings.path ?? 'The nodes file'} has several nodes: say which one this is with --id (${ids}).`,
  );
}

function checkedId(id: string): ClusterNode['id'] {
  if (!isNodeId(id)) throw new UsageFailure(`${JSON.stringify(id)} is no node id.`);
  return id;
}
