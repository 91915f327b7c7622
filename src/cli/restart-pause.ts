/**
 * How long to wait before a worker that ended is started again: at once in effect the first time, then twice as long
 * each time that it ends soon after its start.
 */

import { limits } from '../core/limits.ts';

/** The pause after it ended so many times in a row without having lived for `workerStableMs`. */
export function restartPauseMs(failures: number): number {
  const { workerRestartMsMin, workerRestartMsMax } = limits;
  return Math.min(workerRestartMsMin * 2 ** Math.min(Math.max(failures, 0), 30), workerRestartMsMax);
}
