/** `mini-dynamo down`: every node is asked to stop, and ended when it does not. */

import { clusterCommand, waitOption, withExamples } from './command-options.ts';
import { CommandFailure } from './command-failure.ts';
import { stopNode } from './end-process.ts';
import { chosenNodes, openLocalCluster, processesOf, type ClusterLocation } from './local-cluster.ts';
import { say } from './terminal.ts';

/** A clean stop drains requests and writes a checkpoint: seconds, even with millions of keys. */
const defaultStopWaitMs = 20_000;

interface DownOptions extends ClusterLocation {
  readonly wait: number;
}

export const downCommand = withExamples(
  clusterCommand('down')
    .description('stop nodes cleanly (SIGTERM), by force (SIGKILL) when they take too long')
    .argument('[ids...]', 'only these nodes')
    .addOption(waitOption('how long each may take', defaultStopWaitMs))
    .action(down),
  [
    ['down', 'the whole cluster; data stays in ./data'],
    ['down n2', 'one node, cleanly'],
  ],
);

async function down(ids: readonly string[], options: DownOptions): Promise<void> {
  const cluster = await openLocalCluster(options);
  const nodes = chosenNodes(cluster, ids);
  const outcomes = await Promise.all(
    nodes.map(async (node) => ({
      node,
      outcome: await stopNode(await processesOf(cluster, node), options.wait),
    })),
  );
  const remaining: string[] = [];
  for (const { node, outcome } of outcomes) {
    switch (outcome) {
      case 'not-running':
        say(`${node.id} was not running`);
        break;
      case 'ended':
        say(`${node.id} stopped`);
        break;
      case 'killed':
        say(
          `${node.id} did not stop within ${Math.round(options.wait / 1000)} s and was killed; nothing acknowledged is lost`,
        );
        break;
      case 'still-running':
        remaining.push(node.id);
    }
  }
  if (remaining.length > 0) throw new CommandFailure(`${remaining.join(', ')} did not end even by SIGKILL`);
}
