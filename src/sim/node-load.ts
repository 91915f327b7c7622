/**
 * What is under way in a simulated node: what must stay bounded, and be next to nothing once it is quiet.
 */

import type { DynamoNode } from '../replica/node.ts';
import type { Store } from '../storage/store.ts';
import type { ProcessScope } from './process-scope.ts';
import type { SimClock } from './sim-clock.ts';
import type { SimDisk } from './sim-disk.ts';

export interface NodeLoad {
  /** Client requests, and requests to peers, without an answer. */
  readonly requests: number;
  readonly calls: number;
  readonly timers: number;
  readonly openFiles: number;
  /** Events that wait for a paused process. */
  readonly waiting: number;
  readonly hintBytes: number;
  /** Bytes that wait for the log. */
  readonly logBytes: number;
  readonly segments: number;
}

/** Undefined unless the node serves. */
export function loadOf(
  life: {
    readonly node: DynamoNode | undefined;
    readonly store: Store | undefined;
    readonly clock: SimClock;
    readonly scope: ProcessScope;
  },
  disk: SimDisk,
): NodeLoad | undefined {
  const { node, store, clock, scope } = life;
  if (node === undefined || store === undefined) return undefined;
  const { segments, queuedBytes } = store.status();
  return {
    ...node.load,
    timers: clock.timers,
    openFiles: disk.openFiles,
    waiting: scope.waiting,
    hintBytes: store.hints().reduce((sum, { bytes }) => sum + bytes, 0),
    logBytes: queuedBytes,
    segments,
  };
}
