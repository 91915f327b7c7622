/**
 * Takes what can't be read out of the log engine, and puts in its place what the other owners hold of its token.
 *
 * The damaged slot answers for its key until the record that takes its place is durable: both happen in one turn when
 * the batch settles. Where nobody holds anything the slot just goes. What lies in the log can't be dropped by an entry,
 * since its key may be what is unreadable; a checkpoint without the slot is what makes a restart forget it. So only
 * what was read and is wrong gives way: what a disk refused to hand out may be whole, and would come back from the log.
 */

import { isCollectable } from '../core/stability.ts';
import { compareTokens } from '../core/token.ts';
import type { StoredRecord } from '../core/record.ts';
import type { SummedVersion } from '../core/version-sum.ts';
import type { Appender } from './appender.ts';
import type { LogIndex } from './log-index.ts';
import type { LogReader } from './log-reader.ts';
import type { PartitionIndex } from './partition-index.ts';
import type { StabilityFloors } from './stability-floors.ts';
import type { DamagedVersion } from './store.ts';

/** See `Store.replaceDamaged`, but for the checkpoint. */
export async function replaceDamaged(
  parts: {
    readonly index: LogIndex;
    readonly reader: LogReader;
    readonly appender: Appender;
    readonly floors: StabilityFloors;
  },
  damaged: DamagedVersion,
  records: readonly StoredRecord[],
): Promise<boolean> {
  const { index, reader, appender, floors } = parts;
  const { token } = damaged;
  const table = index.own.table(token);
  const listed = slotOf(table, damaged);
  if (listed < 0 || !(await reader.isCorrupt(index.own, token, index.placeOf(table, listed)))) return false;
  const slot = slotOf(table, damaged);
  if (slot < 0 || index.recoveries !== damaged.recoveries) return false;
  const floorMs = floors.floorFor(token);
  // What says nothing that its absence would not say need not come back.
  const kept = records.filter(
    (record) => compareTokens(record.token, token) === 0 && !isCollectable(record.version, floorMs),
  );
  // Other keys of the token that are intact here are not what was lost.
  const missing = kept.filter((record) => index.find(index.own, record.key, token) === slot);
  if (missing.length === 0) {
    index.removeSlot(index.own, table, slot);
    return true;
  }
  const place = index.placeOf(table, slot);
  const supplanted = await Promise.all(missing.map((record) => appender.supplant(record, place)));
  return supplanted.every(Boolean) && slotOf(table, damaged) < 0;
}

/** The slot of a version, as long as it is damaged; or -1. */
function slotOf(table: PartitionIndex, { token, wallMs, counter, checksum }: SummedVersion): number {
  for (let slot = table.find(token); slot >= 0; slot = table.findNext(slot)) {
    const isSame = table.wallMsAt(slot) === wallMs && table.counterAt(slot) === counter;
    if (isSame && table.checksumAt(slot) === checksum && table.isDamagedAt(slot)) return slot;
  }
  return -1;
}
