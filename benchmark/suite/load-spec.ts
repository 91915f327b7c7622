/** What a load generator is told to do, and what it reports: plain data, since it is a process of its own. */

import type { DialogSpec } from './dialog.ts';
import type { Mix, OperationKind } from './mix.ts';

export interface LoadSpec {
  readonly dialog: DialogSpec;
  /** Addresses; connections are dealt out to them in turn. */
  readonly urls: readonly string[];
  readonly mix: Mix;
  readonly connections: number;
  /** Operations under way on one connection. */
  readonly pipeline: number;
  /** Keys that are there: 0 up to this. */
  readonly keys: number;
  /** Keys from here on are free for inserts. */
  readonly firstInserted: number;
  readonly valueBytes: number;
  readonly warmUpMs: number;
  readonly durationMs: number;
  readonly pace: Pace;
  /** How long operations of an open loop are waited for once the run is over (default 10 s). */
  readonly drainMs?: number;
}

export type Pace =
  /** The next operation as soon as one is answered: tells how much a server can do. */
  | { readonly kind: 'closed' }
  /** Operations at times that do not depend on answers: tells how long users wait at that rate. */
  | { readonly kind: 'open'; readonly perSecond: number };

/** A histogram as counts by bucket. */
export interface LatencyCounts {
  readonly buckets: readonly (readonly [bucket: number, count: number])[];
  readonly maxUs: number;
}

export interface LoadReport {
  /** From the end of the warm-up to the last answer that counts. */
  readonly durationMs: number;
  readonly operations: number;
  /** Those of the warm-up and those that ended too late among them: all that the servers worked on. */
  readonly allOperations: number;
  readonly latencies: Readonly<Partial<Record<OperationKind, LatencyCounts>>>;
  readonly problems: Readonly<Record<string, number>>;
  readonly conflicts: number;
  readonly scannedEntries: number;
  /** Payload of TCP and CPU of the generator, for all operations. */
  readonly sentBytes: number;
  readonly receivedBytes: number;
  readonly cpuSeconds: number;
  /** How much later than meant operations were begun because of the load generator itself; null in a closed loop. */
  readonly latenessUs: LatencyCounts | null;
  /** The most operations that waited for a free connection; 0 in a closed loop. */
  readonly backlogMax: number;
}

/** Puts the keys from `from` up to `to` once each. */
export interface FillSpec {
  readonly dialog: DialogSpec;
  readonly urls: readonly string[];
  readonly connections: number;
  readonly pipeline: number;
  readonly valueBytes: number;
  readonly from: number;
  readonly to: number;
}

export interface FillReport {
  readonly durationMs: number;
  readonly problems: Readonly<Record<string, number>>;
}
