/**
 * Takes a damaged row out of the `classic-level` engine, and puts in its place what the other owners hold of its key.
 *
 * The key of a row is LevelDB's to keep, so it is known here whatever happened to the value.
 */

import { compareBytes } from '../core/bytes.ts';
import { isCollectable } from '../core/stability.ts';
import { compareTokens } from '../core/token.ts';
import type { StoredRecord } from '../core/record.ts';
import type { StabilityFloors } from '../storage/stability-floors.ts';
import type { DamagedVersion } from '../storage/store.ts';
import { ownSpace, parseRowKey, type DigestRow } from './classic-level-rows.ts';
import type { PartitionSums } from './classic-level-sums.ts';
import type { ClassicLevelWriter } from './classic-level-writer.ts';

/** See `Store.replaceDamaged`. */
export async function replaceDamagedRow(
  parts: {
    readonly sums: PartitionSums;
    readonly floors: StabilityFloors;
    readonly writer: ClassicLevelWriter;
  },
  damaged: DamagedVersion,
  records: readonly StoredRecord[],
): Promise<boolean> {
  const { sums, floors, writer } = parts;
  const floorMs = floors.floorFor(damaged.token);
  let isReplaced = false;
  for (const row of sums.damagedRows()) {
    const place = parseRowKey(row, ownSpace);
    if (compareTokens(place.token, damaged.token) !== 0) continue;
    const record = records.find(({ key }) => compareBytes(key, place.key) === 0);
    const isPut = await writer.supplant(place, (held, isUnderWay) => {
      if (isUnderWay || sums.recoveries !== damaged.recoveries) return undefined;
      if (!sums.isDamaged(row) || !isOf(held, damaged)) return undefined;
      // What says nothing that its absence would not say need not come back.
      return record === undefined || isCollectable(record.version, floorMs) ? 'nothing' : record;
    });
    if (isPut) isReplaced = true;
  }
  if (isReplaced) await writer.sync();
  return isReplaced;
}

/** Where nothing tells what a row was it is listed with zeros. */
function isOf(held: DigestRow | undefined, { wallMs, counter, checksum }: DamagedVersion): boolean {
  if (held === undefined) return wallMs === 0 && counter === 0 && checksum === 0;
  const { digest } = held;
  return digest.dot.wallMs === wallMs && digest.dot.counter === counter && digest.checksum === checksum;
}
