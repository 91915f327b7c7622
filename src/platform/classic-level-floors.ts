/**
 * Stability floors of the `classic-level` engine: one row, and a sweep over the digest rows, which hold all
 * that forgetting takes.
 *
 * The order is that of the log engine: the floors are on the disk, then merges are held against them, then what
 * had been decided before is durable, then what can be collected is removed. Removed rows are not in the log or
 * in tables for a replay to bring back: LevelDB keeps its own deletions in order.
 */

import type { Checksum } from '../core/crc32.ts';
import type { VersionDigest } from '../core/record.ts';
import { isBelowFloor, isCollectable, noFloorMs } from '../core/stability.ts';
import { partitionOf } from '../core/token.ts';
import type { SummedVersion } from '../core/version-sum.ts';
import type { FloorResult } from '../storage/store.ts';
import { StabilityFloors, type FloorRaise } from '../storage/stability-floors.ts';
import type { DamageList } from './classic-level-damage.ts';
import type { ClassicLevelDatabase } from './classic-level-database.ts';
import {
  decodeDigestRow,
  digestKind,
  floorsRow,
  ownSpace,
  parseRowKey,
  partitionRange,
  tokenRowRange,
} from './classic-level-rows.ts';
import type { ClassicLevelWriter } from './classic-level-writer.ts';

export interface ClassicLevelFloorsOptions {
  readonly database: ClassicLevelDatabase;
  readonly checksum: Checksum;
  readonly floors: StabilityFloors;
  readonly writer: ClassicLevelWriter;
}

const nothingDropped: FloorResult = { dropped: 0, droppedBytes: 0 };

/** The floors on the disk; none, and the row listed as damage, when it cannot be believed. */
export async function loadClassicLevelFloors(options: {
  readonly database: ClassicLevelDatabase;
  readonly checksum: Checksum;
  readonly partitions: number;
  readonly damage: DamageList;
}): Promise<StabilityFloors> {
  const { database, checksum, partitions, damage } = options;
  const floors = new StabilityFloors({ partitions });
  const row = await database.read((native) => native.get(floorsRow));
  const reason = row === undefined ? undefined : floors.decode(row, checksum);
  if (reason !== undefined) damage.add(floorsRow, `the stability floors: ${reason}`);
  for (let partition = 0; partition < partitions; partition++) {
    floors.setRefill(partition, damage.hasLost);
  }
  return floors;
}

export class ClassicLevelFloors {
  readonly #options: ClassicLevelFloorsOptions;
  /** The last raise; never rejects. */
  #queue: Promise<unknown> = Promise.resolve();
  #collectedKeys = 0;

  constructor(options: ClassicLevelFloorsOptions) {
    this.#options = options;
  }

  /** Keys forgotten since the start. */
  get collectedKeys(): number {
    return this.#collectedKeys;
  }

  /** See `Store.raiseFloors`. */
  raise(raises: readonly FloorRaise[]): Promise<FloorResult> {
    const result = this.#queue.then(() => this.#raise(raises));
    this.#queue = result.catch(() => undefined);
    return result;
  }

  /** Forgets again what a crash has kept a raise from forgetting. */
  async sweepAll(): Promise<void> {
    const { floors } = this.#options;
    for (let partition = 0; partition < floors.partitions; partition++) await this.#sweep(partition);
  }

  /** See `Store.dropStrays`. */
  async dropStrays(partition: number, strays: readonly SummedVersion[]): Promise<number> {
    const { database, floors, writer } = this.#options;
    const floorMs = floors.floorOf(partition);
    let dropped = 0;
    for (const stray of strays) {
      if (partitionOf(stray.token, floors.partitions) !== partition) continue;
      const isStray = ({ dot, checksum }: VersionDigest): boolean =>
        dot.wallMs === stray.wallMs &&
        dot.counter === stray.counter &&
        checksum === stray.checksum &&
        isBelowFloor({ dot }, floorMs);
      const range = tokenRowRange(digestKind, { first: stray.token, last: stray.token });
      const rows = await database.read((native) => native.keys(range).all());
      for (const row of rows) dropped += Number(await writer.forget(parseRowKey(row, ownSpace), isStray));
    }
    return dropped;
  }

  async #raise(all: readonly FloorRaise[]): Promise<FloorResult> {
    const { checksum, floors, writer } = this.#options;
    const raises = floors.higher(all);
    if (raises.length === 0) return nothingDropped;
    await writer.putRow({ row: floorsRow, value: floors.encode(raises, checksum) });
    floors.raise(raises);
    await writer.sync();
    let dropped = 0;
    let droppedBytes = 0;
    for (const partition of new Set(raises.map((raise) => raise.partition))) {
      const result = await this.#sweep(partition);
      dropped += result.dropped;
      droppedBytes += result.droppedBytes;
    }
    return { dropped, droppedBytes };
  }

  async #sweep(partition: number): Promise<FloorResult> {
    const { database, checksum, floors, writer } = this.#options;
    const floorMs = floors.floorOf(partition);
    if (floorMs === noFloorMs) return nothingDropped;
    const found = await database.read(async (native) => {
      const rows: { readonly row: Uint8Array; readonly recordBytes: number }[] = [];
      for await (const [row, value] of native.iterator(
        partitionRange(digestKind, partition, floors.partitions),
      )) {
        const digestRow = decodeDigestRow(value, row, checksum);
        if (digestRow === undefined || !isCollectable(digestRow.digest, floorMs)) continue;
        rows.push({ row, recordBytes: digestRow.recordBytes });
      }
      return rows;
    });
    let dropped = 0;
    let droppedBytes = 0;
    const forgetting = found.map(async ({ row, recordBytes }) => {
      if (!(await writer.forget(parseRowKey(row, ownSpace), (digest) => isCollectable(digest, floorMs))))
        return;
      dropped++;
      droppedBytes += recordBytes;
    });
    await Promise.all(forgetting);
    this.#collectedKeys += dropped;
    return { dropped, droppedBytes };
  }
}
