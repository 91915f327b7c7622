/** `mini-dynamo start <id>`: nodes that were killed or stopped come back. */

import { bringUp, defaultStartWaitMs } from './bring-up.ts';
import { nameOf, type ClusterNode } from './cluster-settings.ts';
import { clusterCommand, waitOption, withExamples } from './command-options.ts';
import { chosenNodes, openLocalCluster, readinessOf, type ClusterLocation } from './local-cluster.ts';
import { remark, say } from './terminal.ts';
import { waitUntil } from './wait-until.ts';

/** Nodes that are all up find each other within a second. */
const readyWaitMs = 5_000;

interface StartOptions extends ClusterLocation {
  readonly wait: number;
}

export const startCommand = withExamples(
  clusterCommand('start')
    .description('start nodes in the background and wait until they answer')
    .argument('<ids...>', 'the nodes to start')
    .addOption(waitOption('how long to wait for them', defaultStartWaitMs))
    .action(start),
  [['start n2', 'n2 comes back and is handed what it missed']],
);

async function start(ids: readonly string[], options: StartOptions): Promise<void> {
  const cluster = await openLocalCluster(options);
  cluster.settings.warnings.forEach(remark);
  const { started, alreadyRunning } = await bringUp(cluster, chosenNodes(cluster, ids), options.wait);
  for (const launch of started) say(`${nameOf(launch.node)} started, pid ${launch.pid}`);
  for (const node of alreadyRunning) say(`${nameOf(node)} is already running`);
  for (const { node } of started) await remarkUnlessReady(node);
}

/** Without its peers a node answers but cannot meet a quorum: that is their absence, not its failure. */
async function remarkUnlessReady(node: ClusterNode): Promise<void> {
  let reason = '';
  const ready = await waitUntil(
    async () => {
      const readiness = await readinessOf(node);
      if (readiness.kind !== 'yes') reason = readiness.message;
      return readiness.kind === 'yes';
    },
    { boundMs: readyWaitMs },
  );
  if (!ready) remark(`${node.id} answers, but is not ready: ${reason}`);
}
