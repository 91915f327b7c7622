/** What the log engine needs to open: its ports, and the settings that tests and operators vary. */

import type { Durability } from '../core/config.ts';
import type { Checksum } from '../core/crc32.ts';
import { limits } from '../core/limits.ts';
import { recordBytesMax } from '../core/record.ts';
import type { Clock } from '../ports/clock.ts';
import type { Disk } from '../ports/disk.ts';
import type { Observer } from '../ports/observer.ts';
import type { Random } from '../ports/random.ts';

export interface LogStoreOptions {
  /** The data directory; the caller holds its lock. */
  readonly disk: Disk;
  readonly clock: Clock;
  readonly random: Random;
  readonly observer: Observer;
  readonly checksum: Checksum;
  /** A power of two, the same at every start. */
  readonly partitions: number;
  readonly durability: Durability;
  readonly valueBytesMax?: number;
  readonly segmentBytesMax?: number;
  /** Growth of the log after which the index is written out. */
  readonly checkpointAfterBytes?: number;
  readonly compactionBytesPerSecond?: number;
  /** Dead bytes that are let grow before segments are rewritten for them. */
  readonly compactionDeadBytesMin?: number;
  /** Of the end of the log, kept in memory for reads. */
  readonly tailBytes?: number;
  readonly hintBytesPerTargetMax?: number;
  readonly hintBytesMax?: number;
  /** Told once when a sync has failed: only a restart helps, so the node should stop itself. */
  readonly onFailed?: (reason: string) => void;
}

/** The longest record that a store takes. */
export function recordBytesMaxOf({ valueBytesMax }: Pick<LogStoreOptions, 'valueBytesMax'>): number {
  const valueBytes = valueBytesMax ?? limits.valueBytesDefault;
  return recordBytesMax({ keyBytes: limits.keyBytesMax, valueBytes });
}
