/**
 * The rows of the `classic-level` engine: how records lie in one ordered key space.
 *
 *   row key      u8 kind · u8 length of the space's name · space name · u32 token high · u32 token low · key
 *   kinds        0x01 figures (one row, see classic-level-figures.ts) · 0x02 stability floors (one row) · 'd' digest · 'r' record · 'q' quarantined
 *   space name   empty for the store's own records, else the node id that the hints are for
 *
 *   digest row    0  u32  CRC-32 of the row's key, then of this value from offset 4
 *                 4  u32  length of the encoded record
 *                 8  u48  dot: wall milliseconds
 *                14  u16  dot: counter
 *                16  u48  expires at
 *                22  u8   flags: 1 tombstone
 *                23  u8   zero
 *                24  u32  the version's checksum
 *                28       actor, ASCII
 *
 * Tokens are big-endian, so the order of the rows is the order of the ring, and a partition is a range.
 * Digests have rows of their own, so merging and scanning never read values. LevelDB is not asked to verify
 * its blocks on reads (the package has no such option), hence the checksum in the row.
 */

import { readUint16, readUint32, readUint48, writeUint16, writeUint32, writeUint48 } from '../core/bytes.ts';
import type { Checksum } from '../core/crc32.ts';
import type { StoredRecord, VersionDigest } from '../core/record.ts';
import { tokenAfter, type Token, type TokenRange } from '../core/token.ts';

export const digestKind = 0x64;
export const recordKind = 0x72;
export const quarantineKind = 0x71;
export type RowKind = typeof digestKind | typeof recordKind | typeof quarantineKind;

/** The one row of figures; sorts before all others. */
export const figuresRow = Uint8Array.of(0x01);
/** The one row of stability floors (storage/stability-floors.ts). */
export const floorsRow = Uint8Array.of(0x02);
/** The one row that says whether, and why, evidence is lost (classic-level-evidence.ts). */
export const evidenceRow = Uint8Array.of(0x03);
/** A range that holds every row. */
export const wholeRange = { start: Uint8Array.of(0), end: Uint8Array.of(0xff, 1) } as const;
/** A range that never holds a row: compacting it makes LevelDB write out its memory and nothing else. */
export const emptyRange = { start: Uint8Array.of(0xff, 0), end: Uint8Array.of(0xff, 1) } as const;

/** The name of the space of the store's own records; every other space is named by a hint target. */
export const ownSpace = '';

const tokenBytes = 8;
const digestHeaderBytes = 28;
const tombstoneFlag = 1;

/** What a digest row says. */
export interface DigestRow {
  readonly digest: VersionDigest;
  readonly recordBytes: number;
}

/** A half-open range of row keys. */
export interface RowRange {
  readonly gte: Uint8Array;
  readonly lt: Uint8Array;
}

export function rowKey(kind: RowKind, space: string, token: Token, key: Uint8Array): Uint8Array {
  const prefix = 2 + space.length;
  const row = new Uint8Array(prefix + tokenBytes + key.length);
  writePrefix(row, kind, space);
  writeUint32(row, prefix, token.high);
  writeUint32(row, prefix + 4, token.low);
  row.set(key, prefix + tokenBytes);
  return row;
}

/** Token and key of a row whose space is known. */
export function parseRowKey(
  row: Uint8Array,
  space: string,
): { readonly token: Token; readonly key: Uint8Array } {
  const prefix = 2 + space.length;
  return {
    token: { high: readUint32(row, prefix), low: readUint32(row, prefix + 4) },
    key: row.subarray(prefix + tokenBytes),
  };
}

/** Kind and space of any row but the figures. */
export function parseRowPrefix(row: Uint8Array): { readonly kind: number; readonly space: string } {
  const length = row[1] ?? 0;
  return { kind: row[0] ?? 0, space: String.fromCharCode(...row.subarray(2, 2 + length)) };
}

/** All rows of one kind in one space. */
export function spaceRange(kind: RowKind, space: string): RowRange {
  const gte = new Uint8Array(2 + space.length);
  writePrefix(gte, kind, space);
  return { gte, lt: successor(gte) };
}

/** All rows of one kind, whatever the space. */
export function kindRange(kind: RowKind): RowRange {
  return { gte: Uint8Array.of(kind), lt: Uint8Array.of(kind + 1) };
}

/** The own rows of one kind in one of `partitions` partitions. */
export function partitionRange(kind: RowKind, partition: number, partitions: number): RowRange {
  const width = 2 ** 32 / partitions;
  const start = { high: partition * width, low: 0 };
  const gte = rowKey(kind, ownSpace, start, new Uint8Array(0));
  if (partition + 1 === partitions) return { gte, lt: spaceRange(kind, ownSpace).lt };
  return { gte, lt: rowKey(kind, ownSpace, { high: start.high + width, low: 0 }, new Uint8Array(0)) };
}

/** The own rows of one kind whose tokens lie in a range. */
export function tokenRowRange(kind: RowKind, range: TokenRange): RowRange {
  const gte = rowKey(kind, ownSpace, range.first, new Uint8Array(0));
  const after = tokenAfter(range.last);
  const lt =
    after === undefined ? spaceRange(kind, ownSpace).lt : rowKey(kind, ownSpace, after, new Uint8Array(0));
  return { gte, lt };
}

export function encodeDigestRow(record: StoredRecord, row: Uint8Array, checksum: Checksum): Uint8Array {
  const { version } = record;
  const { dot } = version;
  const value = new Uint8Array(digestHeaderBytes + dot.actor.length);
  writeUint32(value, 4, record.bytes.length);
  writeUint48(value, 8, dot.wallMs);
  writeUint16(value, 14, dot.counter);
  writeUint48(value, 16, version.expiresAtMs);
  value[22] = version.tombstone ? tombstoneFlag : 0;
  writeUint32(value, 24, version.checksum);
  for (let index = 0; index < dot.actor.length; index++) {
    value[digestHeaderBytes + index] = dot.actor.charCodeAt(index);
  }
  writeUint32(value, 0, rowChecksum(row, value, checksum));
  return value;
}

/** Undefined when the row is not what was written. */
export function decodeDigestRow(
  value: Uint8Array,
  row: Uint8Array,
  checksum: Checksum,
): DigestRow | undefined {
  if (value.length <= digestHeaderBytes || readUint32(value, 0) !== rowChecksum(row, value, checksum)) {
    return undefined;
  }
  return {
    recordBytes: readUint32(value, 4),
    digest: {
      dot: {
        wallMs: readUint48(value, 8),
        counter: readUint16(value, 14),
        actor: String.fromCharCode(...value.subarray(digestHeaderBytes)),
      },
      expiresAtMs: readUint48(value, 16),
      tombstone: ((value[22] ?? 0) & tombstoneFlag) !== 0,
      checksum: readUint32(value, 24),
    },
  };
}

function rowChecksum(row: Uint8Array, value: Uint8Array, checksum: Checksum): number {
  return checksum(value.subarray(4), checksum(row));
}

function writePrefix(row: Uint8Array, kind: RowKind, space: string): void {
  row[0] = kind;
  row[1] = space.length;
  for (let index = 0; index < space.length; index++) row[2 + index] = space.charCodeAt(index);
}

/** The first key after all that start with `prefix`; its last byte is a length or ASCII, never 255. */
function successor(prefix: Uint8Array): Uint8Array {
  const next = prefix.slice();
  next[next.length - 1] = (next[next.length - 1] ?? 0) + 1;
  return next;
}
