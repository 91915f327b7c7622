/**
 * Anti-entropy (DeCandia et al. 2007, §4.7): owners of the same partitions become equal whether or not anybody reads.
 *
 * Heartbeats carry the sum of what both ends own. While it is equal at both nothing else is sent. Where it differs this
 * node goes through a round with that owner (healing-session.ts): at once when either has just come up, otherwise
 * every `antiEntropyMs`, and less often while the owner is the one that lacks something, since it heals itself. One
 * task does one round after the other, so a node with an empty disk does not fetch everything twice.
 *
 * While this node is no witness for a partition (evidence.ts) its rounds go on whatever the sums say.
 */

import type { NodeId } from '../core/config.ts';
import { errorMessageOf, StoreError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import { addSums, emptySum, equalSums, type VersionSum } from '../core/version-sum.ts';
import type { CompareProgress } from '../protocol/healing-messages.ts';
import type { Store } from '../storage/store.ts';
import type { VouchedPartitions } from '../storage/vouched-partitions.ts';
import { statusOf, type AntiEntropyStatus, type ComparedOwner } from './anti-entropy-status.ts';
import { BackgroundTask } from './background-task.ts';
import { CatchUp } from './catch-up.ts';
import type { Coordination } from './coordination.ts';
import { DamageInquiry } from './damage-inquiry.ts';
import type { Evidence } from './evidence.ts';
import { HealingPace } from './healing-pace.ts';
import { HealingSession, type PartitionRound } from './healing-session.ts';
import { OwnershipHygiene } from './ownership-hygiene.ts';
import { OwnerExchange } from './owner-exchange.ts';
import { sharedPartitions } from './owned-partitions.ts';

/** How long the task sleeps when nothing is to be done and nobody nudges it. */
const idleMs = 1_000;

/** A peer that has restarted has so many rounds for itself. */
const restartedRounds = 2;

/** A round that somebody asked for, regardless of sums. */
export interface ForcedRound {
  readonly session: number;
  readonly partitions: readonly number[];
  state: CompareProgress['state'];
  compared: number;
  fetched: number;
  error: string;
}

export class AntiEntropy {
  readonly #coordination: Coordination;
  readonly #store: Store;
  readonly #evidence: Evidence;
  readonly #vouched: Pick<VouchedPartitions, 'vouchForAll'> | undefined;
  readonly #isEnabled: boolean;
  readonly #incarnationOf: (peer: NodeId) => number | undefined;
  readonly #pace: HealingPace;
  readonly #owners = new Map<NodeId, ComparedOwner>();
  readonly #forced = new Map<NodeId, ForcedRound>();
  readonly #hygiene: OwnershipHygiene;
  readonly #damage: DamageInquiry;
  readonly #task: BackgroundTask;
  #lastRound: AntiEntropyStatus['lastRound'];

  constructor(options: {
    readonly coordination: Coordination;
    readonly store: Store;
    readonly evidence: Evidence;
    readonly incarnationOf: (peer: NodeId) => number | undefined;
    readonly vouched?: Pick<VouchedPartitions, 'vouchForAll'> | undefined;
  }) {
    const { coordination, store, evidence } = options;
    this.#coordination = coordination;
    this.#store = store;
    this.#evidence = evidence;
    this.#incarnationOf = options.incarnationOf;
    this.#vouched = options.vouched;
    this.#isEnabled = coordination.config.antiEntropy !== false;
    this.#pace = new HealingPace(coordination.clock);
    this.#hygiene = new OwnershipHygiene({ coordination, store, pace: this.#pace });
    this.#damage = new DamageInquiry({
      coordination,
      store,
      exchangeWith: (peer, signal) => this.exchangeWith(peer, signal),
    });
    for (const [peer, partitions] of sharedPartitions(coordination.placement, coordination.config.id)) {
      this.#owners.set(peer, {
        ...{ peer, partitions, rounds: new Map(), isDifferent: false, dueAtMs: 0, pauses: 1 },
        catchUp: new CatchUp(this.#nowMs()),
        ...{ incarnation: undefined, equalAtMs: undefined, roundsDone: 0, errors: 0, lastError: '' },
        ...{ fetched: 0, refused: 0, sentBytes: 0, receivedBytes: 0 },
      });
    }
    this.#task = new BackgroundTask({
      name: 'anti-entropy',
      clock: coordination.clock,
      observer: coordination.observer,
      step: (signal) => this.#step(signal),
      pauseAfterErrorMs: coordination.config.timing.antiEntropyMs,
    });
  }

  /** Settles what needs no other owner; resolves before the node serves. */
  async start(): Promise<void> {
    await this.#settleEvidence();
    this.#task.start();
    if (!this.#isEnabled) return;
    this.#hygiene.start();
    this.#damage.start();
  }

  /** Ends the round under way at its next exchange. */
  async stop(): Promise<void> {
    await Promise.all([this.#task.stop(), this.#hygiene.stop(), this.#damage.stop()]);
  }

  /** What this node holds of the partitions that a peer owns as well; undefined when there are none. */
  sharedSum(peer: NodeId): VersionSum | undefined {
    const owner = this.#owners.get(peer);
    if (owner === undefined) return undefined;
    let sum = emptySum;
    for (const partition of owner.partitions) sum = addSums(sum, this.#store.partitionSum(partition));
    return sum;
  }

  /** A heartbeat says what the peer holds of what both own. */
  onSharedSum(peer: NodeId, theirs: VersionSum): void {
    const owner = this.#owners.get(peer);
    const own = this.sharedSum(peer);
    if (owner === undefined || own === undefined) return;
    if (equalSums(own, theirs)) {
      owner.isDifferent = false;
      owner.pauses = 1;
      owner.equalAtMs = this.#nowMs();
      return;
    }
    if (owner.catchUp.onLead(own.count - theirs.count, this.#nowMs())) this.#defer(owner);
    if (owner.isDifferent) return;
    owner.isDifferent = true;
    this.#task.nudge();
  }

  /**
   * A peer has come up. The comparison is due at once, except with one that has restarted while this node went on: it
   * will most likely fetch what it missed, and by the next heartbeats nothing is left to be done here.
   */
  onPeerUp(peer: NodeId): void {
    const owner = this.#owners.get(peer);
    if (owner === undefined) return;
    const incarnation = this.#incarnationOf(peer);
    const hasRestarted = owner.incarnation !== undefined && owner.incarnation !== incarnation;
    owner.incarnation = incarnation;
    owner.isDifferent = true;
    owner.dueAtMs = this.#nowMs();
    if (hasRestarted) owner.dueAtMs += restartedRounds * this.#coordination.config.timing.antiEntropyMs;
    owner.pauses = 1;
    owner.catchUp.onCompared(this.#nowMs());
    this.#task.nudge();
  }

  /** A peer asks this node to heal itself from it now; told again with the same session it only asks how far it is. */
  onCompareNow(
    peer: NodeId,
    request: { readonly session: number; readonly partitions: readonly number[] },
  ): CompareProgress {
    const known = this.#forced.get(peer);
    const forced = known?.session === request.session ? known : this.force(peer, request);
    if (forced === undefined) return { kind: 'compare-progress', state: 'done', compared: 0, fetched: 0 };
    return {
      kind: 'compare-progress',
      ...{ state: forced.state, compared: forced.compared, fetched: forced.fetched },
    };
  }

  /** Compares now with an owner, whatever the sums say, also where anti-entropy is switched off. */
  force(
    peer: NodeId,
    request: { readonly session: number; readonly partitions: readonly number[] },
  ): ForcedRound | undefined {
    const owner = this.#owners.get(peer);
    if (owner === undefined) return undefined;
    const { session } = request;
    const partitions =
      request.partitions.length === 0
        ? owner.partitions
        : owner.partitions.filter((partition) => request.partitions.includes(partition));
    const forced: ForcedRound = { session, partitions, state: 'running', compared: 0, fetched: 0, error: '' };
    this.#forced.set(peer, forced);
    this.#task.nudge();
    return forced;
  }

  status(): AntiEntropyStatus {
    return statusOf({
      owners: [...this.#owners.values()],
      evidence: this.#evidence,
      isEnabled: this.#isEnabled,
      intervalMs: this.#coordination.config.timing.antiEntropyMs,
      nowMs: this.#nowMs(),
      lastRound: this.#lastRound,
      hygiene: this.#hygiene.status(),
    });
  }

  /** One round with the owner that has waited longest; returns how long to wait before the next. */
  async #step(signal: AbortSignal): Promise<number> {
    await this.#settleEvidence();
    const owner = this.#nextOwner();
    if (owner === undefined || signal.aborted) return this.#waitMs();
    await this.#round(owner, signal);
    await this.#settleEvidence();
    return 0;
  }

  #nextOwner(): ComparedOwner | undefined {
    const nowMs = this.#nowMs();
    const due = [...this.#owners.values()].filter(
      (owner) => this.#isWanted(owner) && this.#dueAtMs(owner) <= nowMs,
    );
    return due.sort((left, right) => left.dueAtMs - right.dueAtMs)[0];
  }

  /** Until the next owner is due; a nudge ends the wait. */
  #waitMs(): number {
    const nowMs = this.#nowMs();
    let waitMs = idleMs;
    for (const owner of this.#owners.values()) {
      if (this.#isWanted(owner)) waitMs = Math.min(waitMs, this.#dueAtMs(owner) - nowMs);
    }
    return Math.max(1, waitMs);
  }

  /** Until the next heartbeats, unless this node is no witness before it has compared itself with that owner. */
  #defer(owner: ComparedOwner): void {
    if (this.#evidence.incomplete > 0) return;
    owner.dueAtMs = Math.max(owner.dueAtMs, this.#nowMs() + this.#coordination.config.timing.antiEntropyMs);
  }

  #isWanted(owner: ComparedOwner): boolean {
    if (!this.#coordination.isUp(owner.peer)) return false;
    if (this.#forced.get(owner.peer)?.state === 'running') return true;
    if (!this.#isEnabled) return false;
    return (
      owner.isDifferent ||
      (this.#evidence.incomplete > 0 &&
        owner.partitions.some((partition) => this.#evidence.needs(partition, owner.peer)))
    );
  }

  #dueAtMs(owner: ComparedOwner): number {
    return this.#forced.get(owner.peer)?.state === 'running' ? 0 : owner.dueAtMs;
  }

  async #round(owner: ComparedOwner, signal: AbortSignal): Promise<void> {
    const forced = this.#forced.get(owner.peer);
    const isForced = forced?.state === 'running';
    const startMs = this.#nowMs();
    const exchange = this.exchangeWith(owner.peer, signal);
    const fetchedBefore = owner.fetched;
    let isOwnerBehind = false;
    let compared = 0;
    // What heartbeats say from now on is about what this round may miss.
    owner.isDifferent = false;
    const session = new HealingSession({
      parts: {
        coordination: this.#coordination,
        store: this.#store,
        evidence: this.#evidence,
        pace: this.#pace,
      },
      exchange,
      signal,
      progress: {
        onPartition: (round) => {
          isOwnerBehind ||= round.isOwnerBehind;
          compared += 1;
          this.#note(owner, round);
          if (isForced) forced.compared += 1;
        },
        onFetched: (records) => {
          owner.fetched += records;
          this.#coordination.observer.count('anti-entropy.fetched', records);
          if (isForced) forced.fetched += records;
        },
        onRefused: (records) => {
          owner.refused += records;
          this.#coordination.observer.count('anti-entropy.refused', records);
        },
      },
    });
    let error = '';
    try {
      await session.run(isForced ? forced.partitions : owner.partitions);
    } catch (thrown) {
      error = errorMessageOf(thrown);
      this.#fail(owner, thrown);
    }
    if (isForced) {
      forced.state = error === '' && !signal.aborted ? 'done' : 'failed';
      forced.error = error;
    }
    const fetched = owner.fetched - fetchedBefore;
    this.#account(owner, exchange);
    this.#lastRound = {
      peer: owner.peer,
      atWallMs: this.#coordination.clock.wallNow(),
      tookMs: this.#nowMs() - startMs,
      compared,
      fetched,
      error,
    };
    // A round that could do nothing for this node is not repeated at the usual pace.
    const isFruitless = error !== '' || (isOwnerBehind && fetched === 0);
    owner.pauses = isFruitless ? Math.min(2 * owner.pauses, limits.healingBackoffMax) : 1;
    owner.catchUp.onCompared(this.#nowMs());
    owner.dueAtMs = this.#nowMs() + owner.pauses * this.#coordination.config.timing.antiEntropyMs;
    if (error !== '') owner.isDifferent = true;
  }

  /** A way to ask an owner, until it restarts. */
  exchangeWith(peer: NodeId, signal: AbortSignal): OwnerExchange {
    const { calls, config } = this.#coordination;
    const incarnation = this.#incarnationOf(peer);
    return new OwnerExchange({
      ...{ peer, calls, timeoutMs: config.timing.requestTimeoutMs, signal },
      isSameLife: () => this.#incarnationOf(peer) === incarnation,
    });
  }

  #note(owner: ComparedOwner, round: PartitionRound): void {
    owner.rounds.set(round.partition, { ...round, atMs: this.#nowMs() });
    this.#coordination.observer.count('anti-entropy.compared');
  }

  #fail(owner: ComparedOwner, error: unknown): void {
    owner.errors += 1;
    owner.lastError = errorMessageOf(error);
    const { observer } = this.#coordination;
    observer.count('anti-entropy.errors');
    const code = error instanceof StoreError ? error.code : 'INTERNAL';
    // A peer that goes away in the midst of a round is nothing to wake anybody for.
    observer.log(code === 'NOT_READY' ? 'info' : 'warn', 'anti-entropy.interrupted', owner.lastError, {
      code,
    });
  }

  #account(owner: ComparedOwner, exchange: OwnerExchange): void {
    const { observer } = this.#coordination;
    owner.roundsDone += 1;
    owner.sentBytes += exchange.sentBytes;
    owner.receivedBytes += exchange.receivedBytes;
    observer.count('anti-entropy.rounds');
    observer.count('anti-entropy.sent-bytes', exchange.sentBytes);
    observer.count('anti-entropy.received-bytes', exchange.receivedBytes);
  }

  /** Partitions that have become complete are evidence from now on; when all have, the store is told for good. */
  async #settleEvidence(): Promise<void> {
    const { isUp, observer } = this.#coordination;
    const settled = this.#evidence.settle(isUp);
    for (const partition of settled) this.#store.setRefill(partition, false);
    if (settled.length > 0) observer.count('evidence.partitions-restored', settled.length);
    if (this.#evidence.incomplete > 0) return;
    if (settled.length > 0) await this.#vouched?.vouchForAll();
    if (this.#store.status().evidenceLost === false) return;
    await this.#store.restoreEvidence();
    observer.count('evidence.restored');
    observer.log(
      'info',
      'evidence.restored',
      'what this node lacked was compared with the other owners and is here',
    );
  }

  #nowMs(): number {
    return this.#coordination.clock.monotonicNow();
  }
}
