/**
 * Many writes of one turn that have the same owners: one message to each owner, and each write acknowledged by itself.
 *
 * This is the straight way of coordinate-write.ts, and nothing but that: all owners are up, are asked at once, and store. As
 * soon as anything else happens to a write (an owner refuses it, does not answer in time, or can't be reached, or its
 * client's time is up) a coordinated write of its own takes over with what is known by then, so hints, late
 * acknowledgements and outcomes are decided there, in one place.
 */

import type { NodeId } from '../core/config.ts';
import { limits } from '../core/limits.ts';
import type { StoredRecord } from '../core/record.ts';
import type { CancelTimer } from '../ports/clock.ts';
import type { RefusedRecord } from '../protocol/many-messages.ts';
import type { Reply } from '../protocol/messages.ts';
import { takeOverWrite, type TakenOverWrite, type WriteOptions } from './coordinate-write.ts';
import type { Coordination } from './coordination.ts';
import type { WriteOutcome } from './node-api.ts';
import type { CallResult } from './remote-calls.ts';

/** A stamped record, and who waits for it. */
export interface StampedWrite {
  readonly record: StoredRecord;
  /** Called once. */
  resolve(outcome: WriteOutcome): void;
}

/** Sends stamped records to their owners, all of which are up, and at least W; each write is resolved once. */
export function coordinateWrites(
  coordination: Coordination,
  writes: readonly StampedWrite[],
  owners: readonly NodeId[],
  options: WriteOptions,
): void {
  new CoordinatedWrites(coordination, writes, owners, options).start();
}

class CoordinatedWrites {
  readonly #coordination: Coordination;
  readonly #writes: readonly StampedWrite[];
  readonly #owners: readonly NodeId[];
  readonly #options: WriteOptions;
  readonly #deadlineMs: number;
  /** For each write how many owners, and (a bit each) which, have acknowledged it. */
  readonly #acknowledged: Uint8Array;
  readonly #holders: Uint32Array;
  /** Writes that are no longer decided here. */
  #takenOver: (TakenOverWrite | undefined)[] | undefined;
  #unanswered: number;
  /** Owners that have not been heard of yet. */
  #waiting: number;
  /** The earliest stamp. */
  readonly #stampMs: number;
  #cancelDeadline: CancelTimer = () => undefined;

  constructor(
    coordination: Coordination,
    writes: readonly StampedWrite[],
    owners: readonly NodeId[],
    options: WriteOptions,
  ) {
    this.#coordination = coordination;
    this.#writes = writes;
    this.#owners = owners;
    this.#options = options;
    this.#deadlineMs = coordination.clock.monotonicNow() + options.timeoutMs;
    this.#acknowledged = new Uint8Array(writes.length);
    this.#holders = new Uint32Array(writes.length);
    this.#unanswered = writes.length;
    this.#waiting = owners.length;
    let stampMs = Number.POSITIVE_INFINITY;
    for (const { record } of writes) stampMs = Math.min(stampMs, record.version.dot.wallMs);
    this.#stampMs = stampMs;
  }

  start(): void {
    const { config, clock, calls, replica, writesUnderWay } = this.#coordination;
    writesUnderWay.begin(this.#stampMs);
    this.#cancelDeadline = clock.startTimer(this.#options.timeoutMs, () => this.#onDeadline());
    const records = this.#writes.map(({ record }) => record);
    const peers = this.#owners.filter((owner) => owner !== config.id);
    // However impatient the client is, owners have the usual time before they get hints.
    const timeoutMs = Math.max(this.#options.timeoutMs, config.timing.requestTimeoutMs);
    if (peers.length > 0) {
      calls.ask(
        peers,
        { kind: 'put-many', timeoutMs, records },
        timeoutMs,
        (owner, result) => this.#onResult(owner, result),
        this.#mayHoldForLateReplies() ? (owner, reply) => this.#onLateReply(owner, reply) : undefined,
      );
    }
    if (peers.length < this.#owners.length) {
      const origin = replica.arrivals.originOf('write', config.id);
      void replica.storeAll(records, origin).then((refusals) => this.#onStored(config.id, refusals));
    }
  }

  #mayHoldForLateReplies(): boolean {
    let bytes = 0;
    for (const { record } of this.#writes) bytes += record.bytes.length;
    return bytes <= limits.lateReplyRecordBytesMax;
  }

  #onResult(owner: NodeId, result: CallResult): void {
    if (result.kind === 'stored-many' && result.count === this.#writes.length) {
      this.#onStored(owner, result.refusals);
      return;
    }
    for (let index = 0; index < this.#writes.length; index++) this.#takeOver(index)?.onResult(owner, result);
    this.#doneWithOne();
  }

  /** An owner has all records but those that it refused. */
  #onStored(owner: NodeId, refusals: readonly RefusedRecord[]): void {
    for (const { index, code, message } of refusals) {
      this.#takeOver(index)?.onResult(owner, { kind: 'refused', code, message });
    }
    const refused = refusals.length === 0 ? undefined : new Set(refusals.map(({ index }) => index));
    const bit = 1 << this.#owners.indexOf(owner);
    let met = 0;
    for (let index = 0; index < this.#writes.length; index++) {
      if (refused?.has(index) === true) continue;
      const takenOver = this.#takenOver?.[index];
      if (takenOver !== undefined) {
        takenOver.onResult(owner, { kind: 'stored' });
        continue;
      }
      const acknowledged = (this.#acknowledged[index] ?? 0) + 1;
      this.#acknowledged[index] = acknowledged;
      this.#holders[index] = (this.#holders[index] ?? 0) | bit;
      const write = this.#writes[index];
      if (acknowledged !== this.#options.w || write === undefined) continue;
      met++;
      const { dot } = write.record.version;
      write.resolve({ kind: 'stored', dot, acknowledged, required: acknowledged });
    }
    if (met > 0) this.#coordination.observer.count('puts.acknowledged', met);
    this.#answered(met);
    this.#doneWithOne();
  }

  #onLateReply(owner: NodeId, reply: Reply): void {
    if (reply.kind !== 'stored-many' || reply.count !== this.#writes.length) return;
    const refused = new Set(reply.refusals.map(({ index }) => index));
    for (const [index, write] of (this.#takenOver ?? []).entries()) {
      if (!refused.has(index)) write?.onLateReply(owner, { kind: 'stored' });
    }
  }

  #onDeadline(): void {
    for (let index = 0; index < this.#writes.length; index++) {
      if ((this.#acknowledged[index] ?? 0) < this.#options.w) this.#takeOver(index);
    }
  }

  /** The write that decides from now on. */
  #takeOver(index: number): TakenOverWrite | undefined {
    this.#takenOver ??= [];
    const already = this.#takenOver[index];
    const write = this.#writes[index];
    if (already !== undefined || write === undefined) return already;
    const { w } = this.#options;
    const isAnswered = (this.#acknowledged[index] ?? 0) >= w;
    const holders = this.#holders[index] ?? 0;
    this.#coordination.observer.count('puts.taken-over');
    const takenOver = takeOverWrite(this.#coordination, write.record, {
      ...this.#options,
      remainingMs: Math.max(0, this.#deadlineMs - this.#coordination.clock.monotonicNow()),
      asked: this.#owners,
      acknowledged: this.#owners.filter((_, owner) => (holders & (1 << owner)) !== 0),
      resolve: isAnswered ? undefined : (outcome) => write.resolve(outcome),
    });
    this.#takenOver[index] = takenOver;
    if (!isAnswered) this.#answered(1);
    return takenOver;
  }

  /** So many more are decided, or decided elsewhere. */
  #answered(count: number): void {
    this.#unanswered -= count;
    if (this.#unanswered === 0) this.#cancelDeadline();
  }

  /** Nothing of these writes can reach this owner any more, but what has been taken over counts for itself. */
  #doneWithOne(): void {
    this.#waiting--;
    if (this.#waiting === 0) this.#coordination.writesUnderWay.end(this.#stampMs);
  }
}
