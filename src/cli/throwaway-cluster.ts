/**
 * A cluster of real processes in a temporary folder on ports of its own, for `demo` and the end-to-end
 * tests. It never touches `./data` or the cluster of `./nodes.json`.
 */

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { bringUp, defaultStartWaitMs, waitUntilConnected } from './bring-up.ts';
import { nodeOf, startedNodes, type ClusterNode } from './cluster-settings.ts';
import { CommandFailure } from './command-failure.ts';
import { killNode, stopNode, type EndOutcome } from './end-process.ts';
import { freePorts } from './free-ports.ts';
import { KeyClient } from './key-client.ts';
import { dataDirectoryOf, openLocalCluster, processesOf, type LocalCluster } from './local-cluster.ts';

const stopWaitMs = 20_000;

export interface ThrowawayOptions {
  readonly nodes: number;
  /** Further fields of the nodes file. */
  readonly settings?: Readonly<Record<string, unknown>>;
  /** Gives each node a port of its own for its peers. */
  readonly separatePeerPorts?: boolean;
  /** Where to keep the data instead of a temporary folder, such as a small file system. */
  readonly dataRoot?: string;
}

export class ThrowawayCluster {
  readonly local: LocalCluster;
  /** Holds the nodes file and, by default, the data. */
  readonly folder: string;

  private constructor(local: LocalCluster, folder: string) {
    this.local = local;
    this.folder = folder;
  }

  /** Writes the nodes file; nothing runs yet. Nodes are n1, n2, … */
  static async create(options: ThrowawayOptions): Promise<ThrowawayCluster> {
    const folder = await mkdtemp(join(tmpdir(), 'mini-dynamo-'));
    const ports = await freePorts(options.nodes * 2);
    const peerPorts = options.separatePeerPorts === true ? ports.slice(options.nodes) : [];
    const config = join(folder, 'nodes.json');
    const file = {
      nodes: ports.slice(0, options.nodes).map((port, index) => ({
        id: `n${index + 1}`,
        addr: `127.0.0.1:${port}`,
        ...(peerPorts[index] === undefined ? {} : { peerAddr: `127.0.0.1:${peerPorts[index]}` }),
      })),
      vnodes: 64,
      n: 3,
      r: 2,
      w: 2,
      ...options.settings,
    };
    await writeFile(config, `${JSON.stringify(file, undefined, 2)}\n`);
    const local = await openLocalCluster({ config, dataDir: options.dataRoot ?? join(folder, 'data') });
    return new ThrowawayCluster(local, folder);
  }

  get nodes(): readonly ClusterNode[] {
    return this.local.settings.nodes;
  }

  get ids(): readonly string[] {
    return this.nodes.map((node) => node.id);
  }

  node(id: string): ClusterNode {
    return nodeOf(this.local.settings, id);
  }

  client(id: string): KeyClient {
    return new KeyClient(this.node(id).address);
  }

  dataDirectory(id: string): string {
    return dataDirectoryOf(this.local, this.node(id));
  }

  /** Starts all nodes, or these, and waits until they answer. */
  async start(...ids: readonly string[]): Promise<void> {
    const nodes = ids.length === 0 ? startedNodes(this.local.settings) : ids.map((id) => this.node(id));
    await bringUp(this.local, nodes, defaultStartWaitMs);
  }

  /** Waits until every node counts every other as up; throws when they do not find each other. */
  async connected(): Promise<void> {
    const amiss = await waitUntilConnected(this.nodes, defaultStartWaitMs);
    if (amiss.length > 0) throw new CommandFailure(amiss.join('\n'));
  }

  /** SIGKILL to all of these at once. */
  async kill(...ids: readonly string[]): Promise<void> {
    const running = await Promise.all(ids.map((id) => processesOf(this.local, this.node(id))));
    await killNode(running.flat());
  }

  /** SIGTERM, and SIGKILL for a node that does not end. */
  async stop(id: string): Promise<EndOutcome> {
    return stopNode(await processesOf(this.local, this.node(id)), stopWaitMs);
  }

  /** Kills what still runs and removes every trace. */
  async remove(): Promise<void> {
    await this.kill(...this.ids);
    await rm(this.local.dataRoot, { recursive: true, force: true });
    await rm(this.folder, { recursive: true, force: true });
  }
}
