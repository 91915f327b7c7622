/**
 * Reads entries back from their segments, and believes nothing that its checksum does not confirm.
 *
 * Comparing the key of an entry is the one exception: equal bytes at the place the index names are
 * taken for what they say, because nothing is answered from them. Differing bytes are not: then the
 * whole entry is verified, or a flipped bit in a key would turn one key into two.
 */

import { takeBytes } from '../core/byte-pool.ts';
import { equalBytes, readUint16, readUint32, readUint48 } from '../core/bytes.ts';
import type { Checksum } from '../core/crc32.ts';
import { errorMessageOf, StoreError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import { decodeRecord, recordKeyOffset, recordExpiryOffset, type StoredRecord } from '../core/record.ts';
import { compareTokens, tokenOf, type Token } from '../core/token.ts';
import { entryFits, entryHeaderBytes, entryIsIntact } from './segment-format.ts';
import type { LogTail } from './log-tail.ts';
import type { Segment } from './segment.ts';

/** Read at once for a key: longer ones than fit are rare and cost a second read. */
const keyHeadBytes = 512;

/** Where an entry lies. */
export interface EntryPlace {
  readonly segment: Segment;
  readonly offset: number;
  readonly length: number;
  /** The index slot that it was read from: where to look first, as it may have moved since. */
  readonly slot?: number;
}

/** What lies at a place is not what was written there. */
export type DamageListener = (place: EntryPlace, reason: string) => void;

export class EntryReader {
  readonly #checksum: Checksum;
  readonly #onDamage: DamageListener;
  #scratch = new Uint8Array(limits.keyBytesMax + 1024);

  constructor(options: { readonly checksum: Checksum; readonly onDamage: DamageListener }) {
    this.#checksum = options.checksum;
    this.#onDamage = options.onDamage;
  }

  /** Whether the record at a place carries this key, without verifying more than that takes. */
  compareKey(
    segment: Segment,
    offset: number,
    length: number,
    nameLength: number,
    key: Uint8Array,
  ): 'same' | 'other' | 'damaged' {
    const keyStart = entryHeaderBytes + nameLength + recordKeyOffset;
    const needed = keyStart + key.length;
    if (needed < length) {
      if (needed > this.#scratch.length) this.#scratch = new Uint8Array(needed * 2);
      const head = this.#scratch;
      try {
        const read = segment.file.readSync(head.subarray(0, needed), offset);
        if (
          read === needed &&
          readUint16(head, keyStart - 6) === key.length &&
          startsWith(head, keyStart, key)
        ) {
          return 'same';
        }
      } catch (error) {
        this.#onDamage({ segment, offset, length }, errorMessageOf(error));
        return 'damaged';
      }
    }
    return this.#isIntactSync({ segment, offset, length }) ? 'other' : 'damaged';
  }

  /**
   * The key of the record at a place, or undefined when it cannot be believed. A key that has the
   * token of its slot is what was written there: the token is a second checksum of the key alone.
   */
  keySync(place: EntryPlace, nameLength: number, token: Token): Uint8Array | undefined {
    const { segment, offset, length } = place;
    const keyStart = entryHeaderBytes + nameLength + recordKeyOffset;
    const head = new Uint8Array(Math.min(length, keyHeadBytes));
    try {
      if (segment.file.readSync(head, offset) === head.length) {
        const keyEnd = keyStart + readUint16(head, keyStart - 6);
        const key = head.subarray(keyStart, keyEnd);
        if (keyEnd <= head.length && compareTokens(tokenOf(key), token) === 0) return key;
      }
    } catch (error) {
      this.#onDamage(place, errorMessageOf(error));
      return undefined;
    }
    // Either a long key or a damaged one: the whole entry tells.
    const bytes = this.#bytesSync(place);
    return bytes === undefined ? undefined : recordAt(bytes, nameLength).key;
  }

  /**
   * Expiry of the record at a place. Large records are not verified for it: merging must not wait,
   * and reads that answer a client go through `record`.
   */
  expirySync(place: EntryPlace, nameLength: number): number | undefined {
    const { segment, offset, length } = place;
    const recordStart = entryHeaderBytes + nameLength;
    if (length <= limits.synchronousReadBytesMax) {
      const bytes = this.#bytesSync(place);
      return bytes === undefined ? undefined : recordAt(bytes, nameLength).version.expiresAtMs;
    }
    const head = new Uint8Array(recordStart + recordKeyOffset);
    const expiry = new Uint8Array(6);
    try {
      segment.file.readSync(head, offset);
      const keyLength = readUint16(head, recordStart + recordKeyOffset - 6);
      segment.file.readSync(expiry, offset + recordStart + recordExpiryOffset(keyLength));
      return readUint48(expiry, 0);
    } catch (error) {
      this.#onDamage(place, errorMessageOf(error));
      return undefined;
    }
  }

  /**
   * The verified record at a place. Throws `RECORD_CORRUPT`, or `DISK_READ_FAILED` when the disk
   * would not hand it out; either has been reported as damage.
   */
  async record(place: EntryPlace, nameLength: number): Promise<StoredRecord> {
    if (place.length <= limits.synchronousReadBytesMax) return this.recordSync(place, nameLength);
    const bytes = new Uint8Array(place.length);
    let read: number;
    try {
      read = await place.segment.file.read(bytes, place.offset);
    } catch (error) {
      this.#onDamage(place, errorMessageOf(error));
      throw error;
    }
    return this.#verified(place, bytes, read, nameLength);
  }

  /**
   * The same at once, for an entry of at most `limits.synchronousReadBytesMax`. From the tail where that has it intact:
   * what is wrong in memory says nothing about the disk.
   */
  recordSync(place: EntryPlace, nameLength: number, tail?: Pick<LogTail, 'read'>): StoredRecord {
    const bytes = takeBytes(place.length);
    if (tail?.read(place.segment, place.offset, bytes) === true && this.#isIntact(bytes)) {
      return recordAt(bytes, nameLength);
    }
    let read: number;
    try {
      read = place.segment.file.readSync(bytes, place.offset);
    } catch (error) {
      this.#onDamage(place, errorMessageOf(error));
      throw error;
    }
    return this.#verified(place, bytes, read, nameLength);
  }

  #verified(place: EntryPlace, bytes: Uint8Array, read: number, nameLength: number): StoredRecord {
    const { length } = place;
    if (read === length && this.#isIntact(bytes)) return recordAt(bytes, nameLength);
    this.#onDamage(place, 'the entry does not match its checksum');
    throw corruptError(place);
  }

  /**
   * The record of an entry whose bytes have been read together with those of its neighbours, or undefined
   * when they do not match their checksum. Nothing is reported: `record` reads them once more and tells.
   */
  recordIn(bytes: Uint8Array, nameLength: number): StoredRecord | undefined {
    return this.#isIntact(bytes) ? recordAt(bytes, nameLength) : undefined;
  }

  #isIntactSync(place: EntryPlace): boolean {
    return this.#bytesSync(place) !== undefined;
  }

  #bytesSync(place: EntryPlace): Uint8Array | undefined {
    const { segment, offset, length } = place;
    const bytes = new Uint8Array(length);
    try {
      if (segment.file.readSync(bytes, offset) === length && this.#isIntact(bytes)) return bytes;
      this.#onDamage(place, 'the entry does not match its checksum');
    } catch (error) {
      this.#onDamage(place, errorMessageOf(error));
    }
    return undefined;
  }

  #isIntact(bytes: Uint8Array): boolean {
    return (
      entryFits(bytes, 0, bytes.length) &&
      readUint32(bytes, 0) === bytes.length &&
      entryIsIntact(bytes, 0, this.#checksum)
    );
  }
}

export function corruptError(place: EntryPlace): StoreError {
  return new StoreError(
    'RECORD_CORRUPT',
    `the record at offset ${place.offset} of ${place.segment.path} does not match its checksum; ` +
      'writing the key again or a copy from another owner heals it',
  );
}

function recordAt(bytes: Uint8Array, nameLength: number): StoredRecord {
  return decodeRecord(bytes.subarray(entryHeaderBytes + nameLength));
}

function startsWith(bytes: Uint8Array, offset: number, key: Uint8Array): boolean {
  return equalBytes(bytes.subarray(offset, offset + key.length), key);
}
