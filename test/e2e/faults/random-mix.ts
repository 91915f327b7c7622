/**
 * Faults of all kinds in a random mix, drawn from a seed: what strikes the network, a node and a clock,
 * side by side.
 *
 * The seed decides which faults come, where, and how long each lasts; when packets meet them is the machine's doing, so
 * a seed that failed is likely to fail again, not certain.
 */

import { setTimeout as sleep } from 'node:timers/promises';

import type { SimRandom } from '../../../src/sim/sim-random.ts';
import { fakeClockLibrary } from './fake-clock.ts';
import type { FaultCluster } from './fault-cluster.ts';

/** One fault: it lasts until `until` has passed, and then is taken back. */
type Fault = (cluster: FaultCluster, random: SimRandom, lastsMs: number) => Promise<string>;

const hourMs = 3_600_000;

const networkFaults: readonly Fault[] = [
  async (cluster, random, lastsMs) => {
    const id = random.pick(cluster.ids);
    await cluster.network.isolate(id);
    await sleep(lastsMs);
    return `${id} was cut off`;
  },
  async (cluster, random, lastsMs) => {
    const [from, to] = twoOf(cluster, random);
    await cluster.network.hurt(from, to, { kind: 'drop' });
    await sleep(lastsMs);
    return `nothing came from ${from} to ${to}`;
  },
  async (cluster, random, lastsMs) => {
    const [from, to] = twoOf(cluster, random);
    const percent = random.between(5, 60);
    await cluster.network.hurt(from, to, { kind: 'loss', percent });
    await sleep(lastsMs);
    return `${percent} % from ${from} to ${to} was lost`;
  },
  async (cluster, random, lastsMs) => {
    const [from, to] = twoOf(cluster, random);
    await cluster.network.hurt(from, to, { kind: 'reset' });
    await sleep(lastsMs);
    return `connections from ${from} to ${to} were reset`;
  },
  async (cluster, random, lastsMs) => {
    const id = random.pick(cluster.ids);
    const kilobitsPerSecond = random.between(200, 4_000);
    await cluster.network.slow(id, kilobitsPerSecond);
    await sleep(lastsMs);
    return `${id} sent ${kilobitsPerSecond} kbit/s`;
  },
];

const nodeFaults: readonly Fault[] = [
  async (cluster, random, lastsMs) => {
    const id = random.pick(cluster.ids);
    await cluster.kill(id);
    await sleep(lastsMs);
    await cluster.start(id);
    return `${id} was killed and started`;
  },
  async (cluster, random, lastsMs) => {
    await Promise.all(cluster.ids.map((id) => cluster.kill(id)));
    await sleep(random.below(lastsMs));
    await Promise.all(cluster.ids.map((id) => cluster.start(id)));
    return 'all nodes were killed and started';
  },
  async (cluster, random, lastsMs) => {
    const id = random.pick(cluster.ids);
    cluster.pause(id);
    await sleep(lastsMs);
    cluster.resume(id);
    return `${id} was stopped`;
  },
  async (cluster, random, lastsMs) => {
    const id = random.pick(cluster.ids);
    const freeBytes = random.between(200_000, 800_000);
    cluster.limitDisk(id, freeBytes);
    await sleep(lastsMs);
    cluster.limitDisk(id, undefined);
    return `the disk of ${id} had ${freeBytes} bytes left`;
  },
  async (cluster, random) => {
    const id = random.pick(cluster.ids);
    const ended = await cluster.failSyncs(id);
    await cluster.start(id);
    return ended
      ? `a sync of ${id} failed, and it was started anew`
      : `no sync of ${id} could be made to fail`;
  },
];

const clockFaults: readonly Fault[] = [
  async (cluster, random, lastsMs) => {
    const id = random.pick(cluster.ids);
    const offsetMs = random.chance(300_000) ? -hourMs : random.between(-200, 200);
    cluster.setClock(id, offsetMs);
    await sleep(lastsMs);
    cluster.setClock(id, 0);
    return `the clock of ${id} was ${offsetMs} ms off`;
  },
];

/** Lets faults strike for so long, and says each when it is over. The cluster is left as the last ones left it. */
export async function strikeAtRandom(
  cluster: FaultCluster,
  random: SimRandom,
  options: { readonly seconds: number; readonly onFault: (text: string) => void },
): Promise<void> {
  const deadline = performance.now() + options.seconds * 1000;
  async function strike(
    faults: readonly Fault[],
    random: SimRandom,
    after: () => Promise<void>,
  ): Promise<void> {
    while (performance.now() < deadline) {
      await sleep(random.between(100, 700));
      const lastsMs = random.between(200, 1_800);
      const startedMs = performance.now();
      const text = await random.pick(faults)(cluster, random, lastsMs);
      await after();
      options.onFault(`${text}, ${Math.round(performance.now() - startedMs)} ms`);
    }
  }
  const nothing = (): Promise<void> => Promise.resolve();
  const lanes = [
    strike(networkFaults, random.fork('network'), () => cluster.network.heal()),
    strike(nodeFaults, random.fork('nodes'), nothing),
  ];
  if (fakeClockLibrary() !== undefined) lanes.push(strike(clockFaults, random.fork('clocks'), nothing));
  await Promise.all(lanes);
}

function twoOf(cluster: FaultCluster, random: SimRandom): readonly [string, string] {
  const one = random.pick(cluster.ids);
  return [one, random.pick(cluster.ids.filter((id) => id !== one))];
}
