/**
 * How long to wait before dialling a peer again: exponential with "equal jitter" (half fixed, half random),
 * so that the nodes of a cluster that restarts don't dial in step.
 */

import { limits } from '../core/limits.ts';
import type { Random } from '../ports/random.ts';

/** The pause after so many failures in a row; 0 failures: a connection that was fine was lost. */
export function reconnectDelayMs(failures: number, random: Random): number {
  const ceiling = Math.min(
    limits.reconnectDelayMsMin * 2 ** Math.min(failures, 30),
    limits.reconnectDelayMsMax,
  );
  return ceiling / 2 + random.below(Math.ceil(ceiling / 2) + 1);
}
