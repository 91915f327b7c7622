/** Gives way to whatever else waits for the event loop: long work calls it every few milliseconds. */

import type { Clock } from '../ports/clock.ts';

export function nextTurn(clock: Pick<Clock, 'nextTurn'>): Promise<void> {
  return new Promise((resolve) => clock.nextTurn(resolve));
}
