/**
 * Writes what was read back from the end of the log to where it was read from, so that the next sync
 * really makes it durable.
 *
 * After a sync that failed, the page cache goes on showing what never reached the disk, as clean pages that
 * no later sync writes (Rebello et al. 2020). A process that restarts reads it, finds it whole, and a
 * power cut takes it back. The same bytes in the same place are harmless to write, whenever it is interrupted.
 */

import { limits } from '../core/limits.ts';
import type { Segment } from './segment.ts';

/** Rewrites a segment from `durableEnd`, up to which an earlier sync had succeeded, to its end. */
export async function rewriteTail(segment: Segment, durableEnd: number): Promise<void> {
  const { file, end } = segment;
  for (let offset = durableEnd; offset < end; offset += limits.segmentReadBytes) {
    const bytes = new Uint8Array(Math.min(limits.segmentReadBytes, end - offset));
    const count = await file.read(bytes, offset);
    await file.write([bytes.subarray(0, count)], offset);
  }
}
