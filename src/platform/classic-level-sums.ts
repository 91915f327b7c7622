/**
 * The sums of the partitions of a `classic-level` store, in memory.
 *
 * They follow each batch as it becomes durable, and are counted from the digest rows when the store is
 * opened. Rows that are known to be damaged are in no sum, so that the owners see the difference and heal it; as
 * what such a row once added may be unreadable, its partition is counted anew when one is found.
 */

import { StoreError } from '../core/errors.ts';
import { partitionOf, type Token } from '../core/token.ts';
import { equalSums, RunningSum, type VersionSum } from '../core/version-sum.ts';
import { digestKind, ownSpace, parseRowKey, type DigestRow } from './classic-level-rows.ts';

/** What one operation changes of one key. */
export interface SumChange {
  /** Key of the digest row. */
  readonly row: Uint8Array;
  readonly token: Token;
  readonly before: DigestRow | undefined;
  readonly after: DigestRow | undefined;
}

export class PartitionSums {
  readonly #sums: RunningSum[];
  #onStale: (partition: number) => void = () => {};
  /** Own rows that cannot be believed, without their kind: a digest row and its record row are one. */
  readonly #damaged = new Set<string>();
  #recoveries = 0;

  constructor(options: { readonly partitions: number }) {
    this.#sums = Array.from({ length: options.partitions }, () => new RunningSum());
  }

  /** From now on `listener` is told of each partition whose sum must be counted anew. */
  whenStale(listener: (partition: number) => void): void {
    this.#onStale = listener;
  }

  /** Throws `BAD_REQUEST` when there is no such partition. */
  of(partition: number): VersionSum {
    return this.#at(partition).value();
  }

  /** How often a row that could not be believed was read after all. */
  get recoveries(): number {
    return this.#recoveries;
  }

  /** The digest rows of what is damaged, as far as they are known, in no particular order. */
  damagedRows(): readonly Uint8Array[] {
    return Array.from(this.#damaged, (text) => Buffer.from(digestRowText(text), 'latin1'));
  }

  isDamaged(row: Uint8Array): boolean {
    return this.#damaged.size > 0 && this.#damaged.has(textOf(row));
  }

  /** Rows of hints are in no sum and ignored. */
  markDamaged(row: Uint8Array): void {
    if (!isOwn(row) || this.isDamaged(row)) return;
    this.#damaged.add(textOf(row));
    this.#onStale(this.#partitionOf(row));
  }

  markIntact(row: Uint8Array): void {
    if (this.#damaged.size === 0 || !this.#damaged.delete(textOf(row))) return;
    this.#recoveries++;
    this.#onStale(this.#partitionOf(row));
  }

  /** Follows a change that is durable now. What is written over a damaged row heals it. */
  apply({ row, token, before, after }: SumChange): void {
    const sum = this.#at(partitionOf(token, this.#sums.length));
    const wasDamaged = this.#damaged.size > 0 && this.#damaged.delete(textOf(row));
    if (before !== undefined && !wasDamaged) sum.subtract(summed(token, before));
    if (after !== undefined) sum.add(summed(token, after));
  }

  /** Puts a counted sum in the place of the one that was kept; returns whether they are equal. */
  replace(partition: number, counted: RunningSum): boolean {
    const wasRight = equalSums(this.#at(partition), counted);
    this.#sums[partition] = counted;
    return wasRight;
  }

  #at(partition: number): RunningSum {
    const sum = this.#sums[partition];
    if (sum === undefined) throw new StoreError('BAD_REQUEST', `there is no partition ${partition}`);
    return sum;
  }

  #partitionOf(row: Uint8Array): number {
    return partitionOf(parseRowKey(row, ownSpace).token, this.#sums.length);
  }
}

/** What of a version goes into a sum. */
export function summed(
  token: Token,
  { digest }: DigestRow,
): { readonly token: Token; readonly wallMs: number; readonly counter: number; readonly checksum: number } {
  return { token, wallMs: digest.dot.wallMs, counter: digest.dot.counter, checksum: digest.checksum };
}

function isOwn(row: Uint8Array): boolean {
  return row[1] === ownSpace.length;
}

function digestRowText(textWithoutKind: string): string {
  return String.fromCharCode(digestKind) + textWithoutKind;
}

function textOf(row: Uint8Array): string {
  return Buffer.from(row.subarray(1)).toString('latin1');
}
