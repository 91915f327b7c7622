/**
 * Starts nodes of the local cluster and waits for them: what `up`, `start`, `demo` and the tests share.
 *
 * Doing it twice is harmless: a node that runs is left alone. All addresses are looked at before the first
 * process is made, so that a port that is taken does not leave half a cluster.
 */

import type { ClusterNode } from './cluster-settings.ts';
import { nameOf } from './cluster-settings.ts';
import { CommandFailure } from './command-failure.ts';
import { launchNode, portProblem, type Launch } from './launch-node.ts';
import { healthOf, mainProcessOf, readinessOf, type LocalCluster } from './local-cluster.ts';
import { waitUntil } from './wait-until.ts';

export const defaultStartWaitMs = 60_000;

export interface BroughtUp {
  readonly started: readonly Launch[];
  readonly alreadyRunning: readonly ClusterNode[];
}

/** Throws `CommandFailure` naming each node that did not come up; the others keep running. */
export async function bringUp(
  cluster: LocalCluster,
  nodes: readonly ClusterNode[],
  waitMs: number,
): Promise<BroughtUp> {
  const alreadyRunning: ClusterNode[] = [];
  const toStart: ClusterNode[] = [];
  for (const node of nodes) {
    ((await mainProcessOf(cluster, node)) === undefined ? toStart : alreadyRunning).push(node);
  }
  const portProblems = (await Promise.all(toStart.map((node) => portProblem(cluster, node)))).filter(
    (problem) => problem !== undefined,
  );
  if (portProblems.length > 0) throw new CommandFailure(`${portProblems.join('\n')}\nNothing was started.`);

  const started: Launch[] = [];
  for (const node of toStart) started.push(await launchNode(cluster, node));
  const outcomes = await Promise.all([
    ...started.map((launch) => launch.waitForAnswer(waitMs)),
    ...alreadyRunning.map((node) => waitForRunning(node, waitMs)),
  ]);
  const failures = outcomes.flatMap((outcome) => (outcome.ok ? [] : [outcome.message]));
  if (failures.length > 0) throw new CommandFailure(failures.join('\n'));
  return { started, alreadyRunning };
}

/** Waits until every node can meet both quorums; throws `CommandFailure` with what they say instead. */
export async function waitUntilReady(nodes: readonly ClusterNode[], waitMs: number): Promise<void> {
  let waiting = new Map<ClusterNode, string>();
  const ready = await waitUntil(
    async () => {
      const answers = await Promise.all(
        nodes.map(async (node) => ({ node, answer: await readinessOf(node) })),
      );
      waiting = new Map(
        answers.flatMap(({ node, answer }) =>
          answer.kind === 'yes' ? [] : [[node, answer.message] as const],
        ),
      );
      return waiting.size === 0;
    },
    { boundMs: waitMs },
  );
  if (ready) return;
  const lines = [...waiting].map(([node, message]) => `${nameOf(node)} is not ready: ${message}`);
  throw new CommandFailure(`${lines.join('\n')}\nGave up waiting after ${Math.round(waitMs / 1000)} s.`);
}

async function waitForRunning(
  node: ClusterNode,
  waitMs: number,
): Promise<{ readonly ok: true } | { readonly ok: false; readonly message: string }> {
  const answers = await waitUntil(async () => (await healthOf(node)).kind !== 'silent', { boundMs: waitMs });
  if (answers) return { ok: true };
  return { ok: false, message: `${nameOf(node)} runs but does not answer: see mini-dynamo logs ${node.id}` };
}
