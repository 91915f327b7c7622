/**
 * The results file: every run of every point, so that whoever doubts a figure can look at what it was made of.
 *
 * A section is measured in one go and replaced as a whole; sections may be of different days, and each says of when and
 * of which commit it is.
 */

import { z } from 'zod';

/** Grows when the meaning of a field changes; files of another format are not merged with. */
export const resultsFormat = 1;

const latencySchema = z.strictObject({
  p50: z.number(),
  p90: z.number(),
  p99: z.number(),
  p999: z.number(),
  max: z.number(),
});

/** Where a figure cannot be had on this machine or of this server it is null. */
export const runSchema = z.strictObject({
  round: z.int().min(0),
  durationMs: z.number(),
  operations: z.int().min(0),
  operationsPerSecond: z.number(),
  /** Of all operations; in a closed loop it is what a caller of that concurrency sees, and flatters a server that stalls. */
  latencyMs: latencySchema,
  /** The same for each kind of operation, where there is more than one. */
  latencyMsByKind: z.record(z.string(), latencySchema).optional(),
  /** Operations with another answer than the one asked for. */
  problems: z.record(z.string(), z.int()),
  /** Conditional writes that were refused because somebody else had written. */
  conflicts: z.int().optional(),
  /** Entries for each scan. */
  entriesPerScan: z.number().optional(),
  /** An open loop: operations are begun at this rate, and latency counts from when each was meant to begin. */
  offeredPerSecond: z.number().optional(),
  /** How late the load generator itself was in beginning operations. */
  latenessMs: latencySchema.optional(),
  /** Most operations that waited for a free connection. */
  backlogMax: z.int().optional(),
  /** These and the costs below are of all operations, those of the warm-up too. */
  serverCpuMsPer1000: z.number().nullable(),
  loaderCpuMsPer1000: z.number(),
  /** Cores that were busy with something that is neither this server nor the load generators. */
  neighbourCores: z.number().nullable(),
  clientBytesPerOperation: z.number(),
  peerBytesPerOperation: z.number().nullable(),
  diskBytesPerOperation: z.number().nullable(),
});

/** What a server keeps of its keys: measured once for a number of keys. */
const footprintSchema = z.strictObject({
  residentBytes: z.number().nullable(),
  /** Before these keys, warmed up with a thousand others. */
  baseResidentBytes: z.number().nullable(),
  diskBytes: z.number().nullable(),
  fillSeconds: z.number(),
});

export const pointSchema = z.strictObject({
  server: z.string(),
  /** What was done: a workload's letter, `PUT` or `GET`. */
  operation: z.string(),
  /** Where on the section's axis: connections, keys, bytes, nodes, a share of the capacity, or 0 where there is none. */
  at: z.number(),
  runs: z.array(runSchema),
  footprint: footprintSchema.optional(),
});

export const sectionNames = [
  'workloads',
  'latency',
  'concurrency',
  'distribution',
  'sizes',
  'pipelining',
  'keys',
  'nodes',
] as const;

const sectionSchema = z.strictObject({
  measuredAt: z.iso.datetime(),
  commit: z.string(),
  profile: z.string(),
  /** Settings that hold for all points, for people. */
  settings: z.record(z.string(), z.string()),
  points: z.array(pointSchema),
});

export const resultsSchema = z.strictObject({
  format: z.literal(resultsFormat),
  machine: z.strictObject({
    cpu: z.string(),
    cores: z.int(),
    memoryBytes: z.number(),
    system: z.string(),
    node: z.string(),
    /** One write of a page and its sync on the disk of the temporary folder, in microseconds. */
    syncUs: z.strictObject({ p50: z.number(), p99: z.number() }),
  }),
  servers: z.array(
    z.strictObject({ id: z.string(), name: z.string(), about: z.string(), version: z.string() }),
  ),
  /** Servers that were not measured, and why. */
  skipped: z.array(z.strictObject({ name: z.string(), reason: z.string() })),
  sections: z.partialRecord(z.enum(sectionNames), sectionSchema),
});

export type Latency = z.infer<typeof latencySchema>;
export type Run = z.infer<typeof runSchema>;
export type Point = z.infer<typeof pointSchema>;
export type Footprint = z.infer<typeof footprintSchema>;
export type Section = z.infer<typeof sectionSchema>;
export type SectionName = (typeof sectionNames)[number];
export type Results = z.infer<typeof resultsSchema>;
