/**
 * Takes strays out of the log engine: versions below the stability floor that this disk alone had kept.
 *
 * Each is dropped by an entry of its own, like a delivered hint, so that a replay forgets it too; the entry stays in
 * the log as long as an older segment may hold what it dropped. What cannot be read is left for the owners to heal.
 */

import { isBelowFloor } from '../core/stability.ts';
import { partitionOf } from '../core/token.ts';
import type { SummedVersion } from '../core/version-sum.ts';
import type { Appender } from './appender.ts';
import type { EntryReader } from './entry-reader.ts';
import type { LogIndex } from './log-index.ts';
import type { StabilityFloors } from './stability-floors.ts';

export interface StrayDropperOptions {
  readonly index: LogIndex;
  readonly entries: EntryReader;
  readonly appender: Appender;
  readonly floors: StabilityFloors;
}

/** See `Store.dropStrays`. */
export async function dropStrays(
  options: StrayDropperOptions,
  partition: number,
  strays: readonly SummedVersion[],
): Promise<number> {
  const dropped = strays.map(async (stray) => await dropStray(options, partition, stray));
  const results = await Promise.all(dropped);
  return results.filter(Boolean).length;
}

async function dropStray(
  { index, entries, appender, floors }: StrayDropperOptions,
  partition: number,
  stray: SummedVersion,
): Promise<boolean> {
  const { token } = stray;
  const table = index.own.table(token);
  const isOfPartition = partitionOf(token, floors.partitions) === partition;
  for (let slot = table.find(token); isOfPartition && slot >= 0; slot = table.findNext(slot)) {
    const dot = index.dotOf(table, slot);
    const isSame = dot.wallMs === stray.wallMs && dot.counter === stray.counter;
    if (!isSame || table.checksumAt(slot) !== stray.checksum) continue;
    if (!isBelowFloor({ dot }, floors.floorOf(partition))) return false;
    const key = entries.keySync(index.placeOf(table, slot), 0, token);
    if (key === undefined) return false;
    await appender.drop(index.own, { key, token, dot });
    return true;
  }
  return false;
}
