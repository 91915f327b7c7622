/**
 * Liveness: after the last fault every node starts, and what can be served is served within a bound.
 */

import type { Operation } from '../history.ts';
import type { BrokenPromise } from './broken-promise.ts';

const promise = 'everything-is-served';

export function everythingIsServed(evidence: {
  /** Why nodes did not start, or were not ready, in time. */
  readonly troubles: readonly string[];
  readonly finalOperations: readonly Operation[];
  /** Nothing fails any more, so an answer takes no longer than this, where it is known. */
  readonly withinMicros?: number;
}): BrokenPromise[] {
  const { withinMicros = Infinity } = evidence;
  const broken: BrokenPromise[] = evidence.troubles.map((message) => ({ promise, key: undefined, message }));
  for (const operation of evidence.finalOperations) {
    const outcome = operation.end?.outcome;
    const name = `${operation.kind} #${operation.id} at ${operation.node}`;
    if (outcome?.kind === 'found' || outcome?.kind === 'missing' || outcome?.kind === 'stored') {
      const tookMicros = (operation.end?.micros ?? 0) - operation.startMicros;
      if (tookMicros <= withinMicros) continue;
      const message = `${name} took ${tookMicros / 1_000} ms; at most ${withinMicros / 1_000} are expected`;
      broken.push({ promise, key: operation.key, message });
      continue;
    }
    const why = outcome !== undefined && 'message' in outcome ? `: ${outcome.message}` : '';
    broken.push({ promise, key: operation.key, message: `${name} ended ${outcome?.kind}${why}` });
  }
  return broken;
}
