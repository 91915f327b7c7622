/**
 * The records of a checkpoint, big-endian. Pure: bytes and structure only; how they make up a file and
 * in which order is checkpoint-file.ts.
 *
 *   head     0  u32  number              4  u32  partitions
 *            8  u32  position: segment  12  u48  position: offset
 *           18  u48  sequence at the position
 *           24  u32  0x01020304 in the byte order of the slots
 *   part of  0  u32  table number        4  u32  slots in the whole table
 *   a table  8  u32  slots here         12  u8   space name length
 *           13  u24  zero               16       space name, slots (index-slot.ts, 32 bytes each)
 *   actor    0  u8   length              1       name; the first is that of ordinal 0
 *   segment  0  u16  ordinal             2  u8   flags: 1 sealed, 2 may hold hints, 4 damaged
 *            3  u8   file name length    4  u32  batch mark
 *            8  u48  sequence           14  u48  end of its last batch
 *           20  u48  live bytes         26  u48  bytes of drops
 *           32  u48  collected bytes    38  u48  clean sequence        44  file name
 *   tail     0  u32  slots in all tables 4  u32  actors
 *            8  u32  segments           12  u8   flags: 1 evidence lost
 *
 * Slots are in the byte order of the machine, because they are copied, not parsed.
 */

import { writeUint16, writeUint32, writeUint48 } from '../core/bytes.ts';
import type { ByteCursor } from './byte-cursor.ts';
import { slotWords } from './index-slot.ts';
import { asciiBytes } from './segment-format.ts';

/** What is fixed when the checkpoint begins. */
export interface CheckpointHead {
  /** Counts checkpoints of this data directory; names the file. */
  readonly number: number;
  /** Tables of the own space. */
  readonly partitions: number;
  /** Every batch before it is in the tables: replay starts here. `segmentId` is the segment's first id. */
  readonly position: { readonly segmentId: number; readonly offset: number };
  /** Entries appended before the position in the whole life of the log. */
  readonly sequence: number;
}

/** What is known once the last table is dumped. */
export interface CheckpointTail {
  /** By ordinal. */
  readonly actors: readonly string[];
  /** Every segment file that a slot may point to, or that the tail is replayed from. */
  readonly segments: readonly CheckpointSegment[];
  readonly evidenceLost: boolean;
}

export interface CheckpointSegment {
  /** What slots call it. */
  readonly ordinal: number;
  /** Without its folder. */
  readonly fileName: string;
  readonly batchMark: number;
  readonly sequence: number;
  readonly end: number;
  /** As fuzzy as the tables; exact again once they are counted. */
  readonly liveBytes: number;
  readonly dropBytes: number;
  readonly collectedBytes: number;
  readonly cleanSequence: number;
  readonly sealed: boolean;
  readonly mayHoldHints: boolean;
  readonly damaged: boolean;
}

/** One table, or a part of one, packed as `PartitionIndex.dump` packs it. */
export interface CheckpointTable {
  /** Empty for the own records, else the node the hints are for. */
  readonly spaceName: string;
  /** The partition, or 0 in a space of hints. */
  readonly table: number;
  readonly words: Uint32Array;
}

/** A part of a table as it lies in a section. */
export interface TablePart {
  readonly spaceName: string;
  readonly table: number;
  readonly slotsInTable: number;
  readonly slotsHere: number;
  /** A view into the section. */
  readonly slots: Uint8Array;
}

export const slotBytes = slotWords * 4;
const partHeaderBytes = 16;
const segmentRecordBytes = 44;
const byteOrderMark = 0x01020304;

export function encodeHead(head: CheckpointHead): Uint8Array {
  const record = new Uint8Array(28);
  writeUint32(record, 0, head.number);
  writeUint32(record, 4, head.partitions);
  writeUint32(record, 8, head.position.segmentId);
  writeUint48(record, 12, head.position.offset);
  writeUint48(record, 18, head.sequence);
  record.set(nativeBytesOf(byteOrderMark), 24);
  return record;
}

/** Undefined when the slots are in another byte order than this machine's. */
export function decodeHead(cursor: ByteCursor): CheckpointHead | undefined {
  const head = {
    number: cursor.uint32(),
    partitions: cursor.uint32(),
    position: { segmentId: cursor.uint32(), offset: cursor.uint48() },
    sequence: cursor.uint48(),
  };
  const mark = cursor.take(4);
  return nativeBytesOf(byteOrderMark).every((byte, index) => byte === mark[index]) ? head : undefined;
}

/** Bytes of a table part beside its slots. */
export function partOverheadBytes(table: CheckpointTable): number {
  return partHeaderBytes + table.spaceName.length;
}

/** Writes slots `start` to `end` of a table into `record`, which is exactly as long as that takes. */
export function writePart(record: Uint8Array, table: CheckpointTable, start: number, end: number): void {
  const { words } = table;
  const name = asciiBytes(table.spaceName);
  writeUint32(record, 0, table.table);
  writeUint32(record, 4, words.length / slotWords);
  writeUint32(record, 8, end - start);
  record[12] = name.length;
  record.set(name, partHeaderBytes);
  const slots = new Uint8Array(words.buffer, words.byteOffset + start * slotBytes, (end - start) * slotBytes);
  record.set(slots, partHeaderBytes + name.length);
}

export function decodePart(cursor: ByteCursor): TablePart {
  const table = cursor.uint32();
  const slotsInTable = cursor.uint32();
  const slotsHere = cursor.uint32();
  const nameLength = cursor.uint8();
  cursor.take(3);
  const spaceName = cursor.text(nameLength);
  return { spaceName, table, slotsInTable, slotsHere, slots: cursor.take(slotsHere * slotBytes) };
}

export function encodeActor(actor: string): Uint8Array {
  const name = asciiBytes(actor);
  return Uint8Array.of(name.length, ...name);
}

export function decodeActor(cursor: ByteCursor): string {
  return cursor.text(cursor.uint8());
}

export function encodeSegment(segment: CheckpointSegment): Uint8Array {
  const name = asciiBytes(segment.fileName);
  const record = new Uint8Array(segmentRecordBytes + name.length);
  writeUint16(record, 0, segment.ordinal);
  record[2] = Number(segment.sealed) | (Number(segment.mayHoldHints) << 1) | (Number(segment.damaged) << 2);
  record[3] = name.length;
  writeUint32(record, 4, segment.batchMark);
  writeUint48(record, 8, segment.sequence);
  writeUint48(record, 14, segment.end);
  writeUint48(record, 20, segment.liveBytes);
  writeUint48(record, 26, segment.dropBytes);
  writeUint48(record, 32, segment.collectedBytes);
  writeUint48(record, 38, segment.cleanSequence);
  record.set(name, segmentRecordBytes);
  return record;
}

export function decodeSegment(cursor: ByteCursor): CheckpointSegment {
  const ordinal = cursor.uint16();
  const flags = cursor.uint8();
  const nameLength = cursor.uint8();
  return {
    ordinal,
    batchMark: cursor.uint32(),
    sequence: cursor.uint48(),
    end: cursor.uint48(),
    liveBytes: cursor.uint48(),
    dropBytes: cursor.uint48(),
    collectedBytes: cursor.uint48(),
    cleanSequence: cursor.uint48(),
    sealed: (flags & 1) !== 0,
    mayHoldHints: (flags & 2) !== 0,
    damaged: (flags & 4) !== 0,
    fileName: cursor.text(nameLength),
  };
}

/** What the tail says about how much came before it. */
export interface TailCounts {
  readonly slots: number;
  readonly actors: number;
  readonly segments: number;
  readonly evidenceLost: boolean;
}

export function encodeTail(tail: TailCounts): Uint8Array {
  const record = new Uint8Array(13);
  writeUint32(record, 0, tail.slots);
  writeUint32(record, 4, tail.actors);
  writeUint32(record, 8, tail.segments);
  record[12] = Number(tail.evidenceLost);
  return record;
}

export function decodeTail(cursor: ByteCursor): TailCounts {
  return {
    slots: cursor.uint32(),
    actors: cursor.uint32(),
    segments: cursor.uint32(),
    evidenceLost: (cursor.uint8() & 1) !== 0,
  };
}

function nativeBytesOf(word: number): Uint8Array {
  return new Uint8Array(Uint32Array.of(word).buffer);
}
