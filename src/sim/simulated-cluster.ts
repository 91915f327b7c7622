/**
 * A simulated cluster as the story of an application's test sees it: clients, and ways to make it fail.
 *
 * Nothing fails by itself. Times are virtual milliseconds.
 */

import type { NodeId } from '../core/config.ts';
import { StoreError } from '../core/errors.ts';
import type { SimClient } from './sim-client.ts';
import type { SimCluster } from './sim-cluster.ts';
import type { SimNode } from './sim-node.ts';
import type { SimRandom } from './sim-random.ts';
import { SimulatedClient } from './simulated-client.ts';
import type { World } from './simulation.ts';

/** A node may have to wait a second for its own clock. */
const startWithinMicros = 30_000_000;
const healthyMicros = 30_000_000;

export class SimulatedCluster {
  readonly #world: World;
  readonly #cluster: SimCluster;
  readonly #client: SimClient;
  readonly #random: SimRandom;

  constructor(options: { readonly world: World; readonly cluster: SimCluster; readonly client: SimClient }) {
    this.#world = options.world;
    this.#cluster = options.cluster;
    this.#client = options.client;
    this.#random = options.world.random.fork('story');
  }

  /** The names of all nodes: `n1`, `n2`, … */
  get nodes(): readonly string[] {
    return this.#cluster.nodes.map((node) => node.id);
  }

  /** Virtual milliseconds since the simulation began. */
  get nowMs(): number {
    return this.#world.scheduler.nowMicros / 1000;
  }

  /** A number in [0, 1) drawn from the seed, in place of `Math.random`. */
  random(): number {
    return this.#random.next() / 2 ** 32;
  }

  /** Resolves after so much virtual time. */
  sleep(durationMs: number): Promise<void> {
    return this.#world.sleep(durationMs * 1000);
  }

  /** A client that asks one node, or for each request any that runs. */
  client(node?: string): SimulatedClient {
    const only = node === undefined ? undefined : this.#nodeNamed(node);
    return new SimulatedClient(this.#client, () => only ?? this.#anyThatRuns());
  }

  /** The nodes that hold a key, in the order of preference. */
  ownersOf(key: string): readonly string[] {
    const api = this.#cluster.nodes.find((node) => node.api !== undefined)?.api;
    if (api === undefined)
      throw new StoreError('NOT_READY', 'no node runs that could tell the owners of a key');
    return api.placementOf(new TextEncoder().encode(key)).owners;
  }

  isRunning(node: string): boolean {
    return this.#nodeNamed(node).isServing;
  }

  /** Ends a process as SIGKILL does. Its disk keeps what was written. */
  crash(node: string): void {
    this.#nodeNamed(node).crash({ kind: 'killed', unsynced: 'lose' });
  }

  /** Takes the power from one node, or from all at once: what no sync had made durable is gone. */
  losePower(node?: string): void {
    if (node === undefined) this.#cluster.powerLoss('lose');
    else this.#nodeNamed(node).crash({ kind: 'powerLost', unsynced: 'lose' });
  }

  /** Starts one node that is down, or all that are; resolves once they serve. */
  async restart(node?: string): Promise<void> {
    const nodes = node === undefined ? this.#cluster.nodes : [this.#nodeNamed(node)];
    const allServe = (): boolean => {
      for (const one of nodes) this.#cluster.start(one);
      return nodes.every((one) => one.isServing);
    };
    if (await this.#cluster.waitUntil(allServe, startWithinMicros)) return;
    const down = nodes.filter((one) => !one.isServing).map((one) => one.id);
    throw new StoreError(
      'INTERNAL',
      `${down.join(', ')} did not start: ${this.#cluster.failedStarts.join('; ')}`,
    );
  }

  /** Stops the process for a while, as a long collection or SIGSTOP does; `resume` ends it. */
  pause(node: string): void {
    this.#nodeNamed(node).scope?.pause();
  }

  resume(node: string): void {
    const { scope } = this.#nodeNamed(node);
    if (scope?.isPaused === true) scope.resume();
  }

  /** Cuts all links between two groups of nodes; the second is everyone else unless told. Clients still reach all. */
  partition(left: readonly string[], right?: readonly string[]): void {
    const idsOf = (names: readonly string[]): NodeId[] => names.map((name) => this.#nodeNamed(name).id);
    const others = this.nodes.filter((name) => !left.includes(name));
    this.#cluster.network.partition(idsOf(left), idsOf(right ?? others));
  }

  /** Ends all partitions. Nodes find each other again within seconds: see `untilHealthy`. */
  heal(): void {
    this.#cluster.network.heal();
  }

  /** Waits until every node runs, sees all others, and keeps no hint: after that replicas agree on what was written. */
  async untilHealthy(): Promise<void> {
    const isHealthy = (): boolean =>
      this.#cluster.nodes.every(
        ({ api, store }) => api?.peers().every((peer) => peer.up) === true && store?.hints().length === 0,
      );
    if (await this.#cluster.waitUntil(isHealthy, healthyMicros)) return;
    throw new StoreError(
      'NOT_READY',
      'the cluster did not become healthy: is a node down, paused or cut off?',
    );
  }

  #nodeNamed(name: string): SimNode {
    const node = this.#cluster.nodes.find(({ id }) => id === name);
    if (node !== undefined) return node;
    throw new StoreError('UNKNOWN_NODE', `there is no node ${name}; there are ${this.nodes.join(', ')}`);
  }

  #anyThatRuns(): SimNode {
    const running = this.#cluster.nodes.filter((node) => node.isServing);
    return this.#random.pick(running.length > 0 ? running : this.#cluster.nodes);
  }
}
