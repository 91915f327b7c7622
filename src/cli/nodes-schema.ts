/**
 * The shape of `nodes.json`, field by field. Every schema carries what is allowed as "must be …", for the
 * sentences of `schema-problems.ts`.
 */

import { z } from 'zod';

import { defaultTiming, isNodeId, type Durability, type NodeId } from '../core/config.ts';
import { limits } from '../core/limits.ts';
import { addressForm, parseAddress, type Address } from './address.ts';
import { durabilityForm, engines, parseDurability } from './cluster-settings.ts';
import { problemsOf } from './schema-problems.ts';

const idForm = '1 to 64 letters, digits, "_" or "-"';

function integer(min: number, max: number): z.ZodInt {
  const error = `must be an integer from ${min} to ${max}`;
  return z.int({ error }).min(min, { error }).max(max, { error });
}

function text(form: string, pattern: RegExp): z.ZodString {
  const error = `must be ${form}`;
  return z.string({ error }).regex(pattern, { error });
}

const idSchema = z.string({ error: `must be ${idForm}` }).transform((value, context): NodeId => {
  if (isNodeId(value)) return value;
  context.addIssue({ code: 'custom', message: `must be ${idForm}` });
  return z.NEVER;
});

const addressSchema = z.string({ error: `must be ${addressForm}` }).transform((value, context): Address => {
  const parsed = parseAddress(value);
  if (parsed.ok) return parsed.address;
  context.addIssue({ code: 'custom', message: `must be ${parsed.allowed}` });
  return z.NEVER;
});

const durabilitySchema = z
  .string({ error: `must be ${durabilityForm}` })
  .transform((value, context): Durability => {
    const durability = parseDurability(value);
    if (durability !== undefined) return durability;
    context.addIssue({ code: 'custom', message: `must be ${durabilityForm}` });
    return z.NEVER;
  });

const nodeSchema = z.strictObject(
  {
    id: idSchema,
    addr: addressSchema,
    peerAddr: addressSchema.optional(),
    zone: text('1 to 64 printable characters', /^[^\p{C}]{1,64}$/u).optional(),
    weight: z
      .number({ error: 'must be a number above 0, up to 1000' })
      .gt(0, { error: 'must be a number above 0, up to 1000' })
      .max(1000, { error: 'must be a number above 0, up to 1000' })
      .optional(),
    workers: integer(1, limits.workersMax).optional(),
  },
  { error: 'must be an object such as {"id":"n1","addr":"127.0.0.1:9001"}' },
);

const timingMs = integer(1, 3_600_000).optional();
const timingSchema = z.strictObject(
  {
    requestTimeoutMs: integer(1, limits.requestTimeoutMsMax).optional(),
    hedgeAfterMs: timingMs,
    clockSkewMsMax: timingMs,
    heartbeatMs: timingMs,
    peerDownAfterMs: timingMs,
    hintRetryMsMin: timingMs,
    hintRetryMsMax: timingMs,
    antiEntropyMs: timingMs,
    floorMs: timingMs,
    floorLagMs: timingMs,
  },
  { error: `must be an object with some of ${Object.keys(defaultTiming).join(', ')}` },
);

const pathForm = 'the path of a PEM file, relative to this file; {id} stands for the id of the node';
const peerTlsSchema = z.strictObject(
  {
    ca: text(pathForm, /^[^\p{Cc}]+$/u),
    cert: text(pathForm, /^[^\p{Cc}]+$/u),
    key: text(pathForm, /^[^\p{Cc}]+$/u),
    mode: z.enum(['required', 'optional'], { error: 'must be "required" or "optional"' }).optional(),
  },
  { error: 'must be an object such as {"ca":"ca.crt","cert":"{id}.crt","key":"{id}.key"}' },
);

const onOrOff = (field: string) =>
  z.boolean({ error: `must be true or false: whether there is any ${field}` }).optional();

const scrubDaysError = 'must be a number of days from 0 (never) to 365';
const nodesError = `must be a list of 1 to ${limits.membersMax} nodes`;

const fileSchema = z.strictObject(
  {
    clusterName: text('1 to 64 letters, digits, ".", "_" or "-"', /^[A-Za-z0-9._-]{1,64}$/).optional(),
    nodes: z
      .array(nodeSchema, { error: nodesError })
      .min(1, { error: nodesError })
      .max(limits.membersMax, { error: nodesError }),
    vnodes: integer(1, limits.partitionsMax).optional(),
    partitions: integer(1, limits.partitionsMax).optional(),
    n: integer(1, limits.membersMax).optional(),
    r: integer(1, limits.membersMax).optional(),
    w: integer(1, limits.membersMax).optional(),
    quorumMode: z.enum(['sloppy', 'strict'], { error: 'must be "sloppy" or "strict"' }).optional(),
    valueBytesMax: integer(1, limits.valueBytesCeiling).optional(),
    timing: timingSchema.optional(),
    antiEntropy: onOrOff('antiEntropy'),
    hintedHandoff: onOrOff('hintedHandoff'),
    scrubDays: z
      .number({ error: scrubDaysError })
      .min(0, { error: scrubDaysError })
      .max(365, { error: scrubDaysError })
      .optional(),
    engine: z.enum(engines, { error: 'must be "log" or "classic-level"' }).optional(),
    durability: durabilitySchema.optional(),
    peerTls: peerTlsSchema.optional(),
  },
  { error: 'must be an object with "nodes"' },
);

/** The file as checked field by field, before defaults. */
export type NodesFile = z.infer<typeof fileSchema>;

/** Checks field by field; what fields say together is `nodes-checks.ts`. */
export function checkShape(
  raw: unknown,
):
  | { readonly ok: true; readonly file: NodesFile }
  | { readonly ok: false; readonly problems: readonly string[] } {
  const result = fileSchema.safeParse(raw);
  if (result.success) return { ok: true, file: result.data };
  return { ok: false, problems: problemsOf(raw, result.error, fieldsAt) };
}

function fieldsAt(path: readonly PropertyKey[]): string[] {
  if (path[0] === 'nodes') return Object.keys(nodeSchema.shape);
  if (path[0] === 'timing') return Object.keys(timingSchema.shape);
  if (path[0] === 'peerTls') return Object.keys(peerTlsSchema.shape);
  return Object.keys(fileSchema.shape);
}
