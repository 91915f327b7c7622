/** What `status` says of a node's healing: is it level, how old is its floor and what holds it, is it a witness. */

import { z } from 'zod';

import { formatDuration } from './terminal.ts';

export const antiEntropySchema = z.object({
  enabled: z.boolean(),
  level: z.boolean(),
  evidence: z.object({
    complete: z.boolean(),
    cause: z.string().nullable(),
    incomplete_partitions: z.number(),
  }),
  owners: z.array(
    z.object({
      id: z.string(),
      level: z.boolean(),
      last_compared_ms: z.number().nullable(),
      unfinished: z.number(),
      ahead: z.number(),
      last_error: z.string(),
    }),
  ),
});
export type AntiEntropyPage = z.infer<typeof antiEntropySchema>;

export const floorSchema = z.object({
  partitions: z.array(z.object({ partition: z.number(), floor_ms: z.number(), reason: z.string() })),
});
export type FloorPage = z.infer<typeof floorSchema>;

export const nothing = '-';

/** `yes`, or the number of owners that are not known to be level with it. */
export function levelCell(page: AntiEntropyPage | undefined): string {
  if (page === undefined) return nothing;
  const different = page.owners.filter(({ level }) => !level).length;
  return different === 0 ? 'yes' : `no (${different})`;
}

/** How long ago the oldest floor of a partition lies; `none` where a partition has none. */
export function floorCell(page: FloorPage | undefined, nowWallMs: number): string {
  if (page === undefined || page.partitions.length === 0) return nothing;
  const oldest = Math.min(...page.partitions.map((row) => row.floor_ms));
  return oldest === 0 ? 'none' : formatDuration(nowWallMs - oldest);
}

/** Whether its "nothing" is evidence, or why it is not. */
export function witnessCell(page: AntiEntropyPage | undefined): string {
  if (page === undefined) return nothing;
  return page.evidence.complete ? 'yes' : `no (${page.evidence.cause ?? 'unknown'})`;
}

/** A sentence for all that is not as it should be. */
export function healingRemarks(
  name: string,
  ae: AntiEntropyPage | undefined,
  floor: FloorPage | undefined,
): readonly string[] {
  const remarks: string[] = [];
  if (ae !== undefined && !ae.evidence.complete) {
    const { incomplete_partitions: count } = ae.evidence;
    remarks.push(`${name}: no witness yet for ${partitionsText(count)} (${ae.evidence.cause ?? 'unknown'})`);
  }
  for (const owner of ae?.owners ?? []) {
    if (owner.level) continue;
    const lag =
      owner.unfinished > 0
        ? `${partitionsText(owner.unfinished)} to fetch`
        : owner.ahead > 0
          ? `it lacks something in ${partitionsText(owner.ahead)}`
          : 'something differs';
    const since =
      owner.last_compared_ms === null
        ? 'never compared'
        : `compared ${formatDuration(owner.last_compared_ms)} ago`;
    const error = owner.last_error === '' ? '' : `; ${owner.last_error}`;
    remarks.push(`${name}: not level with ${owner.id}: ${lag}, ${since}${error}`);
  }
  const reasons = new Map<string, number>();
  for (const { reason } of floor?.partitions ?? []) {
    if (reason !== '') reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
  }
  for (const [reason, count] of reasons) {
    remarks.push(`${name}: the floor of ${partitionsText(count)} stands still: ${reason}`);
  }
  return remarks;
}

function partitionsText(count: number): string {
  return `${count} ${count === 1 ? 'partition' : 'partitions'}`;
}
