/**
 * Promise 2: a deleted key does not come back. Once a delete, or an expired value, was acknowledged or shown, no later
 * read answers with an older value, however long ago the tombstone was forgotten and whoever comes back.
 */

import { compareDots, formatDot } from '../../core/dot.ts';
import { showsDelete } from '../forgotten-deletes.ts';
import { acknowledgedDot, dotRead, isWrite, type Operation } from '../history.ts';
import { byKey, type BrokenPromise } from './broken-promise.ts';
import { VersionFloor } from './version-floor.ts';

const promise = 'deletes-stay';

export function deletesStay(evidence: {
  /** Of clients whose quorums always meet. */
  readonly history: readonly Operation[];
  /** Whether any two read quorums have a replica in common: then what a read has shown counts as well. */
  readonly readQuorumsMeet: boolean;
}): BrokenPromise[] {
  const broken: BrokenPromise[] = [];
  for (const [key, operations] of byKey(evidence.history)) {
    const known = new VersionFloor(
      operations,
      (operation) =>
        acknowledgedDot(operation) ?? (evidence.readQuorumsMeet ? dotRead(operation) : undefined),
    );
    for (const read of operations) {
      const outcome = read.end?.outcome;
      if (isWrite(read) || outcome?.kind !== 'found') continue;
      const floor = known.before(read.startMicros);
      if (floor === undefined || !showsDelete(floor.operation)) continue;
      if (compareDots(outcome.version.dot, floor.dot) >= 0) continue;
      const message =
        `#${floor.operation.id} (${floor.operation.kind}) had shown the end of the key at ${formatDot(floor.dot)}, and ` +
        `the later read #${read.id} at ${read.node} answered ${formatDot(outcome.version.dot)}`;
      broken.push({ promise, key, message });
    }
  }
  return broken;
}
