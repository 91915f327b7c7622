/**
 * Runs all pending microtasks now, synchronously: what makes a whole simulation one call.
 *
 * `process._tickCallback` does it on every Node so far, `process.nextTick` queue and unhandled rejections
 * included, but it is undocumented: `provenDrain` checks at every start that a chain of 40 awaits really
 * drains, and falls back to V8's `%PerformMicrotaskCheckpoint`. Neither does anything inside a microtask,
 * so a simulation is entered from a macrotask (`inMacrotask`). The only file here that knows Node.
 */

import { setFlagsFromString } from 'node:v8';
import { runInThisContext } from 'node:vm';
import { StoreError } from '../core/errors.ts';

export type Drain = () => void;

const chainLength = 40;

/** Runs `body` from a macrotask, where draining works, and hands on what it returns or throws. */
export function inMacrotask<Result>(body: () => Result): Promise<Result> {
  return new Promise((resolve, reject) => {
    setImmediate(() => {
      try {
        resolve(body());
      } catch (error) {
        reject(error);
      }
    });
  });
}

/** A drain that was seen to work here and now. Throws when none does, e.g. inside a microtask. */
export function provenDrain(): Drain {
  const tickCallback = tickCallbackDrain();
  if (tickCallback !== undefined && drains(tickCallback)) return tickCallback;
  const checkpoint = checkpointDrain();
  if (checkpoint !== undefined && drains(checkpoint)) return checkpoint;
  throw new StoreError(
    'INTERNAL',
    'microtasks can not be drained synchronously here: start the simulation from a macrotask (see inMacrotask), ' +
      'not from the body of a module or from an async function',
  );
}

/**
 * Calls `onRejection`, and no other listener, for every rejection that nobody handles while `body` runs. They
 * are reported inside the drain; without a listener they would end the process.
 */
export function watchingRejections<Result>(
  onRejection: (reason: unknown) => void,
  body: () => Result,
): Result {
  const others = process.listeners('unhandledRejection');
  process.removeAllListeners('unhandledRejection');
  process.on('unhandledRejection', onRejection);
  try {
    return body();
  } finally {
    process.off('unhandledRejection', onRejection);
    for (const listener of others) process.on('unhandledRejection', listener);
  }
}

/** Whether a chain of awaits is finished by one call of `drain`. */
export function drains(drain: Drain): boolean {
  let steps = 0;
  const chain = async (): Promise<void> => {
    for (; steps < chainLength; steps++) await Promise.resolve();
  };
  void chain();
  drain();
  return steps === chainLength;
}

/** Node's own queue runner; undefined where it is missing. */
export function tickCallbackDrain(): Drain | undefined {
  const tickCallback: unknown = Reflect.get(process, '_tickCallback');
  if (typeof tickCallback !== 'function') return undefined;
  return () => {
    Reflect.apply(tickCallback, process, []);
  };
}

/** The fallback: V8's own checkpoint, which leaves `process.nextTick` and rejections to others. */
export function checkpointDrain(): Drain | undefined {
  setFlagsFromString('--allow-natives-syntax');
  try {
    // The syntax exists only under the flag, so the function has to be made from text.
    const checkpoint: unknown = runInThisContext('(() => { %PerformMicrotaskCheckpoint(); })');
    if (typeof checkpoint !== 'function') return undefined;
    return () => {
      Reflect.apply(checkpoint, undefined, []);
    };
  } catch {
    return undefined;
  } finally {
    setFlagsFromString('--no-allow-natives-syntax');
  }
}
