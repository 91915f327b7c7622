/** What an operator asks of a node beyond its figures: why a key reads as it does, and to look after what is stored. */

import type { ScrubReport } from '../storage/store.ts';
import type { RepairReport } from './anti-entropy-status.ts';
import type { KeyTrace } from './key-trace.ts';
import type { ScrubStatus } from './scrub-loop.ts';

export interface OperatorApi {
  /** What every member holds of a key, what is on its way, and how it came. Never rejects. */
  why(key: Uint8Array): Promise<KeyTrace>;
  /**
   * Compares now with every other owner that is up, both ways, whatever heartbeats say; also where anti-entropy is
   * switched off. Only of these partitions if there are any. Resolves when all are done; never rejects.
   */
  repair(options: {
    readonly partitions?: readonly number[] | undefined;
    readonly onProgress?: (report: RepairReport) => void;
  }): Promise<RepairReport>;
  /** Reads all that is stored again now, quickly. Rejects with `OVERLOADED` while a scrub is under way. */
  scrub(onProgress?: (report: ScrubReport) => void): Promise<ScrubReport>;
  /** How the scrubs of this node are doing: the one that runs by itself as well as one that was asked for. */
  scrubbing(): ScrubStatus;
  /** Frees what superseded and forgotten versions take on the disk. */
  compact(): Promise<void>;
}
