/**
 * What a worker and the process that started it say to each other, and the worker's end of it.
 *
 * Being asked to stop twice is being asked once: a terminal and a service manager send their signals to all processes of a
 * group, and the one that started the workers asks as well.
 */

import { UsageFailure } from './command-failure.ts';

/** Asks a worker to end cleanly. */
export const stopRequest = { kind: 'stop' } as const;
const servingMessage = { kind: 'serving' } as const;

export function isServing(message: unknown): boolean {
  return kindOf(message) === servingMessage.kind;
}

export interface WorkerChannel {
  /** Says that this worker takes requests. */
  serving(): void;
}

/** Opens the worker's end. Throws `UsageFailure` when no process has started this one as a worker. */
export function openWorkerChannel(events: {
  readonly onStop: () => void;
  /** The process that started this one is gone. */
  readonly onOrphaned: () => void;
}): WorkerChannel {
  const send = process.send?.bind(process);
  if (send === undefined) {
    throw new UsageFailure('--worker is for the process that starts the workers: give --workers instead.');
  }
  process.on('message', (message) => {
    if (kindOf(message) === stopRequest.kind) events.onStop();
  });
  process.on('disconnect', events.onOrphaned);
  if (!process.connected) events.onOrphaned();
  // A worker that cannot start has nothing to wait for, and must not wait for this.
  process.channel?.unref();
  return {
    // One that is gone meanwhile is told of by `disconnect`.
    serving: () => void send(servingMessage, undefined, undefined, () => undefined),
  };
}

function kindOf(message: unknown): unknown {
  return typeof message === 'object' && message !== null && 'kind' in message ? message.kind : undefined;
}
