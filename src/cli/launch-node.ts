/**
 * Starts one node of the local cluster as a background process, and waits until it answers.
 *
 * The process is detached: it outlives the command and its terminal. A start ends in one of four ways, each
 * with what a person needs to go on; a node that is merely slow is left to go on starting.
 */

import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';

import { formatAddress } from './address.ts';
import { bindErrorOf } from './bind-error.ts';
import { nameOf, workersOfNode, type ClusterNode } from './cluster-settings.ts';
import { childEnvironment } from './compile-cache.ts';
import { dataDirectoryOf, healthOf, mainProcessOf, type LocalCluster } from './local-cluster.ts';
import { lastLines, logPathOf, prepareLog, sizeOf } from './node-log.ts';
import { heapFlags, mainPath } from './program-process.ts';
import { waitUntil } from './wait-until.ts';

/** Lines of its log that are shown when a node did not start. */
const shownLogLines = 15;

export interface Launch {
  readonly node: ClusterNode;
  readonly pid: number;
  /** Resolves once the node answers, has ended, or `boundMs` have passed. */
  waitForAnswer(boundMs: number): Promise<LaunchOutcome>;
}

export type LaunchOutcome = { readonly ok: true } | { readonly ok: false; readonly message: string };

/** Why an address of a node or its workers cannot be bound now; undefined when all can. */
export async function portProblem(cluster: LocalCluster, node: ClusterNode): Promise<string | undefined> {
  const own = workersOfNode(cluster.settings, node).flatMap((worker) => [worker.address, worker.peerAddress]);
  for (const address of [node.worker?.sharedAddress, ...own]) {
    if (address === undefined) continue;
    const code = await bindErrorOf(address);
    const text = formatAddress(address);
    if (code === undefined) continue;
    if (code === 'EADDRINUSE') {
      return `${text}, the address of ${node.id}, is in use by another program: stop that, or give ${node.id} another address`;
    }
    return `${text}, the address of ${node.id}, cannot be bound on this machine (${code}): all nodes of a local cluster run here`;
  }
  return undefined;
}

/** Whether the node answers, each of its workers where it has them. */
async function allAnswer(cluster: LocalCluster, node: ClusterNode): Promise<boolean> {
  const answers = await Promise.all(workersOfNode(cluster.settings, node).map(healthOf));
  return answers.every(({ kind }) => kind !== 'silent');
}

/** Starts the process of a node that does not run. */
export async function launchNode(cluster: LocalCluster, node: ClusterNode): Promise<Launch> {
  const dataDirectory = dataDirectoryOf(cluster, node);
  const logStart = await prepareLog(dataDirectory);
  const child = spawnNode(cluster, node, dataDirectory);
  const logPath = logPathOf(dataDirectory);

  async function failure(what: string): Promise<LaunchOutcome> {
    const lines = await lastLines(logPath, {
      count: shownLogLines,
      since: logStart,
      until: await sizeOf(logPath),
    });
    const said = lines.length === 0 ? ['(it wrote nothing)'] : lines;
    return {
      ok: false,
      message: [
        `${nameOf(node)} ${what}. Its log, ${logPath}, ends:`,
        ...said.map((line) => `  ${line}`),
      ].join('\n'),
    };
  }

  return {
    node,
    pid: child.pid ?? 0,
    async waitForAnswer(boundMs) {
      let answered = false;
      await waitUntil(
        async () => {
          if (hasEnded(child)) return true;
          // Another process may hold the port: only an answer of this very process counts.
          answered =
            (await mainProcessOf(cluster, node))?.pid === child.pid && (await allAnswer(cluster, node));
          return answered;
        },
        { boundMs },
      );
      if (answered) return { ok: true };
      if (hasEnded(child)) return failure(`did not start (${endOf(child)})`);
      return failure(
        `has not answered within ${Math.round(boundMs / 1000)} s and is still starting (pid ${child.pid ?? 0})`,
      );
    },
  };
}

function spawnNode(cluster: LocalCluster, node: ClusterNode, dataDirectory: string): ChildProcess {
  const log = openSync(logPathOf(dataDirectory), 'a');
  try {
    const child = spawn(
      process.execPath,
      [
        ...heapFlags,
        mainPath(),
        'serve',
        '--id',
        node.id,
        '--config',
        cluster.configPath,
        '--data-dir',
        dataDirectory,
      ],
      { detached: true, windowsHide: true, stdio: ['ignore', log, log], env: childEnvironment() },
    );
    child.on('error', () => undefined);
    child.unref();
    return child;
  } finally {
    closeSync(log);
  }
}

function hasEnded(child: ChildProcess): boolean {
  return child.pid === undefined || child.exitCode !== null || child.signalCode !== null;
}

function endOf(child: ChildProcess): string {
  if (child.signalCode !== null) return `ended by ${child.signalCode}`;
  return child.exitCode === null ? 'no process could be made' : `exit code ${child.exitCode}`;
}
