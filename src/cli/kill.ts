/** `mini-dynamo kill <id>`: SIGKILL, as a crash would end the node. */

import { nodeOf, type ClusterNode } from './cluster-settings.ts';
import { clusterCommand, withExamples } from './command-options.ts';
import { CommandFailure } from './command-failure.ts';
import { killNode } from './end-process.ts';
import {
  openLocalCluster,
  processesOf,
  processOf,
  type ClusterLocation,
  type LocalCluster,
} from './local-cluster.ts';
import type { RunningProcess } from './pid-file.ts';
import { say } from './terminal.ts';

export const killCommand = withExamples(
  clusterCommand('kill')
    .description('end nodes at once (SIGKILL), as a crash would')
    .argument('<ids...>', 'the nodes to kill')
    .action(kill),
  [
    ['kill n2', 'n2 is gone; reads and writes go on'],
    ['kill n1 n2 n3', 'a power cut; nothing acknowledged is lost'],
  ],
);

async function kill(ids: readonly string[], options: ClusterLocation): Promise<void> {
  const cluster = await openLocalCluster(options);
  const nodes = [...new Set(ids)].map((id) => nodeOf(cluster.settings, id));
  const outcomes = await Promise.all(
    nodes.map(async (node) => ({ node, outcome: await killNode(await victimsOf(cluster, node)) })),
  );
  for (const { node, outcome } of outcomes) {
    if (outcome === 'still-running') throw new CommandFailure(`${node.id} did not end even by SIGKILL`);
    say(outcome === 'killed' ? `${node.id} killed` : `${node.id} was not running`);
  }
}

/** A further worker is killed by itself, and started again by its node; the first stands for the node. */
async function victimsOf(cluster: LocalCluster, node: ClusterNode): Promise<readonly RunningProcess[]> {
  if (node.worker === undefined || node.worker.number === 1) return processesOf(cluster, node);
  const running = await processOf(cluster, node);
  return running === undefined ? [] : [running];
}
