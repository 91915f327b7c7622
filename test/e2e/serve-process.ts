/** A node of a throwaway cluster in the foreground, so that a test sees how its process ends. */

import { runningProcess } from '../../src/cli/pid-file.ts';
import type { ThrowawayCluster } from '../../src/cli/throwaway-cluster.ts';
import { waitUntil } from '../../src/cli/wait-until.ts';
import { startCommand, type CommandResult } from './run-command.ts';
import type { ChildProcess } from 'node:child_process';

export interface ServedNode {
  readonly child: ChildProcess;
  readonly ended: Promise<CommandResult>;
}

/** Starts `serve` for one node and waits until it answers; throws with its output when it ends before. */
export async function serveNode(
  cluster: ThrowawayCluster,
  id: string,
  ...options: readonly string[]
): Promise<ServedNode> {
  const dataDirectory = cluster.dataDirectory(id);
  const { child, result } = startCommand([
    'serve',
    '--id',
    id,
    '--config',
    cluster.local.configPath,
    '--data-dir',
    dataDirectory,
    ...options,
  ]);
  const answers = await waitUntil(
    async () => {
      if (child.exitCode !== null || child.signalCode !== null) return true;
      return (
        (await runningProcess(dataDirectory))?.pid === child.pid &&
        (await cluster.client(id).get('any')).kind === 'answered'
      );
    },
    { boundMs: 30_000 },
  );
  if (!answers || child.exitCode !== null || child.signalCode !== null) {
    child.kill('SIGKILL');
    const { code, stdout, stderr } = await result;
    throw new Error(`serve ${id} did not start (exit code ${code}):\n${stdout}${stderr}`);
  }
  return { child, ended: result };
}
