/**
 * Clients at work: each a loop of puts, gets and deletes against any node, in bursts.
 */

import type { Dot } from '../core/dot.ts';
import { acknowledgedDot, dotRead, type History, type Operation } from './history.ts';
import { SimClient } from './sim-client.ts';
import type { SimCluster } from './sim-cluster.ts';
import type { SimRandom } from './sim-random.ts';
import type { World } from './simulation.ts';
import type { Workload } from './swarm-plan.ts';

/** The name of the so-many-th key. */
export function keyName(index: number): string {
  return `key-${index}`;
}

/** Runs all clients; resolves once each has done its operations. */
export async function runWorkload(options: {
  readonly world: World;
  readonly cluster: SimCluster;
  readonly workload: Workload;
  readonly history: History;
}): Promise<void> {
  const random = options.world.random.fork('workload');
  const clients = Array.from({ length: options.workload.clients }, (_, index) =>
    runClient(options, random.fork(`client ${index}`)),
  );
  await Promise.all(clients);
}

async function runClient(
  options: {
    readonly world: World;
    readonly cluster: SimCluster;
    readonly workload: Workload;
    readonly history: History;
  },
  random: SimRandom,
): Promise<void> {
  const { world, cluster, workload, history } = options;
  const client = new SimClient({ world, history, random: random.fork('travel') });
  const seen = new Map<string, Dot>();
  let untilPause = 0;
  for (let done = 0; done < workload.operationsPerClient; done++) {
    if (untilPause === 0) {
      untilPause = random.between(1, workload.burstMax);
      await world.sleep(random.skewed(0, workload.pauseMicrosMax));
    }
    untilPause -= 1;
    const node = random.pick(cluster.nodes);
    // Low numbers are drawn more often: a few keys are hot.
    const key = keyName(random.skewed(0, workload.keys - 1));
    const known = random.chance(workload.contextPerMillion) ? seen.get(key) : undefined;
    const context = known === undefined ? {} : { context: known };
    const kind = random.below(1_000_000);
    let operation: Operation;
    if (kind < workload.putPerMillion) {
      const valueBytes = random.skewed(workload.valueBytesMin, workload.valueBytesMax);
      operation = await client.put(node, key, valueBytes, context);
    } else if (kind < workload.putPerMillion + workload.deletePerMillion) {
      operation = await client.delete(node, key, context);
    } else operation = await client.get(node, key);
    const dot = dotRead(operation) ?? acknowledgedDot(operation);
    if (dot !== undefined) seen.set(key, dot);
  }
}
