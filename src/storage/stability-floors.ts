/**
 * The stability floor of each partition, and what it makes of a record that is to be stored.
 *
 * The same for both engines: they differ only in where they keep `encode`'s bytes. A floor never sinks,
 * because what was forgotten under it may lie on other nodes' old disks for ever.
 *
 *   floors   0  u32  magic "MDSF"
 *            4  u16  format, 1
 *            6  u16  zero
 *            8  u32  partitions
 *           12       u48 floor in wall ms, for each partition
 *         last  u32  CRC-32 of all before it
 */

import { readUint32, readUint48, writeUint16, writeUint32, writeUint48 } from '../core/bytes.ts';
import type { Checksum } from '../core/crc32.ts';
import { StoreError } from '../core/errors.ts';
import type { StoredRecord } from '../core/record.ts';
import { isBelowFloor, isCollectable, noFloorMs } from '../core/stability.ts';
import { partitionOf, type Token } from '../core/token.ts';

/** A floor to raise. */
export interface FloorRaise {
  readonly partition: number;
  readonly floorMs: number;
}

const magic = 0x4d445346;
const format = 1;
const headerBytes = 12;

export class StabilityFloors {
  readonly #floors: Float64Array;
  readonly #refilling: Uint8Array;

  constructor(options: { readonly partitions: number }) {
    this.#floors = new Float64Array(options.partitions);
    this.#refilling = new Uint8Array(options.partitions);
  }

  get partitions(): number {
    return this.#floors.length;
  }

  /** The least and the greatest floor. */
  get extremes(): { readonly floorMinMs: number; readonly floorMaxMs: number } {
    return { floorMinMs: this.#floors.reduce(least), floorMaxMs: this.#floors.reduce(greatest) };
  }

  floorOf(partition: number): number {
    return this.#floors[partition] ?? noFloorMs;
  }

  floorFor(token: Token): number {
    return this.floorOf(partitionOf(token, this.#floors.length));
  }

  isRefilling(partition: number): boolean {
    return this.#refilling[partition] === 1;
  }

  setRefill(partition: number, refilling: boolean): void {
    this.#refilling[partition] = refilling ? 1 : 0;
  }

  /** Those of `raises` that are higher than what is held. Throws `BAD_REQUEST` for a floor there cannot be. */
  higher(raises: readonly FloorRaise[]): FloorRaise[] {
    for (const { partition, floorMs } of raises) {
      if (!(partition in this.#floors) || !Number.isInteger(floorMs) || floorMs < 0 || floorMs >= 2 ** 48) {
        throw new StoreError('BAD_REQUEST', `${floorMs} is no floor of a partition ${partition}`);
      }
    }
    return raises.filter(({ partition, floorMs }) => floorMs > this.floorOf(partition));
  }

  raise(raises: readonly FloorRaise[]): void {
    for (const { partition, floorMs } of this.higher(raises)) this.#floors[partition] = floorMs;
  }

  /**
   * Whether a record that would change what is held may be stored. One that could be collected at once is
   * `forgotten` where nothing is held: it would say no more than that. Throws `STALE_VERSION` for other records at
   * or below the floor, unless the partition is being refilled: the owners agreed on what lies there.
   */
  admit(record: StoredRecord, isHeld: boolean): 'stored' | 'forgotten' {
    const { version } = record;
    const partition = partitionOf(record.token, this.#floors.length);
    const floorMs = this.floorOf(partition);
    if (!isBelowFloor(version, floorMs) || floorMs === noFloorMs) return 'stored';
    if (isCollectable(version, floorMs)) {
      if (!isHeld) return 'forgotten';
    } else if (this.isRefilling(partition)) {
      return 'stored';
    }
    throw staleVersion(record, partition, floorMs);
  }

  /** Throws `STALE_VERSION` for a hint that its target would refuse, or could forget, at once. */
  checkHint(record: StoredRecord): void {
    const partition = partitionOf(record.token, this.#floors.length);
    const floorMs = this.floorOf(partition);
    if (floorMs !== noFloorMs && isBelowFloor(record.version, floorMs)) {
      throw staleVersion(record, partition, floorMs);
    }
  }

  /** The floors as bytes, as they will be once `raises` are in. */
  encode(raises: readonly FloorRaise[], checksum: Checksum): Uint8Array {
    const raised = this.#floors.slice();
    for (const { partition, floorMs } of raises) raised[partition] = floorMs;
    const end = headerBytes + raised.length * 6;
    const bytes = new Uint8Array(end + 4);
    writeUint32(bytes, 0, magic);
    writeUint16(bytes, 4, format);
    writeUint32(bytes, 8, raised.length);
    for (const [partition, floorMs] of raised.entries()) {
      writeUint48(bytes, headerBytes + partition * 6, floorMs);
    }
    writeUint32(bytes, end, checksum(bytes, 0, 0, end));
    return bytes;
  }

  /** Takes over encoded floors. Returns the reason when they are not to be believed, and then has taken none. */
  decode(bytes: Uint8Array, checksum: Checksum): string | undefined {
    const partitions = this.#floors.length;
    const end = headerBytes + partitions * 6;
    if (bytes.length < headerBytes || readUint32(bytes, 0) !== magic) return 'they do not start as floors do';
    if (readUint32(bytes, 4) !== format * 0x1_0000)
      return 'they are of a format that this version does not know';
    if (readUint32(bytes, 8) !== partitions || bytes.length !== end + 4) {
      return `they are of another number of partitions than ${partitions}`;
    }
    if (readUint32(bytes, end) !== checksum(bytes, 0, 0, end)) return 'their checksum does not match';
    for (let partition = 0; partition < partitions; partition++) {
      this.#floors[partition] = readUint48(bytes, headerBytes + partition * 6);
    }
    return undefined;
  }
}

/** Bytes of the encoded floors of so many partitions. */
export function floorsBytes(partitions: number): number {
  return headerBytes + partitions * 6 + 4;
}

function staleVersion(record: StoredRecord, partition: number, floorMs: number): StoreError {
  return new StoreError(
    'STALE_VERSION',
    `a version of ${record.version.dot.wallMs} lies below the stability floor ${floorMs} of partition ${partition}: ` +
      'all owners had agreed on what there is, and this was not among it',
  );
}

function least(left: number, right: number): number {
  return Math.min(left, right);
}

function greatest(left: number, right: number): number {
  return Math.max(left, right);
}
