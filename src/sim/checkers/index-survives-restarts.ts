/**
 * Index and disk agree: what a node's index holds is the same after a restart from its checkpoint, and after one
 * from the log alone.
 */

import type { BrokenPromise } from './broken-promise.ts';

/** What a node's index says, one line a version or hint, in one order. */
export interface IndexOfNode {
  readonly node: string;
  readonly lines: readonly string[];
}

export function indexSurvivesRestarts(evidence: {
  readonly before: readonly IndexOfNode[];
  readonly after: readonly IndexOfNode[];
  /** From what the nodes started again. */
  readonly startedFrom: string;
}): BrokenPromise[] {
  const broken: BrokenPromise[] = [];
  for (const { node, lines } of evidence.before) {
    const now = evidence.after.find((index) => index.node === node)?.lines ?? [];
    const gone = lines.filter((line) => !now.includes(line));
    const come = now.filter((line) => !lines.includes(line));
    if (gone.length + come.length === 0) continue;
    const message =
      `after a start from ${evidence.startedFrom} the index of ${node} ` +
      `lacks [${gone.join(', ')}] and has [${come.join(', ')}]`;
    broken.push({ promise: 'index-survives-restarts', key: undefined, message });
  }
  return broken;
}
