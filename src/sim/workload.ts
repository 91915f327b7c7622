/**
 * Clients at work: each a loop of puts, gets and deletes against any node, in bursts.
 */

import type { Dot } from '../core/dot.ts';
import { acknowledgedDot, dotRead, type History, type Operation } from './history.ts';
import { SimClient } from './sim-client.ts';
import { SimGathering } from './sim-gathering.ts';
import { simulationStartWallMs } from './sim-clock.ts';
import type { SimCluster } from './sim-cluster.ts';
import type { SimRandom } from './sim-random.ts';
import type { World } from './simulation.ts';
import type { Workload } from './swarm-plan.ts';
import { ZipfKeys } from './zipf-keys.ts';

/** A client that wants to see a value expire looks at it this close before or after. */
const aroundExpiryMicros = 20_000;
/** And does so only when it need not wait for longer than this. */
const expiryWaitMicrosMax = 1_000_000;

/** Requests of one pipeline. */
const pipelineMax = 12;

/** How many requests all clients have under way at most. */
export function requestsAtOnceMax({ clients, pipelinePerMillion }: Workload): number {
  return pipelinePerMillion > 0 ? clients * pipelineMax : clients;
}

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
  const keys = new ZipfKeys(options.workload.keys, options.workload.zipfExponent);
  const clients = Array.from({ length: options.workload.clients }, (_, index) =>
    runClient({ ...options, keys }, random.fork(`client ${index}`)),
  );
  await Promise.all(clients);
}

async function runClient(
  options: {
    readonly world: World;
    readonly cluster: SimCluster;
    readonly workload: Workload;
    readonly history: History;
    readonly keys: ZipfKeys;
  },
  random: SimRandom,
): Promise<void> {
  const { world, cluster, workload, history } = options;
  const client = new SimClient({ world, history, random: random.fork('travel') });
  const gathering = new SimGathering(world.scheduler);
  const seen = new Map<string, Dot>();
  let untilPause = 0;
  for (let done = 0; done < workload.operationsPerClient; done++) {
    if (untilPause === 0) {
      untilPause = random.between(1, workload.burstMax);
      await world.sleep(random.skewed(0, workload.pauseMicrosMax));
    }
    untilPause -= 1;
    // A plan without pipelines draws as it did before there were any.
    if (workload.pipelinePerMillion > 0 && random.chance(workload.pipelinePerMillion)) {
      done += (await runPipeline({ ...options, client, gathering, random })) - 1;
      continue;
    }
    const node = random.pick(cluster.nodes);
    const key = keyName(options.keys.draw(random));
    const known = random.chance(workload.contextPerMillion) ? seen.get(key) : undefined;
    const context = known === undefined ? {} : { context: known };
    const kind = random.below(1_000_000);
    let operation: Operation;
    if (kind < workload.putPerMillion) {
      const valueBytes = random.skewed(workload.valueBytesMin, workload.valueBytesMax);
      const expires = random.chance(workload.expiryPerMillion);
      const expiresMicros = world.scheduler.nowMicros + 1_000 * random.skewed(1, workload.expiryMsMax);
      const expiresAtMs = expires ? simulationStartWallMs + Math.floor(expiresMicros / 1_000) : 0;
      operation = await client.put(node, key, valueBytes, { ...context, expiresAtMs });
      if (expires) await watchExpiry(options, client, { key, expiresMicros, random });
    } else if (kind < workload.putPerMillion + workload.deletePerMillion) {
      operation = await client.delete(node, key, context);
    } else operation = await client.get(node, key);
    const dot = dotRead(operation) ?? acknowledgedDot(operation);
    if (dot !== undefined) seen.set(key, dot);
  }
}

/** Sends several puts and gets of different keys to one node, waits for all, and returns how many there were. */
async function runPipeline(options: {
  readonly cluster: SimCluster;
  readonly workload: Workload;
  readonly keys: ZipfKeys;
  readonly client: SimClient;
  readonly gathering: SimGathering;
  readonly random: SimRandom;
}): Promise<number> {
  const { cluster, workload, client, gathering: together, random } = options;
  const node = random.pick(cluster.nodes);
  const keys = new Set<string>();
  for (let left = random.between(1, pipelineMax); left > 0; left--) {
    keys.add(keyName(options.keys.draw(random)));
  }
  const operations = [...keys].map(async (key) => {
    if (!random.chance(workload.putPerMillion)) return await client.get(node, key, { together });
    const valueBytes = random.skewed(workload.valueBytesMin, workload.valueBytesMax);
    return await client.put(node, key, valueBytes, { together });
  });
  await Promise.all(operations);
  return operations.length;
}

/** Now and then a client looks at a value when it is about to expire, or has just expired. */
async function watchExpiry(
  { world, cluster }: { readonly world: World; readonly cluster: SimCluster },
  client: SimClient,
  watched: { readonly key: string; readonly expiresMicros: number; readonly random: SimRandom },
): Promise<void> {
  const { key, expiresMicros, random } = watched;
  if (random.below(4) !== 0) return;
  const atMicros = expiresMicros + random.between(-aroundExpiryMicros, aroundExpiryMicros);
  const waitMicros = atMicros - world.scheduler.nowMicros;
  if (waitMicros < 0 || waitMicros > expiryWaitMicrosMax) return;
  await world.sleep(waitMicros);
  await client.get(random.pick(cluster.nodes), key);
}
