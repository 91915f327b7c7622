/**
 * Rounds of: 64 connections write, all nodes die at a random instant, all come back, every write that was
 * acknowledged must be there with its value.
 *
 * Every value is unique, so a value of another write, or of an earlier round, is seen as such. A write that
 * was not acknowledged may be there or not; only its key's being absent or holding its own value is right.
 */

import { Agent } from 'node:http';

import { KeyClient, hasStatus, statusText } from '../../src/cli/key-client.ts';
import { ThrowawayCluster } from '../../src/cli/throwaway-cluster.ts';

const connections = 64;
const killAfterMsMin = 200;
const killAfterMsMax = 2_000;
/** Values of many lengths, so that batches are cut at many places. */
const valueBytesMax = 2_000;

export interface RoundReport {
  readonly round: number;
  readonly killedAfterMs: number;
  readonly acknowledged: number;
  /** Not acknowledged: refused, cut off, or never answered. */
  readonly unknown: number;
  readonly restartMs: number;
}

/** Runs the rounds; throws with the key and the folder of the cluster at the first write that is lost. */
export async function killAllRounds(options: {
  readonly rounds: number;
  readonly settings?: Readonly<Record<string, unknown>>;
  readonly onRound?: (report: RoundReport) => void;
}): Promise<readonly RoundReport[]> {
  const cluster = await ThrowawayCluster.create({
    nodes: 3,
    ...(options.settings === undefined ? {} : { settings: options.settings }),
  });
  try {
    const reports = await playRounds(cluster, options);
    await cluster.remove();
    return reports;
  } catch (error) {
    // The folder stays for a look; the nodes would only go on writing to it.
    await cluster.kill(...cluster.ids);
    throw error;
  }
}

async function playRounds(
  cluster: ThrowawayCluster,
  options: { readonly rounds: number; readonly onRound?: (report: RoundReport) => void },
): Promise<readonly RoundReport[]> {
  const everAcknowledged = new Map<string, string>();
  const reports: RoundReport[] = [];
  await cluster.start();
  await cluster.connected();
  for (let round = 1; round <= options.rounds; round++) {
    const { report, acknowledged } = await oneRound(cluster, round);
    for (const [key, value] of acknowledged) everAcknowledged.set(key, value);
    reports.push(report);
    options.onRound?.(report);
  }
  // What an early round wrote has been through all later deaths as well.
  await readBack(cluster, everAcknowledged);
  return reports;
}

async function oneRound(
  cluster: ThrowawayCluster,
  round: number,
): Promise<{ readonly report: RoundReport; readonly acknowledged: ReadonlyMap<string, string> }> {
  const killAfterMs = killAfterMsMin + Math.random() * (killAfterMsMax - killAfterMsMin);
  const written = writeUntilDead(cluster, round);
  await new Promise((resolve) => setTimeout(resolve, killAfterMs));
  await cluster.kill(...cluster.ids);
  const { acknowledged, unknown } = await written;
  const restartedAt = performance.now();
  await cluster.start();
  await cluster.connected();
  const restartMs = Math.round(performance.now() - restartedAt);
  await readBack(cluster, acknowledged);
  const report = {
    round,
    killedAfterMs: Math.round(killAfterMs),
    acknowledged: acknowledged.size,
    unknown,
    restartMs,
  };
  return { report, acknowledged };
}

async function writeUntilDead(
  cluster: ThrowawayCluster,
  round: number,
): Promise<{ readonly acknowledged: ReadonlyMap<string, string>; readonly unknown: number }> {
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  const clients = cluster.nodes.map((node) => new KeyClient(node.address, agent));
  const acknowledged = new Map<string, string>();
  let unknown = 0;
  async function write(connection: number): Promise<void> {
    const client = clients[connection % clients.length];
    if (client === undefined) return;
    for (let index = 0; ; index++) {
      const key = `r${round}/c${connection}/${index}`;
      const value = `${key}=${'x'.repeat(Math.floor(Math.random() * valueBytesMax))}`;
      const reply = await client.put(key, value);
      if (hasStatus(reply, 204)) acknowledged.set(key, value);
      else unknown += 1;
      // The nodes die together, so a connection that breaks is the end of this round's writes.
      if (reply.kind !== 'answered') return;
    }
  }
  await Promise.all(Array.from({ length: connections }, (_, connection) => write(connection)));
  agent.destroy();
  return { acknowledged, unknown };
}

async function readBack(cluster: ThrowawayCluster, expected: ReadonlyMap<string, string>): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  const clients = cluster.nodes.map((node) => new KeyClient(node.address, agent));
  const entries = expected.entries();
  const lost: string[] = [];
  async function read(reader: number): Promise<void> {
    const client = clients[reader % clients.length];
    if (client === undefined) return;
    for (const [key, value] of entries) {
      const reply = await client.get(key);
      if (hasStatus(reply, 200) && reply.body.toString() === value) continue;
      lost.push(`${key}: ${hasStatus(reply, 200) ? 'another value' : statusText(reply)}`);
    }
  }
  await Promise.all(Array.from({ length: connections }, (_, reader) => read(reader)));
  agent.destroy();
  if (lost.length > 0) {
    throw new Error(
      `${lost.length} of ${expected.size} acknowledged writes are not read back, first ${lost.slice(0, 3).join('; ')}. ` +
        `Data and logs are left in ${cluster.folder}.`,
    );
  }
}
