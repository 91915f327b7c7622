/**
 * Reads of the `classic-level` engine: nothing leaves it unverified.
 *
 * A record is believed when its checksum matches and its digest row names the same version. A row that is
 * there without its other half is damage, not absence: both were written in one atomic batch.
 */

import { compareBytes } from '../core/bytes.ts';
import type { NodeId } from '../core/config.ts';
import type { Checksum } from '../core/crc32.ts';
import { assert, StoreError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import { compareVersions } from '../core/merge.ts';
import { decodeRecord, verifyRecord, type StoredRecord } from '../core/record.ts';
import type { Token } from '../core/token.ts';
import type { OldestHint, ScanCursor, ScanEntry, ScanPage } from '../storage/store.ts';
import type { DamageList } from './classic-level-damage.ts';
import type { ClassicLevelDatabase } from './classic-level-database.ts';
import { Figures } from './classic-level-figures.ts';
import type { PartitionSums } from './classic-level-sums.ts';
import {
  decodeDigestRow,
  digestKind,
  figuresRow,
  kindRange,
  ownSpace,
  parseRowKey,
  parseRowPrefix,
  partitionRange,
  recordKind,
  rowKey,
  spaceRange,
  type DigestRow,
} from './classic-level-rows.ts';

export interface ScanOptions {
  readonly after?: ScanCursor | undefined;
  readonly partition?: number;
  readonly limit: number;
}

/** Hints found by one read: those to deliver, and the keys of those that cannot be believed. */
export interface HintPage {
  readonly records: readonly StoredRecord[];
  readonly damaged: readonly { readonly key: Uint8Array; readonly token: Token }[];
}

export class ClassicLevelReader {
  readonly #database: ClassicLevelDatabase;
  readonly #checksum: Checksum;
  readonly #partitions: number;
  readonly #damage: DamageList;
  readonly #sums: PartitionSums;

  constructor(options: {
    readonly database: ClassicLevelDatabase;
    readonly checksum: Checksum;
    readonly partitions: number;
    readonly damage: DamageList;
    readonly sums: PartitionSums;
  }) {
    this.#database = options.database;
    this.#checksum = options.checksum;
    this.#partitions = options.partitions;
    this.#damage = options.damage;
    this.#sums = options.sums;
  }

  /** The digest of a key in a space. Throws `RECORD_CORRUPT`. */
  async digest(space: string, key: Uint8Array, token: Token): Promise<DigestRow | undefined> {
    const row = rowKey(digestKind, space, token, key);
    const value = await this.#database.read((native) => native.get(row));
    if (value === undefined) return undefined;
    return (
      decodeDigestRow(value, row, this.#checksum) ?? this.#refuse(row, 'its digest row fails its checksum')
    );
  }

  /** The digest as far as it can be told, from the record where the digest row is damaged: for deciding a merge. */
  async held(space: string, key: Uint8Array, token: Token): Promise<DigestRow | undefined> {
    try {
      return await this.digest(space, key, token);
    } catch (error) {
      if (!isDamage(error)) throw error;
    }
    try {
      const recordRow = rowKey(recordKind, space, token, key);
      const value = await this.#database.read((native) => native.get(recordRow));
      const record = value === undefined ? undefined : this.believable(value, key);
      return record === undefined ? undefined : { digest: record.version, recordBytes: record.bytes.length };
    } catch (error) {
      if (!isDamage(error)) throw error;
      return undefined;
    }
  }

  /** False when the record of a key is damaged: the same version, given again, then heals it. */
  async isReadable(space: string, key: Uint8Array, token: Token): Promise<boolean> {
    try {
      await this.record(space, key, token);
      return true;
    } catch (error) {
      if (!isDamage(error)) throw error;
      return false;
    }
  }

  /** The record of a key in a space, verified. Throws `RECORD_CORRUPT`. */
  async record(space: string, key: Uint8Array, token: Token): Promise<StoredRecord | undefined> {
    const digestRow = rowKey(digestKind, space, token, key);
    const recordRow = rowKey(recordKind, space, token, key);
    const [digestValue, recordValue] = await this.#database.read((native) =>
      native.getMany([digestRow, recordRow]),
    );
    if (digestValue === undefined && recordValue === undefined) return undefined;
    if (digestValue === undefined) return this.#refuse(recordRow, 'its digest row is missing');
    if (recordValue === undefined) return this.#refuse(recordRow, 'its record row is missing');
    const digest = decodeDigestRow(digestValue, digestRow, this.#checksum);
    if (digest === undefined) return this.#refuse(digestRow, 'its digest row fails its checksum');
    const record = this.believable(recordValue, key);
    if (record === undefined) return this.#refuse(recordRow, 'its record row fails its checksum');
    if (compareVersions(record.version, digest.digest) !== 0) {
      return this.#refuse(recordRow, 'its record row holds another version than its digest row');
    }
    this.#sums.markIntact(digestRow);
    return record;
  }

  /** The record that these bytes are, or undefined when they are not one of `key`. */
  believable(value: Uint8Array, key: Uint8Array): StoredRecord | undefined {
    try {
      // Out of the package come Node's Buffers; the rest of the store knows plain bytes.
      const record = decodeRecord(new Uint8Array(value.buffer, value.byteOffset, value.length));
      const isOfKey = compareBytes(record.key, key) === 0;
      return isOfKey && verifyRecord(record, this.#checksum) ? record : undefined;
    } catch (error) {
      if (error instanceof StoreError && error.code === 'RECORD_INVALID') return undefined;
      throw error;
    }
  }

  /** The figures row, or a count of all rows where there is none to believe. */
  async figures(): Promise<Figures> {
    return this.#database.read(async (native) => {
      const row = await native.get(figuresRow);
      const written = row === undefined ? undefined : Figures.decode(row, this.#checksum);
      if (written !== undefined) return written;
      const counted = new Figures();
      for await (const [row, value] of native.iterator(kindRange(digestKind))) {
        const { space } = parseRowPrefix(row);
        const bytes = decodeDigestRow(value, row, this.#checksum)?.recordBytes ?? 0;
        counted.apply({ space, keys: 1, bytes });
      }
      return counted;
    });
  }

  async scan(options: ScanOptions): Promise<ScanPage> {
    const { after, partition, limit } = options;
    assert(limit > 0, 'a scan asks for at least one entry');
    const range =
      partition === undefined
        ? spaceRange(digestKind, ownSpace)
        : partitionRange(digestKind, partition, this.#partitions);
    const afterRow = after === undefined ? undefined : rowOfCursor(after);
    const start =
      afterRow !== undefined && compareBytes(afterRow, range.gte) >= 0
        ? { gt: afterRow }
        : { gte: range.gte };
    const rows = await this.#database.read((native) =>
      native.iterator({ ...start, lt: range.lt, limit }).all(),
    );
    const entries: ScanEntry[] = [];
    for (const [row, value] of rows) {
      const found = decodeDigestRow(value, row, this.#checksum);
      // A key that cannot be read counts as missing here: the other owners then send it anew.
      if (found === undefined) this.noteDamage(row, 'its digest row fails its checksum');
      else
        entries.push({ ...parseRowKey(row, ownSpace), digest: found.digest, recordBytes: found.recordBytes });
    }
    const last = rows.length < limit ? undefined : rows.at(-1);
    return { entries, next: last === undefined ? undefined : cursorOfRow(last[0]) };
  }

  /** The hint with the earliest stamp; those that cannot be believed are left out. */
  async oldestHint(targets: readonly NodeId[]): Promise<OldestHint | undefined> {
    return await this.#database.read(async (native) => {
      let oldest: OldestHint | undefined;
      for (const target of targets) {
        for await (const [row, value] of native.iterator(spaceRange(digestKind, target))) {
          const wallMs = decodeDigestRow(value, row, this.#checksum)?.digest.dot.wallMs;
          if (wallMs !== undefined && (oldest === undefined || wallMs < oldest.wallMs))
            oldest = { target, wallMs };
        }
      }
      return oldest;
    });
  }

  async hints(target: NodeId, limit: number): Promise<HintPage> {
    const records: StoredRecord[] = [];
    const damaged: { key: Uint8Array; token: Token }[] = [];
    await this.#database.read(async (native) => {
      let bytes = 0;
      for await (const [row, value] of native.iterator({ ...spaceRange(recordKind, target), limit })) {
        const { key, token } = parseRowKey(row, target);
        const record = this.believable(value, key);
        if (record === undefined) {
          this.noteDamage(row, 'this hint fails its checksum');
          damaged.push({ key, token });
          continue;
        }
        records.push(record);
        bytes += value.length;
        if (bytes >= limits.hintReadBytesMax) break;
      }
    });
    return { records, damaged };
  }

  /** Reports a row that cannot be believed, and takes its version out of the sum of its partition. */
  noteDamage(row: Uint8Array, reason: string): void {
    this.#damage.add(row, reason);
    this.#sums.markDamaged(row);
  }

  #refuse(row: Uint8Array, reason: string): never {
    this.noteDamage(row, reason);
    throw new StoreError(
      'RECORD_CORRUPT',
      `${this.#database.location}, row ${Buffer.from(row).toString('hex')}: ${reason}; the other owners hold the data`,
    );
  }
}

function isDamage(error: unknown): boolean {
  return error instanceof StoreError && error.code === 'RECORD_CORRUPT';
}

const prefixBytes = 2;
const tokenBytes = 8;

function cursorOfRow(row: Uint8Array): ScanCursor {
  return Buffer.from(row.subarray(prefixBytes)).toString('base64url') as ScanCursor;
}

function rowOfCursor(cursor: ScanCursor): Uint8Array {
  const rest = Buffer.from(cursor, 'base64url');
  if (rest.length <= tokenBytes || rest.toString('base64url') !== cursor) {
    throw new StoreError(
      'BAD_REQUEST',
      'the cursor is none that this store gave out; start from the beginning',
    );
  }
  return Uint8Array.of(digestKind, ownSpace.length, ...rest);
}
