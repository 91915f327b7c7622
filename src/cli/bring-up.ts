/**
 * Starts nodes of the local cluster and waits for them: what `up`, `start`, `demo` and the tests share.
 *
 * Doing it twice is harmless: a node that runs is left alone. All addresses are looked at before the first
 * process is made, so that a port that is taken does not leave half a cluster.
 */

import { errorMessageOf } from '../core/errors.ts';
import type { ClusterNode } from './cluster-settings.ts';
import { nameOf } from './cluster-settings.ts';
import { CommandFailure } from './command-failure.ts';
import { KeyClient } from './key-client.ts';
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

/**
 * Waits until every node counts every other as up, since a write that comes before may be kept for an owner
 * that runs already. Returns what is still amiss, a sentence for each node, when they do not get so far.
 */
export async function waitUntilConnected(
  nodes: readonly ClusterNode[],
  waitMs: number,
): Promise<readonly string[]> {
  let amiss: readonly string[] = [];
  await waitUntil(
    async () => {
      amiss = (await Promise.all(nodes.map((node) => unseenBy(node, nodes)))).filter(
        (sentence) => sentence !== undefined,
      );
      return amiss.length === 0;
    },
    { boundMs: waitMs },
  );
  return amiss;
}

/** A sentence naming the nodes that one does not count as up; undefined when it sees them all. */
async function unseenBy(node: ClusterNode, nodes: readonly ClusterNode[]): Promise<string | undefined> {
  let seen: readonly string[];
  try {
    seen = await new KeyClient(node.address).peersUp();
  } catch (error) {
    return `${nameOf(node)} does not say which nodes it sees: ${errorMessageOf(error)}`;
  }
  const unseen = nodes.filter(({ id }) => id !== node.id && !seen.includes(id)).map(({ id }) => id);
  if (unseen.length === 0) return undefined;
  const logOf = node.worker?.node ?? node.id;
  return `${nameOf(node)} does not see ${unseen.join(', ')} yet: mini-dynamo logs ${logOf} has what it tried`;
}

async function waitForRunning(
  node: ClusterNode,
  waitMs: number,
): Promise<{ readonly ok: true } | { readonly ok: false; readonly message: string }> {
  const answers = await waitUntil(async () => (await healthOf(node)).kind !== 'silent', { boundMs: waitMs });
  if (answers) return { ok: true };
  return { ok: false, message: `${nameOf(node)} runs but does not answer: see mini-dynamo logs ${node.id}` };
}
