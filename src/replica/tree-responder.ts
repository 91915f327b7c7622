/**
 * What an owner answers to those who heal themselves from it: sums, lists and records of partitions it owns.
 *
 * Nothing here changes anything. Every reply is bounded, and says where it stopped, so that a peer that asks for
 * everything gets it in pages at its own pace.
 */

import type { NodeId } from '../core/config.ts';
import { StoreError } from '../core/errors.ts';
import { treeRange, treeRoot } from '../core/hash-tree.ts';
import { compareTimes, type HlcTime } from '../core/hybrid-logical-clock.ts';
import { limits } from '../core/limits.ts';
import type { PlacementTable } from '../core/placement.ts';
import type { StoredRecord } from '../core/record.ts';
import { partitionOf, type Token, type TokenRange } from '../core/token.ts';
import { RunningSum, type SummedVersion, type VersionSum } from '../core/version-sum.ts';
import type {
  HealingReply,
  HealingRequest,
  PartitionSumsRequest,
  RecordsReply,
  Testimony,
  VersionsReply,
} from '../protocol/healing-messages.ts';
import type { Store } from '../storage/store.ts';
import type { Observer } from '../ports/observer.ts';
import type { Evidence } from './evidence.ts';
import { adoptFloors } from './floor-adoption.ts';

/** What is asked here; `compare-now` is for whoever heals this node, `trace-key` for an operator. */
export type TreeRequest = Exclude<HealingRequest, { readonly kind: 'compare-now' | 'trace-key' }>;

/** All versions count; later than any stamp of 48 bits. */
export const noCutoffMs = Number.MAX_SAFE_INTEGER;

/** Versions listed at once: half of what a reply may have, since all of one token go into one list. */
const listedVersionsMax = limits.treeVersionsPerReply / 2;

export class TreeResponder {
  readonly #self: NodeId;
  readonly #store: Store;
  readonly #placement: PlacementTable;
  readonly #evidence: Evidence;
  readonly #observer: Observer;
  readonly #frameBytesMax: number;
  /** Where values are short, frames are too. */
  readonly #recordsBytesMax: number;

  constructor(options: {
    readonly self: NodeId;
    readonly store: Store;
    readonly placement: PlacementTable;
    readonly evidence: Evidence;
    readonly observer: Observer;
    /** Longest frame that peers take. */
    readonly frameBytesMax: number;
  }) {
    this.#self = options.self;
    this.#store = options.store;
    this.#placement = options.placement;
    this.#evidence = options.evidence;
    this.#observer = options.observer;
    this.#frameBytesMax = options.frameBytesMax;
    this.#recordsBytesMax = Math.min(
      limits.treeRecordsBytesPerReply,
      options.frameBytesMax - limits.frameOverheadBytes / 2,
    );
  }

  /** Throws `NOT_OWNER` for what this node doesn't own, `LIMIT_EXCEEDED`, and what the store throws. */
  async answer(request: TreeRequest): Promise<HealingReply> {
    switch (request.kind) {
      case 'partition-sums':
        return await this.#partitionSums(request);
      case 'range-sums': {
        this.#checkRanges(request.ranges);
        const sums = await this.#store.sumRanges(request.ranges, request.upToMs ?? noCutoffMs);
        return { kind: 'range-sums', sums };
      }
      case 'list-versions':
        this.#checkRanges(request.ranges);
        return await listVersions(this.#store, request.ranges, listedVersionsMax);
      case 'fetch-range':
        this.#checkRanges([request.range]);
        return this.#checked(await this.#store.readRange(request.range, this.#recordsBytesMax));
      case 'fetch-tokens': {
        for (const token of request.tokens) this.#checkOwner(partitionOf(token, this.#placement.partitions));
        const { tokens } = request;
        const { records, rest } = await this.#store.readTokens(tokens, this.#recordsBytesMax);
        return this.#checked({ records, next: rest[0] });
      }
      case 'testify': {
        for (const token of request.tokens) this.#checkOwner(partitionOf(token, this.#placement.partitions));
        const testimonies: Testimony[] = [];
        for (const token of request.tokens) testimonies.push(await this.#testify(token));
        return { kind: 'testimonies', testimonies };
      }
    }
  }

  /** What is damaged is looked for before and after: in between it may turn out to be, or not to be. */
  async #testify(token: Token): Promise<Testimony> {
    const range = { first: token, last: token };
    const isComplete =
      this.#evidence.completenessOf(partitionOf(token, this.#placement.partitions)) === 'complete';
    const damaged = [...(await this.#store.listDamaged(range, 1))];
    const { versions } = await this.#store.listVersions(range, listedVersionsMax);
    damaged.push(...(await this.#store.listDamaged(range, 1)));
    const sum = new RunningSum();
    for (const version of versions) sum.add(version);
    const newest = [...versions, ...damaged].reduce<HlcTime>(later, { wallMs: 0, counter: 0 });
    return { isWitness: isComplete && damaged.length === 0, newest, sum: sum.value() };
  }

  async #partitionSums(request: PartitionSumsRequest): Promise<HealingReply> {
    const partitions = request.partitions.map(({ partition }) => partition);
    for (const partition of partitions) this.#checkOwner(partition);
    // The floors of the asker are true here as well. What is counted up to a time, to raise them, is durable.
    await adoptFloors({ store: this.#store, observer: this.#observer }, request.partitions);
    if (request.upToMs !== undefined) await this.#store.sync();
    const sums = await this.#sumsOf(partitions, request.upToMs);
    const states = partitions.map((partition, index) => ({
      completeness: this.#evidence.completenessOf(partition),
      floorMs: this.#store.floorOf(partition),
      sum: sums[index] ?? { high: 0, low: 0, count: 0 },
    }));
    return { kind: 'partition-sums', states };
  }

  async #sumsOf(partitions: readonly number[], upToMs: number | undefined): Promise<readonly VersionSum[]> {
    if (upToMs === undefined) return partitions.map((partition) => this.#store.partitionSum(partition));
    const ranges = partitions.map((partition) => treeRange(treeRoot(partition), this.#placement.partitions));
    return await this.#store.sumRanges(ranges, upToMs);
  }

  #checkRanges(ranges: readonly TokenRange[]): void {
    for (const { first, last } of ranges) {
      const partition = partitionOf(first, this.#placement.partitions);
      this.#checkOwner(partition);
      if (partitionOf(last, this.#placement.partitions) !== partition) {
        throw new StoreError('BAD_REQUEST', 'a range of tokens lies in one partition');
      }
    }
  }

  #checkOwner(partition: number): void {
    if (this.#placement.owners(partition).includes(this.#self)) return;
    throw new StoreError('NOT_OWNER', `${this.#self} does not own partition ${partition}`);
  }

  /** All records of one token go together; if ever they are too long for a frame they can't. */
  #checked(page: {
    readonly records: readonly StoredRecord[];
    readonly next: Token | undefined;
  }): RecordsReply {
    const bytes = page.records.reduce((sum, record) => sum + record.bytes.length, 0);
    if (bytes > this.#frameBytesMax - limits.treeRangesPerRequest) {
      throw new StoreError('LIMIT_EXCEEDED', `${bytes} bytes of records share a token: too many for a frame`);
    }
    return { kind: 'records', records: page.records, next: page.next };
  }
}

function later(left: HlcTime, { wallMs, counter }: HlcTime): HlcTime {
  return compareTimes(left, { wallMs, counter }) >= 0 ? left : { wallMs, counter };
}

/** Lists ascending ranges, up to so many versions or a few more. */
export async function listVersions(
  store: Pick<Store, 'listVersions'>,
  ranges: readonly TokenRange[],
  limit: number,
): Promise<VersionsReply> {
  const versions: SummedVersion[] = [];
  for (const [index, range] of ranges.entries()) {
    const page = await store.listVersions(range, limit - versions.length);
    versions.push(...page.versions);
    if (page.next !== undefined) return { kind: 'versions', versions, next: page.next };
    const following = ranges[index + 1];
    if (versions.length >= limit && following !== undefined) {
      return { kind: 'versions', versions, next: following.first };
    }
  }
  return { kind: 'versions', versions, next: undefined };
}
