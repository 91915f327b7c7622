/**
 * Trips when code under simulation reaches for the real world.
 *
 * While `body` runs, the real clocks, randomness, timers and `fetch` throw; afterwards they are as before. A
 * simulation that touched one of them would not be the same twice.
 */

import { StoreError } from '../core/errors.ts';

type Restore = () => void;

/** Runs `body` with the real world out of reach. */
export function withAlarm<Result>(body: () => Result): Result {
  const restores: Restore[] = [];
  try {
    for (const name of globalNames) restores.push(replace(globalThis, name, forbidden(name)));
    restores.push(replace(globalThis, 'Date', guardedDate(Date)));
    for (const [path, holder, name] of methods()) restores.push(replace(holder, name, forbidden(path)));
    return body();
  } finally {
    for (const restore of restores.reverse()) restore();
  }
}

const globalNames = ['setTimeout', 'setInterval', 'setImmediate', 'fetch'] as const;

function methods(): [path: string, holder: object, name: string][] {
  const found: [string, object, string][] = [
    ['Math.random', Math, 'random'],
    ['performance.now', performance, 'now'],
    ['AbortSignal.timeout', AbortSignal, 'timeout'],
    ['crypto.getRandomValues', crypto, 'getRandomValues'],
    ['crypto.randomUUID', crypto, 'randomUUID'],
  ];
  const process: unknown = Reflect.get(globalThis, 'process');
  if (typeof process === 'object' && process !== null) found.push(['process.hrtime', process, 'hrtime']);
  return found;
}

function forbidden(name: string): () => never {
  return () => {
    throw new StoreError('INTERNAL', `${name} was called inside a simulation: use the port instead`);
  };
}

/** `Date` without the present: conversions of given times go on working. */
function guardedDate(real: DateConstructor): DateConstructor {
  return new Proxy(real, {
    construct(target, parameters: unknown[], newTarget) {
      if (parameters.length === 0) forbidden('new Date()')();
      const made: unknown = Reflect.construct(target, parameters, newTarget);
      return made instanceof real ? made : forbidden('new Date()')();
    },
    apply: forbidden('Date()'),
    get(target, name, receiver): unknown {
      return name === 'now' ? forbidden('Date.now') : Reflect.get(target, name, receiver);
    },
  });
}

function replace(holder: object, name: string, value: unknown): Restore {
  const before = Object.getOwnPropertyDescriptor(holder, name);
  Object.defineProperty(holder, name, { value, configurable: true, writable: true });
  return () => {
    if (before === undefined) Reflect.deleteProperty(holder, name);
    else Object.defineProperty(holder, name, before);
  };
}
