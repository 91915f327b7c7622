/**
 * How long the operations of a simulated disk take.
 */

import type { DiskOperation } from './disk-faults.ts';
import type { SimRandom } from './sim-random.ts';

/** Bounds in microseconds. */
export interface DiskLatency {
  readonly operationMicrosMax: number;
  readonly syncMicrosMin: number;
  readonly syncMicrosMax: number;
}

/** About what was measured: 0.2 to 0.4 ms for a sync, now and then more. */
export const ordinaryDisk: DiskLatency = {
  operationMicrosMax: 120,
  syncMicrosMin: 150,
  syncMicrosMax: 1_500,
};

/** A disk that others keep busy, or that is about to fail. */
export const slowDisk: DiskLatency = {
  operationMicrosMax: 20_000,
  syncMicrosMin: 5_000,
  syncMicrosMax: 800_000,
};

/** Draws how long one operation takes that moves so many bytes. */
export function latencyMicros(
  latency: DiskLatency,
  random: SimRandom,
  operation: DiskOperation,
  bytes: number,
): number {
  if (operation === 'sync' || operation === 'syncDirectory') {
    return random.skewed(latency.syncMicrosMin, latency.syncMicrosMax);
  }
  // About a gigabyte a second beside the fixed cost.
  return 1 + random.below(latency.operationMicrosMax) + (bytes >>> 10);
}
