/**
 * A worker as a process of its own: the same command line with the number of the worker behind it, and a channel
 * by which it says that it serves and is asked to stop.
 *
 * The channel closes when the process that started it is gone, however it went; the worker then ends as well
 * (`worker-channel.ts`), so that no worker outlives its node.
 */

import { fork } from 'node:child_process';

import { childEnvironment } from './compile-cache.ts';
import { heapFlags, mainPath } from './program-process.ts';
import { isServing, stopRequest } from './worker-channel.ts';
import type { WorkerEvents, WorkerProcess } from './worker-supervisor.ts';

/** Starts a worker with this command line. */
export function launchWorker(commandLine: readonly string[], events: WorkerEvents): WorkerProcess {
  const child = fork(mainPath(), commandLine, {
    execArgv: [...heapFlags],
    env: childEnvironment(),
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    serialization: 'json',
  });
  child.on('message', (message) => {
    if (isServing(message)) events.onServing();
  });
  let hasEnded = false;
  const end = (code: number | null, signal: string | null): void => {
    if (hasEnded) return;
    hasEnded = true;
    events.onEnd({ code, signal });
  };
  child.on('exit', end);
  child.on('error', () => {
    // Also when a message cannot be sent; only a process that was never made has no end to wait for.
    if (child.pid === undefined) end(null, null);
  });
  return {
    pid: child.pid ?? 0,
    stop: () => void (child.connected && child.send(stopRequest)),
    kill: () => void child.kill('SIGKILL'),
  };
}
