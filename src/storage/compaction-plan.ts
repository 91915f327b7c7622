/**
 * Which segments to rewrite next. Pure.
 *
 * A run of adjacent segments becomes one file, so that log order is kept for ever. It is worth it when
 * less than half of it would be kept, so that rewriting frees more than it writes; or when many small
 * segments, as restarts leave them, would become one. Of several runs the one that frees most is taken.
 */

export interface CompactionCandidate {
  /** Length of the file. */
  readonly bytes: number;
  readonly liveBytes: number;
  readonly dropBytes: number;
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
}

/** A run is rewritten when less than this share of it would be kept. */
const keptShareMax = 0.5;
/** What a result takes beside what is kept: were it left out, an empty result would be rewritten for ever. */
const overheadBytes = 128;
/** A segment of which more than this share is kept is not worth joining to a sparse run. */
const keptShareOfOneMax = 0.75;
/** So many adjacent segments are joined when together they fill less than half of one. */
const smallSegmentsMin = 8;

/** The run to compact, of all segments in log order; undefined when none is worth it. */
export function planCompaction(
  segments: readonly CompactionCandidate[],
  segmentBytesMax: number,
): CompactionRun | undefined {
  return sparsestRun(segments, segmentBytesMax) ?? smallRun(segments, segmentBytesMax / 2);
}

function sparsestRun(
  segments: readonly CompactionCandidate[],
  segmentBytesMax: number,
): CompactionRun | undefined {
  let best: CompactionRun | undefined;
  let bestFreed = 0;
  for (const from of segments.keys()) {
    const keepsDrops = mayHoldHintsBefore(segments, from);
    let bytes = 0;
    let kept = overheadBytes;
    for (let to = from; to < segments.length; to++) {
      const segment = segments[to];
      if (segment?.isEligible !== true) break;
      const keptOfOne = segment.liveBytes + (keepsDrops ? segment.dropBytes : 0);
      bytes += segment.bytes;
      kept += keptOfOne;
      if (keptOfOne > segment.bytes * keptShareOfOneMax || kept > segmentBytesMax) break;
      if (kept < bytes * keptShareMax && bytes - kept > bestFreed) {
        best = { from, to, keepsDrops };
        bestFreed = bytes - kept;
      }
    }
  }
  return best;
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
      return { from, to: to - 1, keepsDrops: mayHoldHintsBefore(segments, from) };
    }
  }
  return undefined;
}

function mayHoldHintsBefore(segments: readonly CompactionCandidate[], position: number): boolean {
  return segments.slice(0, position).some((segment) => segment.mayHoldHints);
}
