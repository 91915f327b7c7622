/** `mini-dynamo up`: all nodes of `nodes.json` in the background, and what to try with them. */

import { bringUp, defaultStartWaitMs, waitUntilConnected, waitUntilReady } from './bring-up.ts';
import { addressesOf, clientAddressOf, startedNodes } from './cluster-settings.ts';
import { clusterCommand, urlOf, waitOption, withExamples } from './command-options.ts';
import { openLocalCluster, processOf, type ClusterLocation, type LocalCluster } from './local-cluster.ts';
import { formatTable, remark, say } from './terminal.ts';

interface UpOptions extends ClusterLocation {
  readonly wait: number;
}

export const upCommand = withExamples(
  clusterCommand('up')
    .description(
      'start every node of the cluster in the background and wait until they are ready and see each other',
    )
    .addOption(waitOption('how long to wait for them', defaultStartWaitMs))
    .action(up),
  [
    ['up', 'the nodes of ./nodes.json, data in ./data'],
    ['up --config five.json --data-dir /var/lib/shop', 'another cluster'],
  ],
);

async function up(options: UpOptions): Promise<void> {
  const cluster = await openLocalCluster(options);
  cluster.settings.warnings.forEach(remark);
  const nodes = startedNodes(cluster.settings);
  const { started, alreadyRunning } = await bringUp(cluster, nodes, options.wait);
  await waitUntilReady(cluster.settings.nodes, options.wait);
  // Quorums can be met already: this is worth telling, but no failure.
  (await waitUntilConnected(cluster.settings.nodes, options.wait)).forEach(remark);
  if (started.length === 0) say(`All ${alreadyRunning.length} nodes are already running.`);
  say(await runningTable(cluster));
  whatToTry(cluster).forEach(say);
}

async function runningTable(cluster: LocalCluster): Promise<string> {
  const rows = await Promise.all(
    cluster.settings.nodes.map(async (node) => {
      const running = await processOf(cluster, node);
      return [node.id, addressesOf(node), String(running?.pid ?? '-'), 'ready'];
    }),
  );
  return formatTable([['NODE', 'ADDRESS', 'PID', 'STATE'], ...rows]);
}

function whatToTry(cluster: LocalCluster): readonly string[] {
  const nodes = startedNodes(cluster.settings);
  const [first, second = first] = nodes;
  if (first === undefined || second === undefined) return [];
  const last = nodes.at(-1) ?? first;
  // Started by an npm script (or make), the program itself need not be on the path.
  const program = process.env['npm_lifecycle_event'] === undefined ? 'mini-dynamo' : 'npm run';
  return [
    '',
    'Try:',
    `  curl -i -X PUT --data-binary hello ${urlOf(clientAddressOf(first))}/kv/greeting`,
    `  curl -i ${urlOf(clientAddressOf(second))}/kv/greeting`,
    `  ${program} kill ${last.id}`,
    `  curl -i ${urlOf(clientAddressOf(second))}/kv/greeting      (still there, and you can write)`,
    `  ${program} start ${last.id}`,
    `  ${program} down`,
  ];
}
