/**
 * What anti-entropy asks of the `classic-level` engine: sums, versions and records of token ranges.
 *
 * The rows are in token order, so each answer is a walk over digest rows, from one LevelDB snapshot: a
 * record row is compared with the digest row that was written with it, never with a later one.
 */

import { compareBytes } from '../core/bytes.ts';
import type { Checksum } from '../core/crc32.ts';
import { treeRange, treeRoot } from '../core/hash-tree.ts';
import { limits } from '../core/limits.ts';
import { compareVersions } from '../core/merge.ts';
import type { StoredRecord } from '../core/record.ts';
import { compareTokens, isInRange, type Token, type TokenRange } from '../core/token.ts';
import { RunningSum, type VersionSum } from '../core/version-sum.ts';
import type { DamagedVersion, ListedVersion, RecordPage, VersionPage } from '../storage/store.ts';
import type { ClassicLevelDatabase, NativeDatabase } from './classic-level-database.ts';
import type { ClassicLevelReader } from './classic-level-reader.ts';
import {
  decodeDigestRow,
  digestKind,
  ownSpace,
  parseRowKey,
  recordKind,
  rowKey,
  tokenRowRange,
  type DigestRow,
} from './classic-level-rows.ts';
import { summed, type PartitionSums } from './classic-level-sums.ts';

type Snapshot = ReturnType<NativeDatabase['snapshot']>;

/** A key with the digest row that says what it holds. */
interface HeldKey extends DigestRow {
  readonly key: Uint8Array;
  readonly token: Token;
  readonly isDamaged: boolean;
}

export class ClassicLevelTreeReader {
  readonly #database: ClassicLevelDatabase;
  readonly #checksum: Checksum;
  readonly #partitions: number;
  readonly #reader: ClassicLevelReader;
  readonly #sums: PartitionSums;

  constructor(options: {
    readonly database: ClassicLevelDatabase;
    readonly checksum: Checksum;
    readonly partitions: number;
    readonly reader: ClassicLevelReader;
    readonly sums: PartitionSums;
  }) {
    this.#database = options.database;
    this.#checksum = options.checksum;
    this.#partitions = options.partitions;
    this.#reader = options.reader;
    this.#sums = options.sums;
  }

  async sumRanges(ranges: readonly TokenRange[], upToMs: number): Promise<readonly VersionSum[]> {
    const sums: VersionSum[] = [];
    for (const range of ranges) sums.push((await this.#count(range, upToMs)).value());
    return sums;
  }

  /** The sum of a partition as its rows have it now. */
  countSum(partition: number): Promise<RunningSum> {
    return this.#count(treeRange(treeRoot(partition), this.#partitions), Number.POSITIVE_INFINITY);
  }

  /** Counts all partitions from their rows; nothing may be written meanwhile. */
  async countAllSums(): Promise<void> {
    for (let partition = 0; partition < this.#partitions; partition++) {
      this.#sums.replace(partition, await this.countSum(partition));
    }
  }

  async listVersions(range: TokenRange, limit: number): Promise<VersionPage> {
    const most = Math.max(1, Math.min(limit, limits.treeVersionsMax));
    const versions: ListedVersion[] = [];
    const next = await this.#walk(range, (held) => {
      const intact = held.filter(({ isDamaged }) => !isDamaged);
      if (versions.length > 0 && versions.length + intact.length > most) return false;
      versions.push(...intact.map(listed));
      return true;
    });
    return { versions, next };
  }

  async listDamaged(range: TokenRange, limit: number): Promise<readonly DamagedVersion[]> {
    const { recoveries } = this.#sums;
    const rows = this.#sums
      .damagedRows()
      .filter((row) => isInRange(parseRowKey(row, ownSpace).token, range))
      .toSorted(compareBytes)
      .slice(0, limit);
    const found = rows.map(async (row) => {
      const { token, key } = parseRowKey(row, ownSpace);
      const held = await this.#reader.held(ownSpace, key, token);
      // Where nothing tells what it was, zeros: at or below any other version.
      if (held === undefined) return { token, wallMs: 0, counter: 0, checksum: 0, recoveries };
      return { ...summed(token, held), recoveries };
    });
    return await Promise.all(found);
  }

  async readRange(range: TokenRange, bytesMax: number): Promise<RecordPage> {
    return this.#inSnapshot(async (native, snapshot) => {
      const found: HeldKey[] = [];
      let bytes = 0;
      const next = await this.#walkIn(native, snapshot, range, (held) => {
        const added = held.reduce((sum, { recordBytes }) => sum + recordBytes, 0);
        const isFull = bytes + added > bytesMax || found.length + held.length > limits.treeRecordsMax;
        if (found.length > 0 && isFull) return false;
        bytes += added;
        found.push(...held);
        return true;
      });
      return { records: await this.#recordsOf(native, snapshot, found), next };
    });
  }

  async readTokens(
    tokens: readonly Token[],
    bytesMax: number,
  ): Promise<{ readonly records: readonly StoredRecord[]; readonly rest: readonly Token[] }> {
    const records: StoredRecord[] = [];
    let room = bytesMax;
    for (const [reached, token] of tokens.entries()) {
      const page = await this.readRange({ first: token, last: token }, Math.max(room, 0));
      const bytes = page.records.reduce((sum, record) => sum + record.bytes.length, 0);
      const isFull = bytes > room || records.length + page.records.length > limits.treeRecordsMax;
      if (records.length > 0 && isFull) return { records, rest: tokens.slice(reached) };
      records.push(...page.records);
      room -= bytes;
    }
    return { records, rest: [] };
  }

  async #count(range: TokenRange, upToMs: number): Promise<RunningSum> {
    const sum = new RunningSum();
    await this.#walk(range, (held) => {
      for (const each of held) {
        if (!each.isDamaged && each.digest.dot.wallMs <= upToMs) sum.add(summed(each.token, each));
      }
      return true;
    });
    return sum;
  }

  #walk(range: TokenRange, visit: (held: readonly HeldKey[]) => boolean): Promise<Token | undefined> {
    return this.#inSnapshot((native, snapshot) => this.#walkIn(native, snapshot, range, visit));
  }

  /** Visits what the tokens of a range hold, all of one token at a time; returns the token at which it was told to end. */
  async #walkIn(
    native: NativeDatabase,
    snapshot: Snapshot,
    range: TokenRange,
    visit: (held: readonly HeldKey[]) => boolean,
  ): Promise<Token | undefined> {
    let ofToken: HeldKey[] = [];
    for await (const [row, value] of native.iterator({ ...tokenRowRange(digestKind, range), snapshot })) {
      const digest = decodeDigestRow(value, row, this.#checksum);
      if (digest === undefined) {
        this.#reader.noteDamage(row, 'its digest row fails its checksum');
        continue;
      }
      const held = { ...parseRowKey(row, ownSpace), ...digest, isDamaged: this.#sums.isDamaged(row) };
      const first = ofToken[0]?.token;
      if (first !== undefined && compareTokens(first, held.token) !== 0) {
        if (!visit(ofToken)) return first;
        ofToken = [];
      }
      ofToken.push(held);
    }
    const last = ofToken[0]?.token;
    return last === undefined || visit(ofToken) ? undefined : last;
  }

  /** The records of these keys that can be believed; the others are noted as damage. */
  async #recordsOf(
    native: NativeDatabase,
    snapshot: Snapshot,
    found: readonly HeldKey[],
  ): Promise<readonly StoredRecord[]> {
    const rows = found.map(({ token, key }) => rowKey(recordKind, ownSpace, token, key));
    const values = await native.getMany(rows, { snapshot });
    const records: StoredRecord[] = [];
    for (const [index, held] of found.entries()) {
      const row = rows[index] ?? new Uint8Array(0);
      const value = values[index];
      const record = value === undefined ? undefined : this.#reader.believable(value, held.key);
      if (record === undefined || compareVersions(record.version, held.digest) !== 0) {
        this.#reader.noteDamage(
          row,
          'its record row is missing, fails its checksum or is of another version',
        );
        continue;
      }
      this.#sums.markIntact(row);
      records.push(record);
    }
    return records;
  }

  #inSnapshot<Result>(
    body: (native: NativeDatabase, snapshot: Snapshot) => Promise<Result>,
  ): Promise<Result> {
    return this.#database.read(async (native) => {
      await using snapshot = native.snapshot();
      return await body(native, snapshot);
    });
  }
}

function listed({ token, digest }: HeldKey): ListedVersion {
  return {
    token,
    wallMs: digest.dot.wallMs,
    counter: digest.dot.counter,
    checksum: digest.checksum,
    tombstone: digest.tombstone,
    expires: digest.expiresAtMs !== 0,
  };
}
