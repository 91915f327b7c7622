/**
 * A record: the replicated state of one key, as the bytes that travel and lie on disk.
 *
 * The layout is the same on the wire and in the log, big-endian:
 *
 *   record   0  u32  length of the whole record
 *            4  u8   format, 1
 *            5  u8   resolution: 0 last write wins, 1 siblings (reserved)
 *            6  u16  key length
 *            8  u8   number of versions, 1 under last write wins
 *            9  u8   number of causal-context entries, 0 under last write wins
 *           10  u16  zero
 *           12       key, context entries, versions
 *   version  0  u32  CRC-32 of the key followed by this version from offset 4 to its end
 *            4  u32  value length
 *            8  u48  dot: wall milliseconds
 *           14  u16  dot: counter
 *           16  u48  expires at, wall milliseconds; 0 never
 *           22  u8   flags: 1 tombstone
 *           23  u8   actor length
 *           24  u8   content type length
 *           25  u24  zero
 *           28       actor, content type, value
 *
 * The version's checksum is computed once, by the coordinator, and verified wherever the version
 * crosses a wire or a disk. Siblings will come as resolution 1 with a context and several versions
 * in this very layout; until then a record of another resolution is refused as unsupported.
 */

import { takeBytes } from './byte-pool.ts';
import { readUint16, readUint32, readUint48, writeUint16, writeUint32, writeUint48 } from './bytes.ts';
import { checksumOfRest, joinChecksums, type Checksum } from './crc32.ts';
import type { Dot } from './dot.ts';
import { StoreError } from './errors.ts';
import { wallMsMax } from './hybrid-logical-clock.ts';
import { SharedTexts } from './shared-text.ts';
import { tokenOf, type Token } from './token.ts';

/** What decides a merge, small enough for an index slot or a version-only reply. */
export interface VersionDigest {
  readonly dot: Dot;
  readonly tombstone: boolean;
  /** Wall milliseconds from which the version counts as deleted; 0 means never. */
  readonly expiresAtMs: number;
  /** The version's CRC-32: tells contents apart should two versions ever carry one dot. */
  readonly checksum: number;
}

export interface Version extends VersionDigest {
  /** Media type given by the writer; empty when none was. */
  readonly contentType: string;
  /** A view into the record's bytes; empty for a tombstone. */
  readonly value: Uint8Array;
}

export interface StoredRecord {
  readonly key: Uint8Array;
  readonly token: Token;
  /** The one version that last-write-wins keeps. */
  readonly version: Version;
  /** The encoded record; `key` and `version.value` are views into it. Nobody may change it. */
  readonly bytes: Uint8Array;
}

export const keyBytesFormatMax = 0xffff;
const headerBytes = 12;
const versionHeaderBytes = 28;
const format = 1;
const lastWriteWins = 0;
const tombstoneFlag = 1;
const shortTextMax = 255;

/** The fields of a new version, before it has bytes. */
export interface VersionFields {
  readonly key: Uint8Array;
  readonly dot: Dot;
  readonly value?: Uint8Array;
  readonly contentType?: string;
  readonly tombstone?: boolean;
  readonly expiresAtMs?: number;
}

const noBytes = new Uint8Array(0);

/** The actors of all records and digests. */
export const actorTexts = new SharedTexts(isActorCharacter);
const contentTypes = new SharedTexts(isPrintable);

/** Where the key starts in an encoded record, for those who compare no more than that. */
export const recordKeyOffset = headerBytes;

/** Where the 48 bits of the expiry lie in an encoded record with a key of this length. */
export function recordExpiryOffset(keyLength: number): number {
  return headerBytes + keyLength + 16;
}

/**
 * The token of an encoded record that lies from `start` to `end`, for those who need no more of it and know that its bytes are
 * good. Throws `RECORD_INVALID` for a key that does not fit.
 */
export function tokenOfEncoded(bytes: Uint8Array, start: number, end: number): Token {
  const keyStart = start + headerBytes;
  const keyEnd = keyStart + readUint16(bytes, start + 6);
  if (keyEnd > end) throw new StoreError('RECORD_INVALID', 'the key of a record lies past its end');
  return tokenOf(bytes.subarray(keyStart, keyEnd));
}

/** Whether an encoded record that starts at `start` is a delete or expires one day, under the same conditions. */
export function isEncodedDeleteOrExpiry(bytes: Uint8Array, start: number): boolean {
  const keyLength = readUint16(bytes, start + 6);
  const flags = bytes[start + headerBytes + keyLength + 22] ?? 0;
  return (flags & tombstoneFlag) !== 0 || readUint48(bytes, start + recordExpiryOffset(keyLength)) !== 0;
}

/** Encodes a new version into a record of its own. Throws `RECORD_INVALID` for fields out of range. */
export function encodeRecord(fields: VersionFields, checksum: Checksum): StoredRecord {
  const { key, dot } = fields;
  const value = fields.value ?? noBytes;
  const actor = dot.actor;
  const contentType = fields.contentType ?? '';
  if (key.length === 0 || key.length > keyBytesFormatMax) {
    throw new StoreError('RECORD_INVALID', `key of ${key.length} bytes; allowed are 1 to 65535`);
  }
  if (actor.length === 0 || actor.length > shortTextMax || contentType.length > shortTextMax) {
    throw new StoreError('RECORD_INVALID', 'actor (1 to 255 bytes) or content type (0 to 255) is too long');
  }
  const expiresAtMs = fields.expiresAtMs ?? 0;
  if (
    !isWithin(dot.wallMs, wallMsMax) ||
    !isWithin(expiresAtMs, wallMsMax) ||
    !isWithin(dot.counter, 0xffff)
  ) {
    throw new StoreError(
      'RECORD_INVALID',
      `dot ${dot.wallMs}-${dot.counter} or expiry ${expiresAtMs} does not fit 48 bits of milliseconds and 16 of counter`,
    );
  }
  const versionOffset = headerBytes + key.length;
  const textOffset = versionOffset + versionHeaderBytes;
  const length = textOffset + actor.length + contentType.length + value.length;
  const bytes = takeBytes(length);
  writeUint32(bytes, 0, length);
  bytes[4] = format;
  bytes[5] = lastWriteWins;
  writeUint16(bytes, 6, key.length);
  bytes[8] = 1;
  bytes.set(key, headerBytes);
  writeUint32(bytes, versionOffset + 4, value.length);
  writeUint48(bytes, versionOffset + 8, dot.wallMs);
  writeUint16(bytes, versionOffset + 14, dot.counter);
  writeUint48(bytes, versionOffset + 16, expiresAtMs);
  bytes[versionOffset + 22] = fields.tombstone === true ? tombstoneFlag : 0;
  bytes[versionOffset + 23] = actor.length;
  bytes[versionOffset + 24] = contentType.length;
  writeText(bytes, textOffset, actor, isActorCharacter);
  writeText(bytes, textOffset + actor.length, contentType, isPrintable);
  bytes.set(value, textOffset + actor.length + contentType.length);
  writeUint32(bytes, versionOffset, versionChecksum(bytes, versionOffset, checksum));
  return decodeRecord(bytes);
}

/** A version in a record's bytes. Most are merged and never read, and a view costs much: the value gets one when it is asked for. */
class DecodedVersion implements Version {
  readonly dot: Dot;
  readonly tombstone: boolean;
  readonly expiresAtMs: number;
  readonly checksum: number;
  readonly contentType: string;
  readonly #bytes: Uint8Array;
  readonly #valueOffset: number;
  #value: Uint8Array | undefined = undefined;

  constructor(fields: Omit<Version, 'value'>, bytes: Uint8Array, valueOffset: number) {
    this.dot = fields.dot;
    this.tombstone = fields.tombstone;
    this.expiresAtMs = fields.expiresAtMs;
    this.checksum = fields.checksum;
    this.contentType = fields.contentType;
    this.#bytes = bytes;
    this.#valueOffset = valueOffset;
  }

  get value(): Uint8Array {
    this.#value ??= this.#bytes.subarray(this.#valueOffset);
    return this.#value;
  }
}

/**
 * Reads the structure of an encoded record without touching the value. `bytes` must be exactly one
 * record and must not change afterwards. Throws `RECORD_INVALID` or `FORMAT_UNSUPPORTED`; every
 * length is checked before it is used. The checksum is not verified here: see `verifyRecord`.
 */
export function decodeRecord(bytes: Uint8Array): StoredRecord {
  if (bytes.length < headerBytes + 1 + versionHeaderBytes + 1 || readUint32(bytes, 0) !== bytes.length) {
    throw new StoreError('RECORD_INVALID', `a record of ${bytes.length} bytes does not state its own length`);
  }
  if (bytes[4] !== format || bytes[5] !== lastWriteWins) {
    throw new StoreError(
      'FORMAT_UNSUPPORTED',
      `record format ${bytes[4]}, resolution ${bytes[5]}; this version reads format 1, resolution 0`,
    );
  }
  const keyLength = readUint16(bytes, 6);
  const versionOffset = headerBytes + keyLength;
  if (
    keyLength === 0 ||
    bytes[8] !== 1 ||
    bytes[9] !== 0 ||
    readUint16(bytes, 10) !== 0 ||
    versionOffset + versionHeaderBytes > bytes.length
  ) {
    throw new StoreError('RECORD_INVALID', 'record header does not fit its length');
  }
  const flags = bytes[versionOffset + 22] ?? 0;
  if ((flags & ~tombstoneFlag) !== 0 || readUint32(bytes, versionOffset + 24) << 8 !== 0) {
    throw new StoreError('FORMAT_UNSUPPORTED', `version flags ${flags}; this version knows tombstones only`);
  }
  const actorLength = bytes[versionOffset + 23] ?? 0;
  const contentTypeLength = bytes[versionOffset + 24] ?? 0;
  const valueLength = readUint32(bytes, versionOffset + 4);
  const textOffset = versionOffset + versionHeaderBytes;
  const valueOffset = textOffset + actorLength + contentTypeLength;
  if (actorLength === 0 || valueOffset + valueLength !== bytes.length) {
    throw new StoreError('RECORD_INVALID', 'version lengths do not add up to the length of the record');
  }
  const key = bytes.subarray(headerBytes, versionOffset);
  return {
    key,
    token: tokenOf(key),
    version: new DecodedVersion(
      {
        dot: {
          wallMs: readUint48(bytes, versionOffset + 8),
          counter: readUint16(bytes, versionOffset + 14),
          actor: readText(actorTexts, bytes, textOffset, actorLength),
        },
        tombstone: flags === tombstoneFlag,
        expiresAtMs: readUint48(bytes, versionOffset + 16),
        checksum: readUint32(bytes, versionOffset),
        contentType: readText(contentTypes, bytes, textOffset + actorLength, contentTypeLength),
      },
      bytes,
      valueOffset,
    ),
    bytes,
  };
}

/** Whether the version still carries the checksum that its coordinator gave it. */
export function verifyRecord(record: StoredRecord, checksum: Checksum): boolean {
  return versionChecksum(record.bytes, headerBytes + record.key.length, checksum) === record.version.checksum;
}

/**
 * The CRC of all bytes of a record whose version carries the right checksum: that of its value follows from it, and a long value
 * is not read again.
 */
export function recordChecksum({ bytes, key, version }: StoredRecord, checksum: Checksum): number {
  const versionOffset = headerBytes + key.length;
  const valueBytes = readUint32(bytes, versionOffset + 4);
  const valueOffset = bytes.length - valueBytes;
  const ofKey = checksum(bytes, 0, headerBytes, versionOffset);
  const beforeValue = checksum(bytes, ofKey, versionOffset + 4, valueOffset);
  const ofValue = checksumOfRest(version.checksum, beforeValue, valueBytes);
  return joinChecksums(checksum(bytes, 0, 0, valueOffset), ofValue, valueBytes);
}

/** Bytes that a record of these sizes takes, for checks against a frame or batch limit. */
export function recordBytesMax(sizes: { readonly keyBytes: number; readonly valueBytes: number }): number {
  return headerBytes + sizes.keyBytes + versionHeaderBytes + 2 * shortTextMax + sizes.valueBytes;
}

/** Whether a version reads as absent at `nowMs`: a tombstone, or past its expiry. */
export function readsAsDeleted(version: VersionDigest, nowMs: number): boolean {
  return version.tombstone || (version.expiresAtMs !== 0 && version.expiresAtMs <= nowMs);
}

function versionChecksum(bytes: Uint8Array, versionOffset: number, checksum: Checksum): number {
  return checksum(bytes, checksum(bytes, 0, headerBytes, versionOffset), versionOffset + 4);
}

/** Printable ASCII only: the text ends up in HTTP headers, where a line break would be an injection. */
function isPrintable(code: number): boolean {
  return code >= 0x20 && code <= 0x7e;
}

/** An actor is part of the quoted ETag too, so it has neither quotes nor spaces. */
function isActorCharacter(code: number): boolean {
  return isPrintable(code) && code !== 0x20 && code !== 0x22;
}

function isWithin(value: number, max: number): boolean {
  return Number.isInteger(value) && value >= 0 && value <= max;
}

type IsAllowed = (code: number) => boolean;

function writeText(bytes: Uint8Array, offset: number, text: string, isAllowed: IsAllowed): void {
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (!isAllowed(code)) throw unprintable();
    bytes[offset + index] = code;
  }
}

function readText(texts: SharedTexts, bytes: Uint8Array, offset: number, length: number): string {
  const text = texts.read(bytes, offset, length);
  if (text === undefined) throw unprintable();
  return text;
}

function unprintable(): StoreError {
  return new StoreError(
    'RECORD_INVALID',
    'actor and content type must be printable ASCII, the actor without spaces and quotes',
  );
}
