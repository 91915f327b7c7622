/**
 * The bytes of a log segment, big-endian. Pure: encoding and structure only.
 *
 *   segment  0  u32  magic "MDSG"
 *            4  u16  format, 1
 *            6  u16  zero
 *            8  u32  first segment id covered
 *           12  u32  last segment id covered; equals the first until compaction joins segments
 *           16  u32  generation, 1 when written by a commit, higher when written by a compaction
 *           20  u32  batch mark, random
 *           24  u48  sequence at which the segment starts
 *           30  u16  zero
 *           32  u32  CRC-32 of bytes 0 to 31
 *           36       batches
 *   batch    0  u32  batch mark of the segment
 *            4  u32  payload bytes
 *            8  u32  number of entries
 *           12  u48  sequence: entries appended in the whole life of the log before this batch
 *           18  u16  zero
 *           20  u32  CRC-32 of bytes 0 to 19 and the payload
 *           24       payload: entries
 *   entry    0  u32  length of the whole entry
 *            4  u32  CRC-32 of the entry from offset 8
 *            8  u8   kind: 1 record, 2 drop
 *            9  u8   length of the space name
 *           10       space name (empty: own records; else the node a hint is for), payload
 *   record payload   an encoded record (core/record.ts)
 *   drop payload     u16 key length, key, u48 wall milliseconds, u16 counter, u8 actor length, actor
 *
 * The mark is random per segment so that bytes inside a client's value can never pass for a batch
 * when recovery looks for the next good one. The sequence counts entries, so a gap between two
 * batches, or between a segment and the next, says how many acknowledged entries are missing.
 */

import { readUint16, readUint32, readUint48, writeUint16, writeUint32, writeUint48 } from '../core/bytes.ts';
import type { Checksum } from '../core/crc32.ts';
import type { Dot } from '../core/dot.ts';

export const segmentHeaderBytes = 36;
export const batchHeaderBytes = 24;
export const entryHeaderBytes = 10;
export const recordKind = 1;
export const dropKind = 2;
/** Generation of a segment as the commits wrote it. */
export const firstGeneration = 1;

const segmentMagic = 0x4d445347;
const segmentFormat = 1;

export interface SegmentHeader {
  readonly firstId: number;
  readonly lastId: number;
  readonly generation: number;
  readonly batchMark: number;
  readonly sequence: number;
}

export interface BatchHeader {
  readonly batchMark: number;
  readonly payloadBytes: number;
  readonly entries: number;
  readonly sequence: number;
  readonly checksum: number;
}

/** One entry, as a place in the bytes it was read from. */
export interface EntryView {
  readonly kind: number;
  /** Start of the entry, counted like the bytes it was read from. */
  readonly start: number;
  readonly length: number;
  readonly spaceName: string;
  readonly payloadStart: number;
}

/** Removes a key of a space up to and including a dot. */
export interface Drop {
  readonly key: Uint8Array;
  readonly dot: Dot;
}

export function encodeSegmentHeader(header: SegmentHeader, checksum: Checksum): Uint8Array {
  const bytes = new Uint8Array(segmentHeaderBytes);
  writeUint32(bytes, 0, segmentMagic);
  writeUint16(bytes, 4, segmentFormat);
  writeUint32(bytes, 8, header.firstId);
  writeUint32(bytes, 12, header.lastId);
  writeUint32(bytes, 16, header.generation);
  writeUint32(bytes, 20, header.batchMark);
  writeUint48(bytes, 24, header.sequence);
  writeUint32(bytes, 32, checksum(bytes, 0, 0, 32));
  return bytes;
}

/** Reads the header; undefined when the bytes are not a header of this format. */
export function decodeSegmentHeader(bytes: Uint8Array, checksum: Checksum): SegmentHeader | undefined {
  if (bytes.length < segmentHeaderBytes || readUint32(bytes, 0) !== segmentMagic) return undefined;
  if (readUint16(bytes, 4) !== segmentFormat) return undefined;
  if (readUint32(bytes, 32) !== checksum(bytes, 0, 0, 32)) return undefined;
  return {
    firstId: readUint32(bytes, 8),
    lastId: readUint32(bytes, 12),
    generation: readUint32(bytes, 16),
    batchMark: readUint32(bytes, 20),
    sequence: readUint48(bytes, 24),
  };
}

/** Fills in a batch header except for its checksum, which covers the payload too. */
export function writeBatchHeader(
  bytes: Uint8Array,
  offset: number,
  header: Omit<BatchHeader, 'checksum'>,
): void {
  writeUint32(bytes, offset, header.batchMark);
  writeUint32(bytes, offset + 4, header.payloadBytes);
  writeUint32(bytes, offset + 8, header.entries);
  writeUint48(bytes, offset + 12, header.sequence);
  writeUint16(bytes, offset + 18, 0);
}

/** Reads a batch header; the caller has checked that it lies within `bytes`. Nothing is verified. */
export function readBatchHeader(bytes: Uint8Array, offset: number): BatchHeader {
  return {
    batchMark: readUint32(bytes, offset),
    payloadBytes: readUint32(bytes, offset + 4),
    entries: readUint32(bytes, offset + 8),
    sequence: readUint48(bytes, offset + 12),
    checksum: readUint32(bytes, offset + 20),
  };
}

/** The checksum of a whole batch that lies in `bytes`; the caller has checked the bounds. */
export function batchChecksum(
  bytes: Uint8Array,
  offset: number,
  payloadBytes: number,
  checksum: Checksum,
): number {
  const payloadStart = offset + batchHeaderBytes;
  const ofHeader = checksum(bytes, 0, offset, offset + 20);
  return checksum(bytes, ofHeader, payloadStart, payloadStart + payloadBytes);
}

/** Whether the framing of an entry fits between `offset` and `end`. */
export function entryFits(bytes: Uint8Array, offset: number, end: number): boolean {
  if (offset + entryHeaderBytes > end) return false;
  const length = readUint32(bytes, offset);
  return length >= entryHeaderBytes + (bytes[offset + 9] ?? 0) && offset + length <= end;
}

/** Whether an entry whose framing fits carries the checksum it was written with. */
export function entryIsIntact(bytes: Uint8Array, offset: number, checksum: Checksum): boolean {
  const length = readUint32(bytes, offset);
  return readUint32(bytes, offset + 4) === checksum(bytes, 0, offset + 8, offset + length);
}

/** Reads the head of an entry whose framing fits. */
export function readEntry(bytes: Uint8Array, offset: number): EntryView {
  const nameLength = bytes[offset + 9] ?? 0;
  const nameStart = offset + entryHeaderBytes;
  return {
    kind: bytes[offset + 8] ?? 0,
    start: offset,
    length: readUint32(bytes, offset),
    spaceName: nameLength === 0 ? '' : readAscii(bytes, nameStart, nameLength),
    payloadStart: nameStart + nameLength,
  };
}

/** Writes everything of an entry's head but its checksum; returns where the payload starts. */
export function writeEntryHead(
  bytes: Uint8Array,
  offset: number,
  head: { readonly length: number; readonly kind: number; readonly spaceName: Uint8Array },
): number {
  writeUint32(bytes, offset, head.length);
  bytes[offset + 8] = head.kind;
  bytes[offset + 9] = head.spaceName.length;
  if (head.spaceName.length > 0) bytes.set(head.spaceName, offset + entryHeaderBytes);
  return offset + entryHeaderBytes + head.spaceName.length;
}

/** The payload of a drop. */
export function encodeDrop(drop: Drop): Uint8Array {
  const { key, dot } = drop;
  const bytes = new Uint8Array(11 + key.length + dot.actor.length);
  writeUint16(bytes, 0, key.length);
  bytes.set(key, 2);
  let offset = 2 + key.length;
  writeUint48(bytes, offset, dot.wallMs);
  writeUint16(bytes, offset + 6, dot.counter);
  bytes[offset + 8] = dot.actor.length;
  offset += 9;
  for (let index = 0; index < dot.actor.length; index++) bytes[offset + index] = dot.actor.charCodeAt(index);
  return bytes;
}

/** Reads the payload of a drop; undefined when its lengths do not add up. */
export function decodeDrop(payload: Uint8Array): Drop | undefined {
  if (payload.length < 11) return undefined;
  const keyLength = readUint16(payload, 0);
  const dotStart = 2 + keyLength;
  if (dotStart + 9 > payload.length) return undefined;
  const actorLength = payload[dotStart + 8] ?? 0;
  if (dotStart + 9 + actorLength !== payload.length) return undefined;
  return {
    key: payload.slice(2, dotStart),
    dot: {
      wallMs: readUint48(payload, dotStart),
      counter: readUint16(payload, dotStart + 6),
      actor: readAscii(payload, dotStart + 9, actorLength),
    },
  };
}

/** The bytes of a text of ASCII, such as a node id. */
export function asciiBytes(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0) & 0x7f);
}

function readAscii(bytes: Uint8Array, offset: number, length: number): string {
  let text = '';
  for (let index = offset; index < offset + length; index++) text += String.fromCharCode(bytes[index] ?? 0);
  return text;
}
