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
  readonly waiter: MergeWaiter;
  /** Which of the changes that its waiter waits for. */
  readonly waiterIndex: number;
}

/** Who waits for changes to become durable; told once of each. */
export interface MergeWaiter {
  decide(index: number, outcome: MergeResult | StoreError): void;
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
  /** Let go of once this lies in the log: a key that is written all the time would keep all its past. */
  replaces: EntryPlace | StagedEntry | undefined;
  readonly supplants: boolean;
  readonly waiter: MergeWaiter;
  readonly waiterIndex: number;
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
    this.waiter = parts.waiter;
    this.waiterIndex = parts.waiterIndex;
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

/** Lists at first: enough for a node in a simulation, of which thousands start. */
const bucketsMin = 64;

/**
 * The newest staged entry of each key: lists by token, compared by space and key. Lists of our own instead of a
 * `Map`, whose old tables keep the collector busy with what has long settled (see `replica/call-table.ts`).
 */
export class StagingMap {
  #buckets = emptyBuckets(bucketsMin);
  #count = 0;

  find(space: KeySpace, key: Uint8Array, token: Token): StagedEntry | undefined {
    let entry = this.#buckets[this.#bucketOf(token)];
    while (entry !== undefined && !isOf(entry, space, key)) entry = entry.next;
    return entry;
  }

  /** Adds an entry in place of an earlier one of the same key. */
  put(entry: StagedEntry): void {
    const earlier = this.find(entry.space, entry.key, entry.token);
    if (earlier !== undefined) this.settle(earlier);
    if (this.#count >= 2 * this.#buckets.length) this.#grow();
    this.#link(entry);
    this.#count++;
  }

  /** Removes an entry that has settled, unless a later one of its key has taken its place. */
  settle(entry: StagedEntry): void {
    const bucket = this.#bucketOf(entry.token);
    const first = this.#buckets[bucket];
    if (first === entry) {
      this.#buckets[bucket] = entry.next;
    } else {
      let before = first;
      while (before !== undefined && before.next !== entry) before = before.next;
      if (before === undefined) return;
      before.next = entry.next;
    }
    entry.next = undefined;
    this.#count--;
  }

  #bucketOf(token: Token): number {
    return token.low & (this.#buckets.length - 1);
  }

  #link(entry: StagedEntry): void {
    const bucket = this.#bucketOf(entry.token);
    entry.next = this.#buckets[bucket];
    this.#buckets[bucket] = entry;
  }

  #grow(): void {
    const old = this.#buckets;
    this.#buckets = emptyBuckets(old.length * 4);
    for (let entry of old) {
      while (entry !== undefined) {
        const { next } = entry;
        this.#link(entry);
        entry = next;
      }
    }
  }
}

function emptyBuckets(length: number): (StagedEntry | undefined)[] {
  return new Array<StagedEntry | undefined>(length).fill(undefined);
}

function isOf(entry: StagedEntry, space: KeySpace, key: Uint8Array): boolean {
  return entry.space === space && equalBytes(entry.key, key);
}
