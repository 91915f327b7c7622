/**
 * Which segments to rewrite next. Pure.
 *
 * A run of adjacent segments becomes one file, so that log order is kept for ever. It is worth it when
 * less than half of it would be kept, so that rewriting frees more than it writes; or when many small
 * segments, as restarts leave them, would become one. Of several runs the one that frees most is taken.
 *
 * Dead bytes are let grow to a few segments first (Bitcask's merge triggers): where clients write the same keys again
 * and again, what is alive in a segment today is dead tomorrow, and need never be copied.
 *
 * Entries forgotten below the stability floor have to be kept as long as an older segment may hold what they
 * superseded. When they take a tenth of the log, segments are rewritten from the oldest on until they can go.
 */

import { limits } from '../core/limits.ts';

export interface CompactionCandidate {
  /** Length of the file. */
  readonly bytes: number;
  readonly liveBytes: number;
  readonly dropBytes: number;
  /** Bytes forgotten below the stability floor. */
  readonly collectedBytes: number;
  /** Nothing that entries before this sequence superseded lies in it. */
  readonly cleanSequence: number;
  /** Sequence at which the next one starts. */
  readonly endSequence: number;
  /** Whether records of hint spaces may lie in it. */
  readonly mayHoldHints: boolean;
  /** Finished, undamaged, and its successor known. */
  readonly isEligible: boolean;
}

/** Positions of the first and last segment of a run. */
export interface CompactionRun {
  readonly from: number;
  readonly to: number;
  /** Whether drops must be kept because an older segment may hold what they removed. */
  readonly keepsDrops: boolean;
  /** Forgotten entries before this sequence need not be kept: every older segment is clean of what they superseded. */
  readonly cleanSequence: number;
}

export interface CompactionLimits {
  readonly segmentBytesMax: number;
  /** As long as all segments together have fewer dead bytes, nothing is rewritten for their sake. */
  readonly deadBytesMin: number;
}

/** A run is rewritten when less than this share of it would be kept. */
const keptShareMax = 0.5;
/** What a result takes beside what is kept: were it left out, an empty result would be rewritten for ever. */
const overheadBytes = 128;
/** A segment of which more than this share is kept is not worth joining to a sparse run. */
const keptShareOfOneMax = 0.75;
/** Entries forgotten below the stability floor may take this share of the log before older segments are rewritten for them. */
const collectedShareMax = 0.1;
/** So many adjacent segments are joined when together they fill less than half of one. */
const smallSegmentsMin = 8;

/** The run to compact, of all segments in log order; undefined when none is worth it. */
export function planCompaction(
  segments: readonly CompactionCandidate[],
  { segmentBytesMax, deadBytesMin }: CompactionLimits,
): CompactionRun | undefined {
  const isDueForDeadBytes = deadBytes(segments) >= deadBytesMin;
  return (
    (isDueForDeadBytes ? sparsestRun(segments, segmentBytesMax) : undefined) ??
    smallRun(segments, segmentBytesMax / 2) ??
    collectingRun(segments)
  );
}

/**
 * The share of the event loop's time that compaction takes: little as long as it keeps up, the most there is when the log has three
 * times the dead bytes of one that is kept up with. Those are what is let grow anyway, and as many as are alive: segments of
 * which half is alive are left alone.
 */
export function compactionShare(
  segments: readonly CompactionCandidate[],
  { deadBytesMin }: Pick<CompactionLimits, 'deadBytesMin'>,
): number {
  const { maintenanceShare: least, maintenanceShareMax: most } = limits;
  let usualBytes = Math.max(1, deadBytesMin);
  for (const { liveBytes } of segments) usualBytes += liveBytes;
  const behind = (deadBytes(segments) / usualBytes - 1.5) / 1.5;
  return Math.min(most, Math.max(least, least + behind * (most - least)));
}

function sparsestRun(
  segments: readonly CompactionCandidate[],
  segmentBytesMax: number,
): CompactionRun | undefined {
  let best: CompactionRun | undefined;
  let bestFreed = 0;
  for (const from of segments.keys()) {
    const keepsDrops = mayHoldHintsBefore(segments, from);
    const cleanSequence = cleanSequenceBefore(segments, from);
    let bytes = 0;
    let kept = overheadBytes;
    for (let to = from; to < segments.length; to++) {
      const segment = segments[to];
      if (segment?.isEligible !== true) break;
      const waits = segment.endSequence > cleanSequence;
      const keptOfOne =
        segment.liveBytes + (keepsDrops ? segment.dropBytes : 0) + (waits ? segment.collectedBytes : 0);
      bytes += segment.bytes;
      kept += keptOfOne;
      if (keptOfOne > segment.bytes * keptShareOfOneMax || kept > segmentBytesMax) break;
      if (kept < bytes * keptShareMax && bytes - kept > bestFreed) {
        best = { from, to, keepsDrops, cleanSequence };
        bestFreed = bytes - kept;
      }
    }
  }
  return best;
}

function deadBytes(segments: readonly CompactionCandidate[]): number {
  let dead = 0;
  for (const { bytes, liveBytes, isEligible } of segments) if (isEligible) dead += bytes - liveBytes;
  return dead;
}

function smallRun(segments: readonly CompactionCandidate[], bytesMax: number): CompactionRun | undefined {
  for (const from of segments.keys()) {
    let bytes = 0;
    let to = from;
    while (segments[to]?.isEligible === true && bytes + (segments[to]?.bytes ?? 0) <= bytesMax) {
      bytes += segments[to]?.bytes ?? 0;
      to++;
    }
    if (to - from >= smallSegmentsMin) {
      return runOf(segments, from, to - 1);
    }
  }
  return undefined;
}

/** The oldest segment that keeps forgotten entries on the disk, once those take too much of the log. */
function collectingRun(segments: readonly CompactionCandidate[]): CompactionRun | undefined {
  const fixed = segments.findIndex((segment) => !segment.isEligible);
  const rewritable = fixed < 0 ? segments : segments.slice(0, fixed);
  const collected = rewritable.reduce((sum, segment) => sum + segment.collectedBytes, 0);
  const bytes = segments.reduce((sum, segment) => sum + segment.bytes, 0);
  if (collected <= bytes * collectedShareMax) return undefined;
  const last = rewritable.findLastIndex((segment) => segment.collectedBytes > 0);
  const endSequence = rewritable[last]?.endSequence ?? 0;
  for (const [position, segment] of rewritable.slice(0, last + 1).entries()) {
    const isInTheWay = position < last && segment.cleanSequence < endSequence;
    if (isInTheWay || segment.collectedBytes > 0) return runOf(segments, position, position);
  }
  return undefined;
}

/** A run with what follows for it from the segments before it. */
export function runOf(segments: readonly CompactionCandidate[], from: number, to: number): CompactionRun {
  return {
    from,
    to,
    keepsDrops: mayHoldHintsBefore(segments, from),
    cleanSequence: cleanSequenceBefore(segments, from),
  };
}

/** The sequence up to which all segments before a position are clean. */
function cleanSequenceBefore(segments: readonly CompactionCandidate[], position: number): number {
  return segments
    .slice(0, position)
    .reduce((least, segment) => Math.min(least, segment.cleanSequence), Number.MAX_SAFE_INTEGER);
}

function mayHoldHintsBefore(segments: readonly CompactionCandidate[], position: number): boolean {
  return segments.slice(0, position).some((segment) => segment.mayHoldHints);
}
