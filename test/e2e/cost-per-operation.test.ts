/**
 * What an operation costs, counted instead of timed, so that a change that makes the store slower fails a build on
 * whatever machine: calls to the system, bytes allocated, and syncs, for each operation and over all nodes.
 *
 * The budgets are in costs/cost-budgets.ts. Counting needs Linux' /proc; syncs are counted by `strace`. Where these
 * are missing or forbidden the tests say so and are skipped.
 */

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { after, before, describe, test, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { getHeapStatistics } from 'node:v8';
import { ThrowawayCluster } from '../../src/cli/throwaway-cluster.ts';
import { waitUntil } from '../../src/cli/wait-until.ts';
import { budgets, syncsOfOnePut, type CostBudget } from './costs/cost-budgets.ts';
import { CountedClient } from './costs/counted-client.ts';
import { CountedNode, countsOf, type Counts } from './costs/counted-node.ts';

/** Operations before counting, until code is compiled and keys are there, and those that are counted. */
const warmUpOperations = 2_048;
const countedOperations = 1_024;
const syncedPuts = 100;
/** A start leaves work for later: the quietest of these windows shows what always goes on. */
const idleWindows = 5;
const idleWindowMs = 600;

const skip = existsSync('/proc/self/io') ? false : 'calls are counted from /proc, which only Linux has';

describe('what an operation costs three nodes', { skip }, () => {
  let cluster: ThrowawayCluster;
  let nodes: CountedNode[] = [];
  /** What heartbeats and background loops cost in a second. */
  let idle: Counts = { reads: 0, writes: 0, heapBytes: 0 };
  before(async () => {
    cluster = await ThrowawayCluster.create({ nodes: 3 });
    nodes = cluster.ids.map((id) => new CountedNode(cluster, id));
    const answers = async (id: string): Promise<boolean> =>
      (await cluster.client(id).get('any')).kind === 'answered';
    for (const id of cluster.ids) await waitUntil(() => answers(id), { boundMs: 30_000 });
    await cluster.connected();
    idle = await idleRate(nodes);
  });
  after(async () => {
    await Promise.all(nodes.map((node) => node.stop()));
    await cluster.remove();
  });

  async function withClient(
    budget: CostBudget,
    body: (client: CountedClient) => Promise<void>,
  ): Promise<void> {
    const client = await CountedClient.connect(cluster.node('n1').address.port, budget);
    try {
      await body(client);
    } finally {
      client.close();
    }
  }

  async function costOf(budget: CostBudget): Promise<Counts> {
    let cost: Counts = { reads: Number.NaN, writes: Number.NaN, heapBytes: Number.NaN };
    await withClient(budget, async (client) => {
      await client.send(warmUpOperations / budget.pipeline);
      const startedMs = performance.now();
      const first = await countsOf(nodes);
      await client.send(countedOperations / budget.pipeline);
      const last = await countsOf(nodes);
      const seconds = (performance.now() - startedMs) / 1_000;
      const ofAll = costBetween(first, last, countedOperations);
      // On a slow machine more of the background falls on each operation.
      const share = seconds / countedOperations;
      cost = {
        reads: ofAll.reads - idle.reads * share,
        writes: ofAll.writes - idle.writes * share,
        heapBytes: ofAll.heapBytes - idle.heapBytes * share,
      };
    });
    return cost;
  }

  for (const budget of budgets) {
    test(`${budget.title} keeps to its budget`, async (context) => {
      const { reads, writes, heapBytes } = await costOf(budget);
      context.diagnostic(
        `${reads.toFixed(2)} reads, ${writes.toFixed(2)} writes, ${Math.round(heapBytes)} bytes of heap`,
      );
      assert.ok(reads <= budget.readsMax, `${reads} reads; at most ${budget.readsMax} are allowed`);
      assert.ok(writes <= budget.writesMax, `${writes} writes; at most ${budget.writesMax} are allowed`);
      if (!('total_allocated_bytes' in getHeapStatistics())) {
        context.diagnostic('this Node does not tell what was allocated: only calls were counted');
        return;
      }
      assert.ok(
        heapBytes <= budget.heapBytesMax,
        `${heapBytes} bytes of heap; at most ${budget.heapBytesMax} are allowed`,
      );
    });
  }

  test('an HTTP PUT is synced by W of its owners before it is answered, and by no owner twice', async (context) => {
    const [budget] = budgets;
    assert.ok(budget !== undefined);
    await withClient(budget, async (client) => {
      const strace = await countingSyncs(context, nodes);
      if (strace === undefined) return;
      await client.send(syncedPuts);
      const syncs = (await strace.end()) / syncedPuts;
      context.diagnostic(`${syncs} syncs`);
      // The third owner may lag, and then makes two of them durable at once. Besides, clocks move their bounds ahead.
      assert.ok(syncs >= syncsOfOnePut.min && syncs < syncsOfOnePut.max + 0.9, `${syncs} syncs`);
    });
  });
});

/** What nodes without requests do in a second. */
async function idleRate(nodes: readonly CountedNode[]): Promise<Counts> {
  const rates: Counts[] = [];
  for (let window = 0; window < idleWindows; window++) {
    const startedMs = performance.now();
    const first = await countsOf(nodes);
    await sleep(idleWindowMs);
    const last = await countsOf(nodes);
    rates.push(costBetween(first, last, (performance.now() - startedMs) / 1_000));
  }
  const least = (field: keyof Counts): number => Math.min(...rates.map((rate) => rate[field]));
  return { reads: least('reads'), writes: least('writes'), heapBytes: least('heapBytes') };
}

function costBetween(first: Counts, last: Counts, share: number): Counts {
  return {
    reads: (last.reads - first.reads) / share,
    writes: (last.writes - first.writes) / share,
    heapBytes: (last.heapBytes - first.heapBytes) / share,
  };
}

/** Counts calls of `fdatasync` from now on; undefined, and the test is skipped, where that is not allowed. */
async function countingSyncs(
  context: TestContext,
  nodes: readonly CountedNode[],
): Promise<{ readonly end: () => Promise<number> } | undefined> {
  const processes = nodes.flatMap((node) => ['-p', String(node.pid)]);
  const strace = spawn('strace', ['-f', '-e', 'trace=fdatasync', '-e', 'signal=none', ...processes], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let output = '';
  strace.stderr.setEncoding('utf8').on('data', (text: string) => (output += text));
  const ended = once(strace, 'close').catch(() => undefined);
  const attachedTo = (): number => output.match(/^strace: Process \d+ attached/gm)?.length ?? 0;
  const isReady = await Promise.race([
    ended.then(() => false),
    (async () => {
      while (attachedTo() < nodes.length) await sleep(20);
      return true;
    })(),
  ]);
  if (!isReady) {
    context.skip(`strace cannot be used here: ${output.trim().split('\n').at(-1) ?? 'it is not installed'}`);
    return undefined;
  }
  return {
    end: async () => {
      strace.kill('SIGINT');
      await ended;
      return output.match(/fdatasync\(/g)?.length ?? 0;
    },
  };
}
