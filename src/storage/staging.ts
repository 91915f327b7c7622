/**
 * Entries on their way into the log: appended to a batch, not durable yet.
 *
 * Merging decides against the newest of them, or two writes of one key in one batch would both
 * believe that they won. Reading never sees them: what could still be lost is not an answer.
 */

import { equalBytes } from '../core/bytes.ts';
import type { Dot } from '../core/dot.ts';
import type { StoreError } from '../core/errors.ts';
import type { VersionDigest } from '../core/record.ts';
import type { Token } from '../core/token.ts';
import type { Batch } from './batch.ts';
import type { EntryPlace } from './entry-reader.ts';
import type { KeySpace } from './key-space.ts';
import type { MergeResult } from './store.ts';

export interface StagedEntryParts {
  readonly kind: 'record' | 'drop';
  readonly space: KeySpace;
  readonly key: Uint8Array;
  readonly token: Token;
  /** The record's version; of a drop only the dot means anything. */
  readonly version: VersionDigest;
  readonly batch: Batch;
  /** Where the entry starts, counted from the start of the batch. */
  readonly batchOffset: number;
  readonly length: number;
  /** What it replaces: an entry in the log, or an earlier staged one. */
  readonly replaces: EntryPlace | StagedEntry | undefined;
  /** It takes the place of what it replaces although that was newer, if that still can't be read. */
  readonly supplants: boolean;
  readonly resolve: (result: MergeResult) => void;
  readonly reject: (error: StoreError) => void;
}

/** Its fields are its own, not those of `parts`: one object less per write. */
export class StagedEntry implements StagedEntryParts {
  readonly kind: 'record' | 'drop';
  readonly space: KeySpace;
  readonly key: Uint8Array;
  readonly token: Token;
  readonly version: VersionDigest;
  readonly batch: Batch;
  readonly batchOffset: number;
  readonly length: number;
  readonly replaces: EntryPlace | StagedEntry | undefined;
  readonly supplants: boolean;
  readonly resolve: (result: MergeResult) => void;
  readonly reject: (error: StoreError) => void;
  /** Where it lies, once it is in the log. */
  place: EntryPlace | undefined = undefined;
  /** The next entry in the same bucket of the staging map. */
  next: StagedEntry | undefined = undefined;

  constructor(parts: StagedEntryParts) {
    this.kind = parts.kind;
    this.space = parts.space;
    this.key = parts.key;
    this.token = parts.token;
    this.version = parts.version;
    this.batch = parts.batch;
    this.batchOffset = parts.batchOffset;
    this.length = parts.length;
    this.replaces = parts.replaces;
    this.supplants = parts.supplants;
    this.resolve = parts.resolve;
    this.reject = parts.reject;
  }

  get dot(): Dot {
    return this.version.dot;
  }

  /** Where what it replaces lies: batches settle in order, so an earlier staged entry has its place or failed. */
  get replacedPlace(): EntryPlace | undefined {
    let replaced = this.replaces;
    while (replaced instanceof StagedEntry) replaced = replaced.place ?? replaced.replaces;
    return replaced;
  }
}

/** The newest staged entry of each key: buckets by token, compared by space and key. */
export class StagingMap {
  readonly #buckets = new Map<number, StagedEntry>();

  find(space: KeySpace, key: Uint8Array, token: Token): StagedEntry | undefined {
    let entry = this.#buckets.get(token.low);
    while (entry !== undefined && !isOf(entry, space, key)) entry = entry.next;
    return entry;
  }

  /** Adds an entry in place of an earlier one of the same key. */
  put(entry: StagedEntry): void {
    const { space, key, token } = entry;
    const first = this.#buckets.get(token.low);
    if (first !== undefined) entry.next = withoutKey(first, space, key);
    this.#buckets.set(token.low, entry);
  }

  /** Removes an entry that has settled, unless a later one of its key has taken its place. */
  settle(entry: StagedEntry): void {
    const bucket = entry.token.low;
    const first = this.#buckets.get(bucket);
    if (first === entry && entry.next === undefined) {
      this.#buckets.delete(bucket);
      return;
    }
    const rest = without(first, entry);
    if (rest === undefined) this.#buckets.delete(bucket);
    else this.#buckets.set(bucket, rest);
  }
}

function isOf(entry: StagedEntry, space: KeySpace, key: Uint8Array): boolean {
  return entry.space === space && equalBytes(entry.key, key);
}

function withoutKey(first: StagedEntry, space: KeySpace, key: Uint8Array): StagedEntry | undefined {
  for (let entry: StagedEntry | undefined = first; entry !== undefined; entry = entry.next) {
    if (isOf(entry, space, key)) return without(first, entry);
  }
  return first;
}

/** The chain without one of its entries. */
function without(first: StagedEntry | undefined, entry: StagedEntry): StagedEntry | undefined {
  if (first === entry) return entry.next;
  for (let before = first; before !== undefined; before = before.next) {
    if (before.next === entry) {
      before.next = entry.next;
      break;
    }
  }
  return first;
}
