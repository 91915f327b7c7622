/**
 * Time, as a port: the only way in which core, storage and replica code learns what time it is
 * or waits. The simulator gives each node a clock of its own that drifts and jumps.
 */

/** Cancels a timer; calling it again, or after the timer fired, does nothing. */
export type CancelTimer = () => void;

export interface Clock {
  /** Wall clock in milliseconds since the Unix epoch, an integer. May jump either way. */
  wallNow(): number;
  /** Milliseconds of a clock that never jumps, with a fraction; meaningful only as a difference. */
  monotonicNow(): number;
  /** Calls `callback` once, after at least `delayMs`. */
  startTimer(delayMs: number, callback: () => void): CancelTimer;
  /** Calls `callback` in a later turn of the event loop, once all that this turn produced is queued. */
  nextTurn(callback: () => void): void;
}

/** Resolves after at least `delayMs`, or at once when `signal` aborts. Never rejects. */
export function sleep(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted === true) return resolve();
    const cancel = clock.startTimer(delayMs, () => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    });
    function onAbort(): void {
      cancel();
      resolve();
    }
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}
