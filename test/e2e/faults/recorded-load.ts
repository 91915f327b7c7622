/**
 * Clients at work while faults strike: each keeps to one node, and puts, gets and deletes a few keys that all share.
 *
 * Each client does one thing after the other, so that one that waits for a node that is cut off holds up nobody else.
 */

import { Agent } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

import type { Dot } from '../../../src/core/dot.ts';
import { acknowledgedDot, dotRead, History, type Operation } from '../../../src/sim/history.ts';
import type { SimRandom } from '../../../src/sim/sim-random.ts';
import type { FaultCluster } from './fault-cluster.ts';
import { RecordedClient, type RecordedNode } from './recorded-client.ts';

const clientsPerNode = 3;
const keys = 12;
const valueBytesMin = 20;
/** Some frames are cut in their midst when a connection is: they take forty packets. */
const valueBytesMax = 60_000;
const putPerMillion = 450_000;
const deletePerMillion = 100_000;
/** How many writes name the version that their client saw last. */
const contextPerMillion = 500_000;
/** Keeps three nodes and their clients at about a third of two cores, which leaves time for faults to be timely. */
const pauseMs = 5;
/** Of a client whose node does not run. */
const pauseWhileDownMs = 50;

export class RecordedLoad {
  readonly history = new History();
  readonly keys = Array.from({ length: keys }, (_, index) => `key-${index}`);
  readonly client: RecordedClient;
  readonly #agent = new Agent({ keepAlive: true });
  readonly #clients: readonly Promise<void>[];
  #stopped = false;

  /** Starts at once. */
  constructor(cluster: FaultCluster, random: SimRandom) {
    this.client = new RecordedClient(this.history, this.#agent);
    this.#clients = cluster.ids.flatMap((id) =>
      Array.from({ length: clientsPerNode }, (_, index) =>
        this.#work(cluster.node(id), random.fork(`client ${index} of ${id}`)),
      ),
    );
  }

  /** Lets every client finish what it is at. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#clients);
  }

  /** Closes the connections; nothing may be asked afterwards. */
  close(): void {
    this.#agent.destroy();
  }

  /** The id of the next operation: later ones start after now. */
  get mark(): number {
    return this.history.nextId;
  }

  /** How operations at a node ended that started since a mark: their outcomes, counted by kind, or code. */
  outcomes(id: string, since: number): ReadonlyMap<string, number> {
    const counts = new Map<string, number>();
    for (const operation of this.history.operations.slice(since - 1)) {
      const outcome = operation.end?.outcome;
      if (operation.node !== id || outcome === undefined) continue;
      for (const name of 'code' in outcome ? [outcome.kind, outcome.code] : [outcome.kind]) {
        counts.set(name, (counts.get(name) ?? 0) + 1);
      }
    }
    return counts;
  }

  async #work(node: RecordedNode, random: SimRandom): Promise<void> {
    const seen = new Map<string, Dot>();
    while (!this.#stopped) {
      const key = random.pick(this.keys);
      const context = random.chance(contextPerMillion) ? seen.get(key) : undefined;
      const operation = await this.#operate(node, key, context, random);
      const dot = dotRead(operation) ?? acknowledgedDot(operation);
      if (dot !== undefined) seen.set(key, dot);
      const isDown = operation.end?.outcome.kind === 'not-sent';
      await sleep(isDown ? pauseWhileDownMs : random.between(1, 2 * pauseMs));
    }
  }

  #operate(node: RecordedNode, key: string, context: Dot | undefined, random: SimRandom): Promise<Operation> {
    const kind = random.below(1_000_000);
    if (kind < putPerMillion) {
      return this.client.put(node, key, random.skewed(valueBytesMin, valueBytesMax), context);
    }
    if (kind < putPerMillion + deletePerMillion) return this.client.delete(node, key, context);
    return this.client.get(node, key);
  }
}
