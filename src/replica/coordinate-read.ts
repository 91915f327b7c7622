/**
 * One read: R answers that are evidence, the newest version among them, and no going back in time.
 *
 * When fewer than R of those that answered hold the newest version it is written back before the client sees it, so
 * that a later read can't miss it (Attiya, Bar-Noy, Dolev 1995); other replicas that lag are repaired behind the
 * answer. Whom it asks, and when another, is read-fan-out.ts. Under `strict` only owners count: a hint and one owner
 * need not meet W owners.
 */

import type { NodeId } from '../core/config.ts';
import { compareVersions, mergeRecords } from '../core/merge.ts';
import { ReadTally } from '../core/quorum.ts';
import { readsAsDeleted, verifyRecord, type StoredRecord } from '../core/record.ts';
import { tokenOf } from '../core/token.ts';
import type { CancelTimer } from '../ports/clock.ts';
import type { GetReply } from '../protocol/messages.ts';
import { sendRecord, type Coordination } from './coordination.ts';
import type { ReadOutcome } from './node-api.ts';
import { ReadFanOut } from './read-fan-out.ts';
import type { ReadRepair } from './read-repair.ts';
import type { CallResult } from './remote-calls.ts';

interface ReadRequest {
  readonly key: Uint8Array;
  readonly r: number;
  readonly strict: boolean;
  readonly timeoutMs: number;
}

export function coordinateRead(
  coordination: Coordination,
  readRepair: ReadRepair,
  request: ReadRequest,
): Promise<ReadOutcome> {
  return new CoordinatedRead(coordination, readRepair, request).run();
}

class CoordinatedRead {
  readonly #coordination: Coordination;
  readonly #readRepair: ReadRepair;
  readonly #request: ReadRequest;
  readonly #deadlineMs: number;
  readonly #tally: ReadTally<NodeId>;
  readonly #fanOut: ReadFanOut;
  /** The newest full record seen. */
  #record: StoredRecord | undefined;
  /** Holders of the newest version are being asked for the record: nobody else can help. */
  #isFetching = false;
  /** How often it was looked who keeps this read waiting. */
  #looks = 0;
  #expired = false;
  #settled = false;
  #cancelTimer: CancelTimer = () => undefined;
  #wake: () => void = () => undefined;

  constructor(coordination: Coordination, readRepair: ReadRepair, request: ReadRequest) {
    const { key, timeoutMs, r } = request;
    this.#coordination = coordination;
    this.#readRepair = readRepair;
    this.#request = request;
    this.#deadlineMs = coordination.clock.monotonicNow() + timeoutMs;
    this.#tally = new ReadTally(r);
    this.#fanOut = new ReadFanOut(coordination, {
      key,
      deadlineMs: this.#deadlineMs,
      onResult: (from, result) => this.#onResult(from, result),
    });
  }

  async run(): Promise<ReadOutcome> {
    const { hedging, observer } = this.#coordination;
    this.#lookAfter(hedging.startRead());
    this.#fanOut.askFirst(this.#tally.required);
    const outcome = await this.#resolveQuorum();
    this.#settled = true;
    this.#cancelTimer();
    if (this.#record !== undefined) this.#readRepair.repair(this.#record, this.#laggards());
    observer.count(outcome.kind === 'unavailable' ? 'gets.unavailable' : 'gets.answered');
    return outcome;
  }

  /** Collects answers, the record they name, and holders of it, until all three suffice or time is up. */
  async #resolveQuorum(): Promise<ReadOutcome> {
    for (;;) {
      while (!this.#tally.enough && !this.#fanOut.isExhausted && !this.#expired) await this.#nextAnswer();
      if (!this.#tally.enough) return this.#unavailable();
      const newest = this.#tally.newest;
      if (newest === undefined) return this.#missing();
      if (!this.#holdsNewestRecord()) {
        if (!(await this.#fetchNewest())) return this.#unavailable();
        continue;
      }
      if (this.#tally.agreeing >= this.#tally.required) return this.#answer();
      if (!(await this.#writeBack())) return this.#unavailable();
    }
  }

  #onResult(from: NodeId, result: CallResult): void {
    if (!this.#accept(from, result)) {
      const isRecordMissing = this.#record === undefined && !this.#fanOut.isAskedForRecord();
      if (!this.#settled) this.#fanOut.askNext(isRecordMissing ? 'record' : 'digest');
    } else if (this.#settled && this.#record !== undefined) {
      this.#readRepair.repair(
        this.#record,
        this.#laggards().filter((node) => node === from),
      );
    }
    this.#wake();
  }

  /** Takes an answer into the tally; false when it is none, or can't be believed. */
  #accept(from: NodeId, result: CallResult): boolean {
    switch (result.kind) {
      case 'nothing':
        this.#tally.add({ from, evidence: result.evidence, digest: undefined });
        return result.evidence;
      case 'digest':
      case 'record':
        return this.#acceptVersion(from, result);
      default:
        return false;
    }
  }

  #acceptVersion(from: NodeId, reply: GetReply & { kind: 'digest' | 'record' }): boolean {
    const { nodeClock, checksum, observer, config } = this.#coordination;
    const digest = reply.kind === 'record' ? reply.record.version : reply.digest;
    // A version from the far future is refused like everywhere else: adopting it would bury later writes.
    if (!nodeClock.observe(digest.dot)) {
      observer.count('clock.refused');
      return false;
    }
    if (reply.kind === 'record') {
      const ofThisKey = from === config.id || verifyRecord(reply.record, checksum);
      if (!ofThisKey) return false;
      this.#record = this.#record === undefined ? reply.record : mergeRecords(this.#record, reply.record);
    }
    const evidence = reply.evidence && this.#counts(from);
    this.#tally.add({ from, evidence, digest });
    return evidence;
  }

  /** Whether what a node says may count toward R. */
  #counts(from: NodeId): boolean {
    if (!this.#request.strict) return true;
    return this.#coordination.replica.owns(tokenOf(this.#request.key), from);
  }

  #holdsNewestRecord(): boolean {
    const newest = this.#tally.newest;
    return (
      this.#record !== undefined && newest !== undefined && compareVersions(this.#record.version, newest) >= 0
    );
  }

  /** Asks holders of the newest version for the full record, another one when a holder fails or is slow. */
  async #fetchNewest(): Promise<boolean> {
    const asked = new Set<NodeId>();
    this.#isFetching = true;
    let isOverdue = false;
    while (!this.#expired && !this.#holdsNewestRecord()) {
      const isAsked = this.#fanOut.isAskedForRecord();
      // A newer version may turn up while an older one is fetched: then its holders are asked.
      const holder = this.#quickestHolder(asked);
      if (holder === undefined && !isAsked) break;
      const mayAsk = !isAsked || (isOverdue ? this.#fanOut.mayAskAnother() : this.#fanOut.isStuck);
      if (holder !== undefined && mayAsk) {
        asked.add(holder);
        this.#fanOut.ask([holder], 'record');
      }
      const looks = this.#looks;
      await this.#until(
        () => this.#holdsNewestRecord() || !this.#fanOut.isAskedForRecord() || this.#looks > looks,
      );
      isOverdue = this.#looks > looks;
    }
    this.#isFetching = false;
    return this.#holdsNewestRecord();
  }

  #quickestHolder(asked: ReadonlySet<NodeId>): NodeId | undefined {
    const { suspicion } = this.#coordination;
    const holders = this.#tally.holders().filter((node) => !asked.has(node));
    return holders.sort((left, right) => suspicion.rank(left) - suspicion.rank(right))[0];
  }

  /** Brings owners that lag up to the newest version; false when too few could be brought there in time. */
  async #writeBack(): Promise<boolean> {
    const record = this.#record;
    if (record === undefined) return false;
    const { replica, observer } = this.#coordination;
    const laggards = this.#laggards().filter((node) => replica.owns(record.token, node));
    let waiting = laggards.length;
    let isPast = false;
    observer.count('reads.written-back');
    sendRecord(this.#coordination, {
      record,
      holders: laggards,
      hintFor: undefined,
      fresh: false,
      timeoutMs: this.#request.timeoutMs,
      onResult: (from, result) => {
        waiting--;
        if (result.kind === 'stored') this.#tally.confirm(from, record.version);
        isPast ||= result.kind === 'refused' && result.code === 'STALE_VERSION';
        this.#wake();
      },
    });
    await this.#until(() => isPast || this.#tally.agreeing >= this.#tally.required || waiting === 0);
    if (isPast) {
      this.#discard(record);
      return true;
    }
    // A newer version was heard of meanwhile: now that one is fetched and written back.
    if (this.#tally.agreeing >= this.#tally.required || !this.#holdsNewestRecord()) return true;
    const next = this.#expired ? undefined : this.#fanOut.askNext('digest');
    if (next === undefined) return false;
    await this.#until(() => !this.#fanOut.isWaitingFor(next));
    return true;
  }

  /** An owner has forgotten what superseded this version, and refuses it: it is answered with as little as a tombstone. */
  #discard(record: StoredRecord): void {
    this.#coordination.observer.count('reads.past-versions');
    this.#tally.discard(record.version);
    this.#record = undefined;
    if (!this.#tally.enough) this.#fanOut.askNext('record');
  }

  #laggards(): NodeId[] {
    return this.#record === undefined || !this.#holdsNewestRecord() ? [] : this.#tally.laggards();
  }

  /** Waits until a condition holds or time is up; the condition is looked at again at every answer. */
  async #until(condition: () => boolean): Promise<void> {
    while (!condition() && !this.#expired) await this.#nextAnswer();
  }

  /** Resolves at the next answer, or when time is up. */
  #nextAnswer(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  #lookAfter(delayMs: number): void {
    const { clock } = this.#coordination;
    const nowMs = clock.monotonicNow();
    const dueAtMs = Math.min(nowMs + delayMs, this.#deadlineMs);
    this.#cancelTimer = clock.startTimer(dueAtMs - nowMs, () => this.#look(dueAtMs));
  }

  /** Looks who keeps this read waiting, and whether another may be asked. */
  #look(dueAtMs: number): void {
    const { clock, hedging, suspicion } = this.#coordination;
    const nowMs = clock.monotonicNow();
    if (dueAtMs >= this.#deadlineMs) {
      this.#expired = true;
    } else {
      this.#lookAfter(hedging.nextLookMs);
      // What came in while this node stood still is still to be read: nobody is late yet.
      if (!suspicion.timerFired({ dueAtMs, nowMs })) this.#hedge(nowMs);
    }
    this.#wake();
  }

  #hedge(nowMs: number): void {
    this.#looks++;
    this.#fanOut.noteWaiting(nowMs);
    if (this.#isFetching || !this.#fanOut.hasReserve) return;
    // The full record may be what is overdue.
    if (this.#fanOut.mayAskAnother()) this.#fanOut.askNext(this.#record === undefined ? 'record' : 'digest');
  }

  #answer(): ReadOutcome {
    const record = this.#record;
    if (record === undefined) return this.#missing();
    if (readsAsDeleted(record.version, this.#coordination.clock.wallNow())) return this.#missing();
    const { answered, required } = this.#tally;
    return { kind: 'found', version: record.version, answered, required };
  }

  #missing(): ReadOutcome {
    const { newest, answered, required } = this.#tally;
    return { kind: 'missing', digest: newest, answered, required };
  }

  #unavailable(): ReadOutcome {
    const { answered, required } = this.#tally;
    return {
      kind: 'unavailable',
      code: 'QUORUM_NOT_MET',
      answered,
      required,
      message:
        `${answered} of the required ${required} replicas answered the read` +
        `${this.#expired ? ` within ${this.#request.timeoutMs} ms` : ''}. Try again when more nodes are up.`,
    };
  }
}
