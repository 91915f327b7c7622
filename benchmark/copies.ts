/**
 * On how many nodes each key lies, once a cluster of five with N = 3 has healed: two nodes are killed in turn while
 * keys are written, so that many copies are missed and some lie with fallbacks.
 *
 *   node benchmark/copies.ts --keys 100000
 *
 * Ends with 1 when a key has another number of copies, or copies that differ.
 */

import { parseArgs } from 'node:util';

import { z } from 'zod';

import { formatAddress } from '../src/cli/address.ts';
import { ThrowawayCluster } from '../src/cli/throwaway-cluster.ts';
import { prefill } from './load.ts';

const { values } = parseArgs({ options: { keys: { type: 'string', default: '100000' } } });
const keys = Number(values.keys);
const nodes = 5;
const replicas = 3;
const levelBoundMs = 300_000;

const statusSchema = z.object({ level: z.boolean() });
const hintsSchema = z.object({ count: z.number() });
const pageSchema = z.object({
  keys: z.record(z.string(), z.object({ ts: z.number(), writer_id: z.string() })),
  next: z.string().nullable(),
});

const cluster = await ThrowawayCluster.create({ nodes });
try {
  await cluster.start(...cluster.ids);
  await cluster.connected();
  const part = Math.ceil(keys / 3);
  await write(part, cluster.ids);
  for (const victim of ['n5', 'n2']) {
    await cluster.kill(victim);
    await write(
      victim === 'n5' ? 2 * part : keys,
      cluster.ids.filter((id) => id !== victim),
    );
    await cluster.start(victim);
    // A node that has just started takes writes once it has found its peers.
    await cluster.connected();
  }
  const startedAt = performance.now();
  await untilHealed();
  console.error(`… healed ${Math.round(performance.now() - startedAt)} ms after the last node came back`);
  process.exitCode = report(await copiesOfKeys());
} finally {
  await cluster.remove();
}

/** Writes the first so many keys (anew) through these nodes. */
async function write(count: number, ids: readonly string[]): Promise<void> {
  const urls = ids.map(urlOf);
  const { errors } = await prefill({ urls, connections: 64, keys: count, valueBytes: 100 });
  if (errors.size > 0) console.error('… not answered with success:', Object.fromEntries(errors));
}

/** For each key the versions that nodes hold of it. */
async function copiesOfKeys(): Promise<Map<string, string[]>> {
  const copies = new Map<string, string[]>();
  for (const id of cluster.ids) {
    let after: string | null = null;
    do {
      const page: z.infer<typeof pageSchema> = pageSchema.parse(
        await json(id, '/internal/keys', after === null ? {} : { after }),
      );
      for (const [key, { ts, writer_id: writer }] of Object.entries(page.keys)) {
        const versions = copies.get(key) ?? [];
        versions.push(`${ts} ${writer}`);
        copies.set(key, versions);
      }
      after = page.next;
    } while (after !== null);
  }
  return copies;
}

function report(copies: ReadonlyMap<string, readonly string[]>): number {
  const byCount = new Map<number, number>();
  let differing = 0;
  for (const versions of copies.values()) {
    byCount.set(versions.length, (byCount.get(versions.length) ?? 0) + 1);
    if (new Set(versions).size > 1) differing++;
  }
  console.log(JSON.stringify({ keys: copies.size, keysByCopies: Object.fromEntries(byCount), differing }));
  return byCount.get(replicas) === keys && byCount.size === 1 && differing === 0 ? 0 : 1;
}

async function untilHealed(): Promise<void> {
  const endsAt = performance.now() + levelBoundMs;
  for (;;) {
    const pages = await Promise.all(
      cluster.ids.map(async (id) => ({
        level: statusSchema.parse(await json(id, '/debug/ae')).level,
        hints: hintsSchema.parse(await json(id, '/debug/hints')).count,
      })),
    );
    if (pages.every((page) => page.level && page.hints === 0)) return;
    if (performance.now() > endsAt) throw new Error(`not healed within ${levelBoundMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

function urlOf(id: string): URL {
  return new URL(`http://${formatAddress(cluster.node(id).address)}`);
}

/** A page of a node; with a body it is posted. */
async function json(id: string, path: string, body?: unknown): Promise<unknown> {
  const init = body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) };
  const answer = await fetch(new URL(path, urlOf(id)), init);
  if (!answer.ok) throw new Error(`${path} at ${id} answered ${answer.status}: ${await answer.text()}`);
  return await answer.json();
}
