/** Ends the processes of a node and waits until the operating system says that they are gone. */

import { stillRuns, type RunningProcess } from './pid-file.ts';
import { waitUntil } from './wait-until.ts';

/** Longest wait for processes to vanish after SIGKILL: the kernel needs that much only when the disk hangs. */
const killWaitMs = 5_000;

export type EndOutcome = 'not-running' | 'ended' | 'killed' | 'still-running';

/** Sends SIGKILL to all of them. */
export async function killNode(running: readonly RunningProcess[]): Promise<EndOutcome> {
  return running.length === 0 ? 'not-running' : kill(running);
}

/** Sends SIGTERM to the first, which ends the others, and waits up to `boundMs` for a clean end; then SIGKILL to all. */
export async function stopNode(running: readonly RunningProcess[], boundMs: number): Promise<EndOutcome> {
  const [first] = running;
  if (first === undefined) return 'not-running';
  signal(first.pid, 'SIGTERM');
  if (await goneWithin(running, boundMs)) return 'ended';
  return kill(running);
}

async function kill(running: readonly RunningProcess[]): Promise<EndOutcome> {
  for (const { pid } of running) signal(pid, 'SIGKILL');
  return (await goneWithin(running, killWaitMs)) ? 'killed' : 'still-running';
}

function goneWithin(running: readonly RunningProcess[], boundMs: number): Promise<boolean> {
  return waitUntil(
    async () => {
      const run = await Promise.all(running.map(stillRuns));
      return !run.includes(true);
    },
    { boundMs },
  );
}

function signal(pid: number, name: 'SIGTERM' | 'SIGKILL'): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    // It ended between the look and the signal, which is what was wanted.
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}
