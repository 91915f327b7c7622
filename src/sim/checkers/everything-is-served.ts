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
}): BrokenPromise[] {
  const broken: BrokenPromise[] = evidence.troubles.map((message) => ({ promise, key: undefined, message }));
  for (const operation of evidence.finalOperations) {
    const outcome = operation.end?.outcome;
    if (outcome?.kind === 'found' || outcome?.kind === 'missing' || outcome?.kind === 'stored') continue;
    const why = outcome !== undefined && 'message' in outcome ? `: ${outcome.message}` : '';
    const message = `${operation.kind} #${operation.id} at ${operation.node} ended ${outcome?.kind}${why}`;
    broken.push({ promise, key: operation.key, message });
  }
  return broken;
}
