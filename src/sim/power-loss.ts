/**
 * What a power cut was able to take from a node, noted before it strikes: the simulated disk knows since when
 * something in the log was not durable.
 */

import type { NodeId } from '../core/config.ts';
import type { SimDisk } from './sim-disk.ts';

export interface PowerLoss {
  readonly node: NodeId;
  readonly atMicros: number;
  /** What was written to the log before this was durable. */
  readonly durableToMicros: number;
  /** Since when the process had served; undefined when none did. */
  readonly servingSinceMicros: number | undefined;
}

export function powerLossAt(
  atMicros: number,
  { id, disk }: { readonly id: NodeId; readonly disk: SimDisk },
  servingSinceMicros: number | undefined,
): PowerLoss {
  const durableToMicros = disk.unsyncedSinceMicros('log/') ?? atMicros;
  return { node: id, atMicros, durableToMicros, servingSinceMicros };
}
