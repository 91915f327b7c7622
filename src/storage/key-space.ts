/**
 * A set of keys with one version each: the store's own records, one table per partition, or the
 * hints for one absent owner, in a single table.
 */

import { partitionOf, type Token } from '../core/token.ts';
import { PartitionIndex } from './partition-index.ts';
import { asciiBytes } from './segment-format.ts';

export class KeySpace {
  /** Empty for the own records, else the node the hints are for. */
  readonly name: string;
  /** The name as it lies in the log. */
  readonly nameBytes: Uint8Array;
  readonly tables: readonly PartitionIndex[];
  /** Bytes of the entries that the tables point to. */
  bytes = 0;
  /** Bytes of records on their way into the log, counted against the limits of hints. */
  stagedBytes = 0;
  #keys = 0;

  constructor(options: { readonly name: string; readonly partitions: number }) {
    this.name = options.name;
    this.nameBytes = asciiBytes(options.name);
    const partitionBits = Math.log2(options.partitions);
    this.tables = Array.from({ length: options.partitions }, () => new PartitionIndex({ partitionBits }));
  }

  get keys(): number {
    return this.#keys;
  }

  get isOwn(): boolean {
    return this.name === '';
  }

  table(token: Token): PartitionIndex {
    const table = this.tables[partitionOf(token, this.tables.length)];
    if (table === undefined) throw new RangeError(`no table for token ${token.high}`);
    return table;
  }

  /** Notes that keys or bytes were added (or, negative, removed). */
  account(keys: number, bytes: number): void {
    this.#keys += keys;
    this.bytes += bytes;
  }
}
