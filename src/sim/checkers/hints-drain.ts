/**
 * After the last fault every hint is delivered: no node keeps any.
 */

import type { HintSummary } from '../../storage/store.ts';
import type { BrokenPromise } from './broken-promise.ts';

export interface HintsOfNode {
  readonly node: string;
  readonly hints: readonly HintSummary[];
}

export function hintsDrain(evidence: { readonly hints: readonly HintsOfNode[] }): BrokenPromise[] {
  return evidence.hints.flatMap(({ node, hints }) =>
    hints
      .filter((hint) => hint.count > 0)
      .map((hint) => ({
        promise: 'hints-drain',
        key: undefined,
        message: `${node} still keeps ${hint.count} hints for ${hint.target} long after the last fault`,
      })),
  );
}
