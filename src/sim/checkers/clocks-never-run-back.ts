/**
 * An actor stamps each write later than those it had stamped before, over restarts and whatever the wall clock of
 * its node does; no dot is given twice. A node that lost its disk, or whose disk was set back, is a new actor.
 */

import { formatDot } from '../../core/dot.ts';
import { compareTimes } from '../../core/hybrid-logical-clock.ts';
import { mintedDot, type Operation } from '../history.ts';
import type { BrokenPromise } from './broken-promise.ts';
import { VersionFloor } from './version-floor.ts';

const promise = 'clocks-never-run-back';

export function clocksNeverRunBack(evidence: { readonly history: readonly Operation[] }): BrokenPromise[] {
  const broken: BrokenPromise[] = [];
  const byDot = new Map<string, Operation>();
  for (const [actor, operations] of byActor(evidence.history)) {
    const floor = new VersionFloor(operations, mintedDot);
    for (const operation of operations) {
      const dot = mintedDot(operation);
      if (dot === undefined) continue;
      const name = formatDot(dot);
      const twin = byDot.get(name);
      if (twin !== undefined) {
        broken.push({
          promise,
          key: operation.key,
          message: `#${twin.id} and #${operation.id} share ${name}`,
        });
      }
      byDot.set(name, operation);
      // Of two that overlap either may be stamped first, so only one that had ended binds the next.
      const before = floor.before(operation.startMicros);
      if (before === undefined || compareTimes(dot, before.dot) > 0) continue;
      const message = `${actor} stamped #${operation.id} ${name}, after #${before.operation.id} ${formatDot(before.dot)}`;
      broken.push({ promise, key: operation.key, message });
    }
  }
  return broken;
}

function byActor(operations: readonly Operation[]): Map<string, Operation[]> {
  const actors = new Map<string, Operation[]>();
  for (const operation of operations) {
    const actor = mintedDot(operation)?.actor;
    if (actor === undefined) continue;
    const held = actors.get(actor);
    if (held === undefined) actors.set(actor, [operation]);
    else held.push(operation);
  }
  return actors;
}
