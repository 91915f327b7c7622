/**
 * Clients at work: each a loop of puts, gets and deletes against any node, in bursts.
 */

import type { History } from './history.ts';
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
    const kind = random.below(1_000_000);
    if (kind < workload.putPerMillion) {
      await client.put(node, key, random.skewed(workload.valueBytesMin, workload.valueBytesMax));
    } else if (kind < workload.putPerMillion + workload.deletePerMillion) await client.delete(node, key);
    else await client.get(node, key);
  }
}
