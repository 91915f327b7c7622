/**
 * Hears a simulated node as long as it lives: its counters are counters of the run, and its log goes to whoever
 * listens.
 */

import type { NodeId } from '../core/config.ts';
import type { Observer } from '../ports/observer.ts';
import type { ProcessScope } from './process-scope.ts';
import type { World } from './simulation.ts';

export function hearing(node: NodeId, scope: ProcessScope, world: World): Observer {
  const { sometimes, narrator, traceLog } = world;
  return {
    log: (level, event, message) => {
      if (!scope.isAlive) return;
      sometimes.count(`log ${event}`);
      traceLog?.add('log', node, { level, event, message });
      if (level === 'warn' || level === 'error') narrator?.tellLog(node, event, message);
    },
    count: (counter, by) => {
      if (scope.isAlive) sometimes.count(counter, by);
    },
  };
}
