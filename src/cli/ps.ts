/** `mini-dynamo ps`: which nodes run, as the operating system and they themselves say. */

import { addressesOf, type ClusterNode } from './cluster-settings.ts';
import { clusterCommand, withExamples } from './command-options.ts';
import {
  healthOf,
  openLocalCluster,
  processOf,
  readinessOf,
  type ClusterLocation,
  type LocalCluster,
} from './local-cluster.ts';
import { formatDuration, formatTable, say } from './terminal.ts';

export const psCommand = withExamples(
  clusterCommand('ps').description('list the nodes, their processes and whether they are ready').action(ps),
  [['ps', '']],
);

async function ps(options: ClusterLocation): Promise<void> {
  const cluster = await openLocalCluster(options);
  const rows = await Promise.all(cluster.settings.nodes.map((node) => rowOf(cluster, node)));
  say(formatTable([['NODE', 'ADDRESS', 'PID', 'UPTIME', 'STATE'], ...rows]));
}

async function rowOf(cluster: LocalCluster, node: ClusterNode): Promise<readonly string[]> {
  const [running, state] = await Promise.all([processOf(cluster, node), stateOf(node)]);
  const uptime = running === undefined ? '-' : formatDuration(Date.now() - running.startedAtMs);
  const described = running === undefined ? strangerOr(state) : state.text;
  return [node.id, addressesOf(node), String(running?.pid ?? '-'), uptime, described];
}

interface State {
  readonly answers: boolean;
  readonly text: string;
}

async function stateOf(node: ClusterNode): Promise<State> {
  const [health, readiness] = await Promise.all([healthOf(node), readinessOf(node)]);
  if (health.kind === 'silent') return { answers: false, text: `does not answer: ${health.message}` };
  if (health.kind === 'no') return { answers: true, text: `not well: ${health.message}` };
  if (readiness.kind === 'yes') return { answers: true, text: 'ready' };
  return { answers: true, text: `not ready: ${readiness.message}` };
}

/** Something else may listen on the address of a node that does not run. */
function strangerOr(state: State): string {
  return state.answers ? 'not running here, but its address answers' : 'not running';
}
