/** Ends a node's process and waits until the operating system says that it is gone. */

import { runningProcess, stillRuns, type RunningProcess } from './pid-file.ts';
import { waitUntil } from './wait-until.ts';

/** Longest wait for a process to vanish after SIGKILL: the kernel needs that much only when the disk hangs. */
const killWaitMs = 5_000;

export type EndOutcome = 'not-running' | 'ended' | 'killed' | 'still-running';

/** Sends SIGKILL to the process that serves the directory. */
export async function killNode(dataDirectory: string): Promise<EndOutcome> {
  const running = await runningProcess(dataDirectory);
  return running === undefined ? 'not-running' : kill(running);
}

/** Sends SIGTERM and waits up to `boundMs` for a clean end, then SIGKILL. */
export async function stopNode(dataDirectory: string, boundMs: number): Promise<EndOutcome> {
  const running = await runningProcess(dataDirectory);
  if (running === undefined) return 'not-running';
  signal(running.pid, 'SIGTERM');
  if (await goneWithin(running, boundMs)) return 'ended';
  return kill(running);
}

async function kill(running: RunningProcess): Promise<EndOutcome> {
  signal(running.pid, 'SIGKILL');
  return (await goneWithin(running, killWaitMs)) ? 'killed' : 'still-running';
}

function goneWithin(running: RunningProcess, boundMs: number): Promise<boolean> {
  return waitUntil(async () => !(await stillRuns(running)), { boundMs });
}

function signal(pid: number, name: 'SIGTERM' | 'SIGKILL'): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    // It ended between the look and the signal, which is what was wanted.
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}
