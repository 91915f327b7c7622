/**
 * The history of one register: operations that took effect somewhere between their start and their end.
 *
 * No two writes write the same value, so a value names its write. A write without an end is *maybe*: it takes
 * effect at any time after its start, or never. An operation precedes another when it ended before the other
 * started; those at the same instant are concurrent.
 */

export interface RegisterOperation {
  /** What a verdict calls the operation by. */
  readonly id: number;
  readonly kind: 'read' | 'write';
  /** Undefined is what the register holds before the first write; only reads may have it. */
  readonly value: string | undefined;
  readonly startMicros: number;
  /** Undefined for a write that may take effect later, or never. */
  readonly endMicros: number | undefined;
}

/** Whether one order of all operations explains what was read and keeps to real time (Herlihy and Wing 1990). */
export type RegisterVerdict =
  | { readonly linearizable: true }
  | {
      readonly linearizable: false;
      /** Two operations that no order can bring together: ids in the order of their start. */
      readonly pair: readonly [number, number];
      readonly message: string;
    };
