/**
 * One round of anti-entropy with one owner: this node ends up with all that the owner held of their partitions when
 * the round began, or knows that it does not.
 *
 * Pull only, so two nodes that heal from each other need no agreement: each walks the tree for itself, and a round that
 * is interrupted just starts again and skips what is equal by then. Everything fetched goes through the replica's
 * checks and the store's merge like any other record. Versions younger than `settleMs` are left alone where this
 * node is a witness, since they are most likely still on their way; where it is none they may be just what is missing.
 */

import { errorCodeOf, StoreError, type ErrorCode } from '../core/errors.ts';
import { wallMsMax } from '../core/hybrid-logical-clock.ts';
import { limits } from '../core/limits.ts';
import type { StoredRecord } from '../core/record.ts';
import { compareTokens, partitionOf, type Token } from '../core/token.ts';
import { splitRanges, TreeWalk, type WalkQuestion } from '../core/tree-walk.ts';
import { equalSums } from '../core/version-sum.ts';
import type { Completeness, PartitionState } from '../protocol/healing-messages.ts';
import type { Reply } from '../protocol/messages.ts';
import type { Store } from '../storage/store.ts';
import type { Coordination } from './coordination.ts';
import type { Evidence } from './evidence.ts';
import { adoptFloors } from './floor-adoption.ts';
import type { HealingPace } from './healing-pace.ts';
import { heldInRanges, heldUnderTokens } from './held-versions.ts';
import type { OwnerExchange, Records } from './owner-exchange.ts';
import { dropStrays } from './stray-sweep.ts';

/** Younger differences are most likely writes under way: hints and retries take about as long. */
const settleMs = 1_000;

/** Errors that say that this node can't take anything now: no use in fetching on. */
const ownTroubles: ReadonlySet<ErrorCode> = new Set([
  'DISK_FULL',
  'DISK_WRITE_FAILED',
  'DISK_SYNC_FAILED',
  'STORE_CLOSED',
  'OVERLOADED',
]);

/** What the owner can't hand out now, while the rest of it is all right. */
const lackingRecords: ReadonlySet<ErrorCode> = new Set(['LIMIT_EXCEEDED', 'DISK_READ_FAILED']);

/** How a round went for one partition. */
export interface PartitionRound {
  readonly partition: number;
  readonly kind: 'equal' | 'pulled' | 'failed';
  /** Differences up to the cutoff are left although this node lacks nothing: the owner does. */
  readonly isOwnerBehind: boolean;
}

export interface SessionProgress {
  onPartition(round: PartitionRound): void;
  onFetched(records: number): void;
  onRefused(records: number): void;
}

export interface SessionParts {
  readonly coordination: Coordination;
  readonly store: Store;
  readonly evidence: Evidence;
  readonly pace: HealingPace;
}

export class HealingSession {
  readonly #parts: SessionParts;
  readonly #exchange: OwnerExchange;
  readonly #progress: SessionProgress;
  readonly #signal: AbortSignal;
  /** Partitions of which something could not be fetched or was refused. */
  readonly #failed = new Set<number>();

  constructor(options: {
    readonly parts: SessionParts;
    readonly exchange: OwnerExchange;
    readonly progress: SessionProgress;
    readonly signal: AbortSignal;
  }) {
    this.#parts = options.parts;
    this.#exchange = options.exchange;
    this.#progress = options.progress;
    this.#signal = options.signal;
  }

  /** Throws when the owner can't be reached or is not to be relied on; what was done until then stays done. */
  async run(partitions: readonly number[]): Promise<void> {
    for (let from = 0; from < partitions.length; from += limits.treePartitionsPerRequest) {
      if (this.#signal.aborted) return;
      await this.#compare(partitions.slice(from, from + limits.treePartitionsPerRequest));
    }
  }

  async #compare(partitions: readonly number[]): Promise<void> {
    const beganAtMs = this.#parts.coordination.clock.monotonicNow();
    const { store } = this.#parts;
    const asked = partitions.map((partition) => ({ partition, floorMs: store.floorOf(partition) }));
    const states = await this.#exchange.partitionSums(asked, undefined);
    await this.#adoptFloors(partitions, states);
    const different: number[] = [];
    const completeness = new Map<number, Completeness>();
    partitions.forEach((partition, index) => {
      const state = states[index];
      if (state === undefined) return;
      completeness.set(partition, state.completeness);
      if (!this.#isEqual(partition, state)) different.push(partition);
      else this.#finish(partition, { theirs: state.completeness, beganAtMs, isOwnerBehind: false });
    });
    for (let from = 0; from < different.length; from += limits.treePartitionsPerWalk) {
      if (this.#signal.aborted) return;
      const group = different.slice(from, from + limits.treePartitionsPerWalk);
      const behind = await this.#walk(group);
      if (behind === undefined) return;
      for (const partition of group) {
        const theirs = completeness.get(partition) ?? 'incomplete';
        await this.#dropStrays(partition, theirs);
        this.#finish(partition, { theirs, beganAtMs, isOwnerBehind: behind.includes(partition) });
      }
    }
  }

  /** What the owner has forgotten need not be compared. */
  async #adoptFloors(partitions: readonly number[], states: readonly PartitionState[]): Promise<void> {
    const { store, coordination } = this.#parts;
    const floors = partitions.map((partition, index) => ({
      partition,
      floorMs: states[index]?.floorMs ?? 0,
    }));
    await adoptFloors({ store, observer: coordination.observer }, floors);
  }

  /** Of a partition that was refilled: what only the old disk has from below the floor was deleted long ago. */
  async #dropStrays(partition: number, theirs: Completeness): Promise<void> {
    const { coordination, evidence, store } = this.#parts;
    if (evidence.isComplete(partition) || theirs !== 'complete' || this.#failed.has(partition)) return;
    const { partitions } = coordination.placement;
    const dropped = await dropStrays({ store, exchange: this.#exchange, partition, partitions });
    if (dropped > 0) coordination.observer.count('floor.strays-dropped', dropped);
  }

  #isEqual(partition: number, state: PartitionState): boolean {
    return equalSums(this.#parts.store.partitionSum(partition), state.sum);
  }

  #finish(
    partition: number,
    comparison: {
      readonly theirs: Completeness;
      readonly beganAtMs: number;
      readonly isOwnerBehind: boolean | undefined;
    },
  ): void {
    const { theirs, beganAtMs, isOwnerBehind = false } = comparison;
    if (this.#failed.has(partition)) {
      this.#progress.onPartition({ partition, kind: 'failed', isOwnerBehind: false });
      return;
    }
    this.#parts.evidence.compared(partition, { peer: this.#exchange.peer, theirs, beganAtMs });
    this.#progress.onPartition({ partition, kind: isOwnerBehind ? 'pulled' : 'equal', isOwnerBehind });
  }

  /** The partitions in which the owner lacks something; undefined when the walk was broken off. */
  async #walk(roots: readonly number[]): Promise<readonly number[] | undefined> {
    const { coordination, evidence, pace } = this.#parts;
    const urgent = roots.some((partition) => !evidence.isComplete(partition));
    const upToMs = urgent ? undefined : this.#cutoffMs();
    const { partitions } = coordination.placement;
    const walk = new TreeWalk({ roots, partitions, upToMs: upToMs ?? wallMsMax });
    const fetchedIn = new Set<number>();
    for (let question = walk.next(); question !== undefined; question = walk.next()) {
      const startMs = coordination.clock.monotonicNow();
      const bytesBefore = this.#exchange.receivedBytes;
      await this.#take(walk, question, { upToMs, fetchedIn });
      if (this.#signal.aborted) return undefined;
      const workMs = coordination.clock.monotonicNow() - startMs;
      const bytes = this.#exchange.receivedBytes - bytesBefore;
      await pace.rest({ workMs, bytes, urgent }, this.#signal);
      if (this.#signal.aborted) return undefined;
    }
    return walk.differentRoots.filter((partition) => !fetchedIn.has(partition));
  }

  /** Versions stamped until then should be on all owners by now. */
  #cutoffMs(): number {
    const { clock, nodeClock } = this.#parts.coordination;
    return Math.max(0, Math.max(clock.wallNow(), nodeClock.last.wallMs) - settleMs);
  }

  async #take(
    walk: TreeWalk,
    question: WalkQuestion,
    round: { readonly upToMs: number | undefined; readonly fetchedIn: Set<number> },
  ): Promise<void> {
    const { store, pace } = this.#parts;
    switch (question.kind) {
      case 'sums': {
        const { ranges } = question;
        const [theirs, own] = await Promise.all([
          this.#exchange.rangeSums(ranges, round.upToMs),
          store.sumRanges(ranges, round.upToMs ?? wallMsMax),
        ]);
        walk.onSums(own, theirs);
        return;
      }
      case 'versions': {
        const { versions, next } = await this.#exchange.versions(question.ranges);
        const { before, from } = splitRanges(question.ranges, next);
        const { sparse } = question;
        const giveWay = (): Promise<void> => pace.turn();
        const tokens = versions.map(({ token }) => token);
        const own = await (sparse
          ? heldUnderTokens(store, tokens, giveWay)
          : heldInRanges(store, before, giveWay));
        walk.onVersions({ own, theirs: versions, rest: from, sparse });
        return;
      }
      case 'range': {
        const { range } = question;
        const partition = partitionOf(range.first, this.#parts.coordination.placement.partitions);
        const fetched = await this.#fetch([range.first], () => this.#exchange.range(range));
        if (fetched === undefined) return;
        await this.#merge(fetched.records, round.fetchedIn);
        round.fetchedIn.add(partition);
        walk.onFetched({
          range: fetched.next === undefined ? undefined : { first: fetched.next, last: range.last },
        });
        return;
      }
      case 'tokens': {
        const fetched = await this.#fetch(question.tokens, () => this.#exchange.tokens(question.tokens));
        if (fetched === undefined) return;
        await this.#merge(fetched.records, round.fetchedIn);
        const { next } = fetched;
        const isReached = (token: Token): boolean => next === undefined || compareTokens(token, next) < 0;
        this.#noteMissing(question.tokens.filter(isReached), fetched.records);
        walk.onFetched({ tokens: question.tokens.filter((token) => !isReached(token)) });
        return;
      }
    }
  }

  /** Undefined when the owner can't hand out these records; the partitions then stay unfinished. */
  async #fetch(tokens: readonly Token[], fetch: () => Promise<Records>): Promise<Records | undefined> {
    try {
      return await fetch();
    } catch (error) {
      if (!lackingRecords.has(errorCodeOf(error))) throw error;
      for (const token of tokens) this.#fail(token);
      return undefined;
    }
  }

  /** What the owner lists but can't read is not here either. */
  #noteMissing(tokens: readonly Token[], records: readonly StoredRecord[]): void {
    const arrived = new Set(records.map(({ token }) => `${token.high}.${token.low}`));
    for (const token of tokens) {
      if (!arrived.has(`${token.high}.${token.low}`)) this.#fail(token);
    }
  }

  /** Appends a page in slices, with turns between them, and waits for all of it: one commit, or a few, for a page. */
  async #merge(records: readonly StoredRecord[], fetchedIn: Set<number>): Promise<void> {
    const { replica } = this.#parts.coordination;
    const origin = replica.arrivals.originOf('anti-entropy', this.#exchange.peer);
    const merges: Promise<Reply>[] = [];
    for (const record of records) {
      if (merges.length > 0 && merges.length % limits.healingMergesPerTurn === 0)
        await this.#parts.pace.turn();
      if (this.#signal.aborted) break;
      merges.push(replica.put(record, undefined, undefined, origin));
    }
    const replies = await Promise.all(merges);
    let refused = 0;
    let trouble: StoreError | undefined;
    for (const [index, reply] of replies.entries()) {
      const token = records[index]?.token;
      if (token === undefined) continue;
      if (reply.kind === 'stored') {
        fetchedIn.add(partitionOf(token, this.#parts.coordination.placement.partitions));
        continue;
      }
      refused += 1;
      this.#fail(token);
      if (reply.kind === 'refused' && ownTroubles.has(reply.code)) {
        trouble = new StoreError(reply.code, `what was fetched could not be kept: ${reply.message}`);
      }
    }
    this.#progress.onFetched(replies.length - refused);
    if (refused > 0) this.#progress.onRefused(refused);
    if (trouble !== undefined) throw trouble;
  }

  #fail(token: Token): void {
    this.#failed.add(partitionOf(token, this.#parts.coordination.placement.partitions));
  }
}
