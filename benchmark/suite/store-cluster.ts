/** Clusters of this store to measure: started as `up` starts nodes, and left alone until they know each other. */

import { z } from 'zod';

import { heapFlags, mainPath } from '../../src/cli/program-process.ts';
import { waitUntil } from '../../src/cli/wait-until.ts';
import { startCluster, type RunningServer } from '../server-process.ts';

const command = `node ${heapFlags.join(' ')} ${mainPath()} serve --id {id} --config {config} --data-dir {data}`;
const settledWithinMs = 30_000;

const peersSchema = z.object({ peers: z.array(z.object({ up: z.boolean() })) });
const antiEntropySchema = z.object({ evidence: z.object({ complete: z.boolean() }) });

/** Starts so many nodes; N = 3 and quorums of 2 from three nodes on. */
export async function startStore(nodes: number): Promise<RunningServer> {
  const server = await startCluster({ nodes, command, readyPath: '/ready' });
  const areSettled = async (): Promise<boolean> =>
    (await Promise.all(server.urls.map(isSettled))).every(Boolean);
  if (await waitUntil(areSettled, { boundMs: settledWithinMs })) return server;
  await server.stop();
  throw new Error('the nodes of the store did not find each other');
}

/** A node is ready before it has found all its peers, and before its "not found" counts as evidence. */
async function isSettled(url: URL): Promise<boolean> {
  const { peers } = peersSchema.parse(await pageOf(new URL('/debug/peers', url)));
  const { evidence } = antiEntropySchema.parse(await pageOf(new URL('/debug/ae', url)));
  return evidence.complete && peers.every(({ up }) => up);
}

async function pageOf(url: URL): Promise<unknown> {
  return await (await fetch(url)).json();
}
