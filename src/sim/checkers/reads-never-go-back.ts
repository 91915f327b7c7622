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

const promise = 'reads-never-go-back';

interface Known {
  readonly micros: number;
  readonly dot: Dot;
  readonly operation: Operation;
}

export function readsNeverGoBack(evidence: {
  readonly history: readonly Operation[];
  /** Whether any two read quorums have a replica in common. */
  readonly readQuorumsMeet: boolean;
}): BrokenPromise[] {
  const broken: BrokenPromise[] = [];
  for (const [key, operations] of byKey(evidence.history)) {
    const known = newestOverTime(operations, evidence.readQuorumsMeet);
    for (const read of operations) {
      const outcome = read.end?.outcome;
      if (isWrite(read) || (outcome?.kind !== 'found' && outcome?.kind !== 'missing')) continue;
      const floor = lastBefore(known, read.startMicros);
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

/** What was known by when: each entry is newer than all before it. */
function newestOverTime(operations: readonly Operation[], readsCount: boolean): Known[] {
  const ended: Known[] = [];
  for (const operation of operations) {
    const dot = acknowledgedDot(operation) ?? (readsCount ? dotRead(operation) : undefined);
    if (dot !== undefined && operation.end !== undefined) {
      ended.push({ micros: operation.end.micros, dot, operation });
    }
  }
  ended.sort((left, right) => left.micros - right.micros);
  const rising: Known[] = [];
  for (const entry of ended) {
    const last = rising.at(-1);
    if (last === undefined || compareDots(entry.dot, last.dot) > 0) rising.push(entry);
  }
  return rising;
}

function lastBefore(known: readonly Known[], micros: number): Known | undefined {
  return known.findLast((entry) => entry.micros < micros);
}
