/**
 * The commands of golden stories: each takes its words and answers with the lines that a reader sees.
 *
 * Answers say what a client or an operator could see, never how long something took or in which order
 * messages came, so that a story changes only when what it tells changes.
 */

import { StoreError } from '../../core/errors.ts';
import type { ReadOutcome, WriteOutcome } from '../../replica/node-api.ts';
import type { SimNode } from '../sim-node.ts';
import type { StoryCluster } from './story-cluster.ts';

type StoryCommand = (cluster: StoryCluster, words: readonly string[]) => Promise<readonly string[]>;

const unitMs: Readonly<Record<string, number>> = { ms: 1, s: 1_000, min: 60_000, h: 3_600_000 };

export const storyCommands: ReadonlyMap<string, StoryCommand> = new Map<string, StoryCommand>([
  // cluster 5 n=3 r=2 w=2 [strict]
  [
    'cluster',
    async (cluster, [nodes, ...rest]) => {
      const { n, r, w } = numbersOf(rest);
      if (n === undefined || r === undefined || w === undefined) {
        throw new StoreError('BAD_REQUEST', 'n, r and w are needed');
      }
      const quorumMode = rest.includes('strict') ? 'strict' : 'sloppy';
      await cluster.create({ nodes: Number(nodes), n, r, w, quorumMode });
      return [];
    },
  ],
  // owners cart/1
  [
    'owners',
    async (cluster, [key = '']) => {
      const { owners, fallbacks } = cluster.api(firstUp(cluster)).placementOf(bytesOf(key));
      return [owners.join(' ') + (fallbacks.length > 0 ? `, then ${fallbacks.join(' ')}` : '')];
    },
  ],
  // put n1 cart/1 apples [w=1]
  [
    'put',
    (cluster, [id, key = '', value = '', ...rest]) => {
      const { w } = numbersOf(rest);
      const request = { key: bytesOf(key), value: bytesOf(value), ...(w === undefined ? {} : { w }) };
      return unlessItDies(cluster.node(id), cluster.api(id).put(request).then(describeWrite));
    },
  ],
  // begin-put n1 cart/1 apples: a put that nobody waits for
  [
    'begin-put',
    async (cluster, [id, key = '', value = '']) => {
      void cluster.api(id).put({ key: bytesOf(key), value: bytesOf(value) });
      return [];
    },
  ],
  // delete n1 cart/1
  [
    'delete',
    (cluster, [id, key = '']) =>
      unlessItDies(
        cluster.node(id),
        cluster
          .api(id)
          .delete({ key: bytesOf(key) })
          .then(describeWrite),
      ),
  ],
  // get n1 cart/1 [r=1]
  [
    'get',
    (cluster, [id, key = '', ...rest]) => {
      const { r } = numbersOf(rest);
      const request = { key: bytesOf(key), ...(r === undefined ? {} : { r }) };
      return unlessItDies(cluster.node(id), cluster.api(id).get(request).then(describeRead));
    },
  ],
  // held cart/1: what every node has on its own disk
  [
    'held',
    async (cluster, [key = '']) => {
      const lines: string[] = [];
      for (const node of cluster.nodes) lines.push(`${node.id}: ${await heldBy(node, key)}`);
      return lines;
    },
  ],
  // hints: who keeps something for whom
  [
    'hints',
    async (cluster) => {
      const lines = cluster.nodes.flatMap(
        (node) =>
          node.api?.hints().targets.map(({ target, count }) => `${node.id} keeps ${count} for ${target}`) ??
          [],
      );
      return lines.length > 0 ? lines : ['none'];
    },
  ],
  // count n1 reads.written-back
  ['count', async (cluster, [id, counter = '']) => [String(cluster.api(id).counters()[counter] ?? 0)]],
  // health n3
  [
    'health',
    async (cluster, [id]) => {
      const health = cluster.api(id).health();
      return [health.ok ? 'ok' : health.code];
    },
  ],
  [
    'running',
    async (cluster) => [
      cluster.nodes
        .filter((node) => node.isServing)
        .map(idOf)
        .join(' ') || 'none',
    ],
  ],
  [
    'kill',
    async (cluster, ids) => {
      for (const node of cluster.nodesNamed(ids)) node.crash({ kind: 'killed', unsynced: 'lose' });
      return [];
    },
  ],
  // power-loss lose|tear: all machines at once; what was not synced is lost, or torn
  [
    'power-loss',
    async (cluster, [fate]) => {
      if (fate !== 'lose' && fate !== 'tear') throw new StoreError('BAD_REQUEST', 'lose or tear?');
      cluster.simulated.powerLoss(fate);
      return [];
    },
  ],
  [
    'start',
    async (cluster, ids) => {
      await cluster.start(cluster.nodesNamed(ids));
      return [];
    },
  ],
  [
    'pause',
    async (cluster, ids) => {
      for (const node of cluster.nodesNamed(ids)) node.scope?.pause();
      return [];
    },
  ],
  [
    'resume',
    async (cluster, ids) => {
      for (const node of cluster.nodesNamed(ids)) node.scope?.resume();
      return [];
    },
  ],
  // partition n1 | n2 n3
  [
    'partition',
    async (cluster, words) => {
      const bar = words.indexOf('|');
      const [left, right] = [words.slice(0, bar), words.slice(bar + 1)];
      cluster.simulated.network.partition(
        cluster.nodesNamed(left).map(idOf),
        cluster.nodesNamed(right).map(idOf),
      );
      return [];
    },
  ],
  [
    'heal',
    async (cluster) => {
      cluster.simulated.network.heal();
      return [];
    },
  ],
  // sleep 2s
  [
    'sleep',
    async (cluster, [duration = '']) => {
      await cluster.world.sleep(millisecondsOf(duration) * 1_000);
      return [];
    },
  ],
  // clock n3 +1h
  [
    'clock',
    async (cluster, [id, jump = '']) => {
      cluster.node(id).hardware.jump(millisecondsOf(jump));
      return [];
    },
  ],
  // disk n3 full|syncs-fail|well
  [
    'disk',
    async (cluster, [id, state]) => {
      const { disk } = cluster.node(id);
      if (state === 'full') disk.failNext({ operation: 'write', code: 'DISK_FULL', times: Infinity });
      else if (state === 'syncs-fail') disk.failNext({ operation: 'sync', times: Infinity });
      else if (state === 'well') disk.clearFaults();
      else throw new StoreError('BAD_REQUEST', 'full, syncs-fail or well?');
      return [];
    },
  ],
  // snapshot-disk n3: remembers what is durable there, for roll-back-disk
  [
    'snapshot-disk',
    async (cluster, ids) => {
      for (const node of cluster.nodesNamed(ids)) cluster.diskSnapshots.set(node.id, node.snapshotDisk());
      return [];
    },
  ],
  // roll-back-disk n3: the disk is what it was at the snapshot, as if restored from a backup
  [
    'roll-back-disk',
    async (cluster, ids) => {
      for (const node of cluster.nodesNamed(ids)) {
        const snapshot = cluster.diskSnapshots.get(node.id);
        if (snapshot === undefined) throw new StoreError('BAD_REQUEST', `no snapshot-disk of ${node.id}`);
        node.rollBackDisk(snapshot);
      }
      return [];
    },
  ],
  // replace-disk n3: by an empty one
  [
    'replace-disk',
    async (cluster, ids) => {
      for (const node of cluster.nodesNamed(ids)) node.replaceDisk();
      return [];
    },
  ],
  // incarnation n3
  ['incarnation', async (cluster, [id]) => [String(cluster.api(id).incarnation)]],
  // evidence n3: whether "nothing" from that node proves anything, and why not
  [
    'evidence',
    async (cluster, [id]) => {
      const { evidenceLost } = cluster.api(id).storage();
      return [evidenceLost === false ? 'yes' : `no, ${evidenceLost}`];
    },
  ],
]);

function describeWrite(outcome: WriteOutcome): readonly string[] {
  switch (outcome.kind) {
    case 'stored':
      return ['stored'];
    case 'unknown':
      return [`unknown, ${outcome.code}: ${outcome.acknowledged} of ${outcome.required} acknowledged`];
    case 'refused':
      return [`refused, ${outcome.code}`];
  }
}

function describeRead(outcome: ReadOutcome): readonly string[] {
  switch (outcome.kind) {
    case 'found':
      return [textOf(outcome.version.value)];
    case 'missing':
      return ['nothing'];
    case 'unavailable':
      return [`unavailable, ${outcome.code}: ${outcome.answered} of ${outcome.required} answered`];
  }
}

async function heldBy(node: SimNode, key: string): Promise<string> {
  if (node.api === undefined) return '(down)';
  const record = await node.api.local.get(bytesOf(key));
  if (record === undefined) return '-';
  return record.version.tombstone ? 'tombstone' : textOf(record.version.value);
}

/** The answer of a node, or that it died before it gave one. */
function unlessItDies(node: SimNode, answer: Promise<readonly string[]>): Promise<readonly string[]> {
  return new Promise((resolve, reject) => {
    node.scope?.onKilled(() => resolve([`no answer: ${node.id} died`]));
    answer.then(resolve, reject);
  });
}

function firstUp(cluster: StoryCluster): string | undefined {
  return cluster.nodes.find((node) => node.isServing)?.id;
}

function idOf(node: SimNode): SimNode['id'] {
  return node.id;
}

/** Words like `w=2`. */
function numbersOf(words: readonly string[]): Partial<Record<'n' | 'r' | 'w', number>> {
  return Object.fromEntries(
    words
      .filter((word) => word.includes('='))
      .map((word) => word.split('='))
      .map(([name = '', value = '']) => [name, Number(value)]),
  );
}

/** Texts like `+1h`, `-200ms` or `2s`. */
function millisecondsOf(text: string): number {
  const [, count = '', unit = ''] = /^([+-]?\d+)(ms|s|min|h)$/.exec(text) ?? [];
  const factor = unitMs[unit];
  if (factor === undefined) throw new StoreError('BAD_REQUEST', `${text} is no time like 200ms, 2s or +1h`);
  return Number(count) * factor;
}

function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function textOf(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}
