/**
 * Promise 1: a write that was acknowledged is readable once its replicas are, whatever happened between.
 *
 * After the last fault and a quiet phase every key is read: the answer is the acknowledged write with the
 * greatest dot or one that wins over it. A deleted key thereby stays deleted (promise 2). Writes that the durability
 * level lets a power cut take (`losses-stay-within-the-level.ts`) are not asked for.
 */

import { compareDots, formatDot, type Dot } from '../../core/dot.ts';
import {
  acknowledgedDot,
  dotRead,
  isWrite,
  type Operation,
  type ReadOperation,
  type WriteOperation,
} from '../history.ts';
import { byKey, type BrokenPromise } from './broken-promise.ts';

const promise = 'acknowledged-writes-survive';

/** `finalReads` began after every write of `history` had ended and every node was up. */
export function acknowledgedWritesSurvive(evidence: {
  readonly history: readonly Operation[];
  readonly finalReads: readonly ReadOperation[];
  /** Whether a write may be gone although it was acknowledged; none may unless told. */
  readonly mayBeLost?: (write: WriteOperation) => boolean;
}): BrokenPromise[] {
  const broken: BrokenPromise[] = [];
  const mayBeLost = evidence.mayBeLost ?? ((): boolean => false);
  const operationsByKey = byKey(evidence.history.filter((one) => !isWrite(one) || !mayBeLost(one)));
  for (const read of evidence.finalReads) {
    const write = newestAcknowledged(operationsByKey.get(read.key) ?? []);
    if (write === undefined) continue;
    const seen = dotRead(read);
    if (seen !== undefined && compareDots(seen, write.dot) >= 0) continue;
    const answer = seen === undefined ? (read.end?.outcome.kind ?? 'nothing') : formatDot(seen);
    const message =
      `#${write.operation.id} (${write.operation.kind} ${formatDot(write.dot)}) was acknowledged, ` +
      `and the final read #${read.id} at ${read.node} answered ${answer}`;
    broken.push({ promise, key: read.key, message });
  }
  return broken;
}

function newestAcknowledged(
  operations: readonly Operation[],
): { readonly operation: Operation; readonly dot: Dot } | undefined {
  let newest: { operation: Operation; dot: Dot } | undefined;
  for (const operation of operations) {
    const dot = acknowledgedDot(operation);
    if (dot !== undefined && (newest === undefined || compareDots(dot, newest.dot) > 0)) {
      newest = { operation, dot };
    }
  }
  return newest;
}
