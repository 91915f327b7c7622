/**
 * Deletes do not pile up: once all is healed and the stability floor has passed the last of them, no node holds a
 * tombstone, and after rewriting none is in any file of the log.
 */

import type { NodeId } from '../../core/config.ts';
import type { BrokenPromise } from './broken-promise.ts';

const promise = 'tombstones-go';

/** What a node still has of deletes. */
export interface TombstonesOfNode {
  readonly node: NodeId;
  /** Keys with a tombstone in the index. */
  readonly held: readonly string[];
  /** Files of the log in which the name of a deleted key still stands, each with that key. */
  readonly onDisk: readonly { readonly file: string; readonly key: string }[];
}

export function tombstonesGo(evidence: { readonly nodes: readonly TombstonesOfNode[] }): BrokenPromise[] {
  return evidence.nodes.flatMap(({ node, held, onDisk }) => [
    ...held.map((key) => ({ promise, key, message: `${node} still holds a tombstone` })),
    ...onDisk.map(({ file, key }) => ({
      promise,
      key,
      message: `${node} still has entries of it in ${file}`,
    })),
  ]);
}
