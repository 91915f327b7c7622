/**
 * Where every read quorum meets every write quorum, a read answers with a version at least as new as any that
 * was acknowledged, or read by anyone, before the read began.
 *
 * This is what write-back before answering buys (Attiya, Bar-Noy, Dolev 1995). Under `sloppy` with spare
 * nodes quorums need not meet, so it is judged only where they do. What a read showed binds later reads only
 * if two read quorums meet too (2R > N): a read at R = 1 may show a write that no other replica has yet.
 */

import { compareDots, formatDot, type Dot } from '../../core/dot.ts';
import { acknowledgedDot, dotRead, isWrite, type Operation } from '../history.ts';
import { byKey, type BrokenPromise } from './broken-promise.ts';
import { VersionFloor } from './version-floor.ts';

const promise = 'reads-never-go-back';

export function readsNeverGoBack(evidence: {
  readonly history: readonly Operation[];
  /** Whether any two read quorums have a replica in common. */
  readonly readQuorumsMeet: boolean;
}): BrokenPromise[] {
  const broken: BrokenPromise[] = [];
  for (const [key, operations] of byKey(evidence.history)) {
    const shown = (operation: Operation): Dot | undefined =>
      acknowledgedDot(operation) ?? (evidence.readQuorumsMeet ? dotRead(operation) : undefined);
    const known = new VersionFloor(operations, shown);
    for (const read of operations) {
      const outcome = read.end?.outcome;
      if (isWrite(read) || (outcome?.kind !== 'found' && outcome?.kind !== 'missing')) continue;
      const floor = known.before(read.startMicros);
      const seen = dotRead(read);
      if (floor === undefined || (seen !== undefined && compareDots(seen, floor.dot) >= 0)) continue;
      const message =
        `#${floor.operation.id} (${floor.operation.kind}) had shown ${formatDot(floor.dot)}, and the later ` +
        `read #${read.id} at ${read.node} answered ${seen === undefined ? 'nothing' : formatDot(seen)}`;
      broken.push({ promise, key, message });
    }
  }
  return broken;
}
