/**
 * Which client requests a node begins: at once below the limit, after a wait above it, and not at all after too long one.
 *
 * A refusal costs nearly as much as an answer and makes clients come back at once, so a node that refuses all that is
 * too much spends itself on refusals. Requests wait instead, and clients that wait send nothing. First come, first
 * served, as long as the oldest is in time: it has not waited much of what clients wait, of which those that were found
 * gone tell, and of what is the most here. Otherwise the newest goes first, whose client is the most likely to be there
 * still (adaptive LIFO, "Fail at Scale", Maurer 2015). Not sooner: whoever has no turn gives up, and a new connection
 * costs more than the request. What has waited for
 * `admissionWaitMsMax`, or for as long as its client allows, is refused: by the age of the wait, not by the length of
 * the queue, since only the age says whether there is too much (CoDel, Nichols and Jacobson 2012). While this process
 * stood still nobody could have a turn, so a sweep that comes late refuses nothing on account of that. A request whose
 * client has gone is dropped when its turn comes, or at the next sweep.
 *
 * Invariants: none begins while as many as the limit are under way, none waits while there is room, none begins after its client's
 * time, and at most `admissionQueueMax` wait. What a request takes is measured from its beginning to its outcome,
 * so disk, peers and this process' own turns are in it, the wait here and the client's socket are not. One request in
 * `measuredOneIn` is enough. Those that missed their quorum, and long values, are not measured: they say nothing of load.
 */

import { AdmissionLimit } from '../core/admission-limit.ts';
import { limits } from '../core/limits.ts';
import type { CancelTimer, Clock } from '../ports/clock.ts';
import type { Observer } from '../ports/observer.ts';

/** Whoever waits for an answer; read again at each look. */
export interface WaitingClient {
  /** It has closed its connection: nobody will see the answer. */
  readonly isGone: boolean;
}

export type Admission =
  | { readonly kind: 'admitted'; readonly waitedMs: number }
  /** `too-late`: it waited for its time; `full`: too many wait; `client-gone`: nobody waits for it; `stopping`. */
  | { readonly kind: 'refused'; readonly reason: RefusalReason; readonly waitedMs: number };

export type RefusalReason = 'too-late' | 'full' | 'client-gone' | 'stopping';

export interface AdmissionStatus {
  /** Requests that may be under way, that are, and that wait. */
  readonly limit: number;
  readonly inFlight: number;
  readonly queued: number;
  /** How long the oldest has waited. */
  readonly oldestMs: number;
  /** What requests took in the latest window, take while few are under way, and may take; undefined before the first. */
  readonly averageMs: number | undefined;
  readonly usualMs: number | undefined;
  readonly targetMs: number;
}

interface Waiter {
  readonly sinceMs: number;
  /** The client's own bound. */
  readonly untilMs: number;
  readonly client: WaitingClient | undefined;
  readonly resolve: (admission: Admission) => void;
}

/** Reading the clock costs half of what the gate does. */
const measuredOneIn = 8;
/** Who has waited for this part of the time that clients wait would be late, whatever is done now. */
const lateShare = 0.8;
/** One client that goes may have its own reasons; some tens that go tell how long clients wait, for some seconds. */
const goneWeight = 0.05;
const patienceWeight = 0.02;
/** Stands for the beginning of a request that is not measured. */
export const notMeasured = -1;

export class AdmissionGate {
  readonly #clock: Clock;
  readonly #observer: Pick<Observer, 'count'>;
  readonly #limit: AdmissionLimit;
  #limitNow: number;
  #inFlight = 0;
  /** In the order of arrival, from `#first` on. */
  #queue: Waiter[] = [];
  #first = 0;
  #cancelSweep: CancelTimer | undefined;
  #isStopping = false;
  // The window that is being measured, and the average of the one before.
  #windowEndsMs = 0;
  #inFlightMax = 0;
  #begun = 0;
  #served = 0;
  #measured = 0;
  #measuredMs = 0;
  #averageMs: number | undefined;
  /** How long clients wait, by those that were found gone of late. */
  #patienceMs: number = limits.admissionWaitMsMax;

  constructor(options: {
    readonly clock: Clock;
    readonly observer: Pick<Observer, 'count'>;
    readonly limit?: AdmissionLimit;
  }) {
    this.#clock = options.clock;
    this.#observer = options.observer;
    this.#limit = options.limit ?? new AdmissionLimit();
    this.#limitNow = this.#limit.value;
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  get queued(): number {
    return this.#queue.length - this.#first;
  }

  /** So many wait that connections should not be read while they have a request here. */
  get isCrowded(): boolean {
    return this.queued >= limits.admissionCrowdedFrom;
  }

  get status(): AdmissionStatus {
    const oldest = this.#queue[this.#first];
    return {
      limit: this.#limitNow,
      inFlight: this.#inFlight,
      queued: this.queued,
      oldestMs: oldest === undefined ? 0 : this.#clock.monotonicNow() - oldest.sinceMs,
      averageMs: this.#averageMs,
      usualMs: this.#limit.usualMs,
      targetMs: this.#limit.targetMs,
    };
  }

  /** Whether a request may begin now; then `leave` must be called once. */
  tryEnter(): boolean {
    if (this.#inFlight >= this.#limitNow) return false;
    if (++this.#inFlight > this.#inFlightMax) this.#inFlightMax = this.#inFlight;
    return true;
  }

  /** Waits until a request that could not enter may begin, for less than `waitMsMax`. `leave` must be called if it was admitted. */
  wait(options: {
    readonly client: WaitingClient | undefined;
    readonly waitMsMax: number;
  }): Promise<Admission> {
    if (this.#isStopping) return refusedAtOnce('stopping');
    if (this.queued >= limits.admissionQueueMax) {
      this.#observer.count('admission.refused.full');
      return refusedAtOnce('full');
    }
    this.#observer.count('admission.queued');
    const sinceMs = this.#clock.monotonicNow();
    const untilMs = sinceMs + options.waitMsMax;
    this.#sweepLater(sinceMs);
    return new Promise((resolve) => {
      this.#queue.push({ sinceMs, untilMs, client: options.client, resolve });
    });
  }

  /** Called when a request that was let in begins; what it returns is for `leave`. */
  begin(): number {
    return ++this.#begun % measuredOneIn === 0 ? this.#clock.monotonicNow() : notMeasured;
  }

  /** A request has its outcome. `isTypical`: what it took tells of load. */
  leave(beganAtMs: number, isTypical: boolean): void {
    this.#inFlight--;
    if (isTypical) this.#served++;
    const isMeasured = beganAtMs !== notMeasured;
    if (!isMeasured && this.queued === 0) return;
    const nowMs = this.#clock.monotonicNow();
    if (isMeasured) {
      if (isTypical) {
        this.#measured++;
        this.#measuredMs += nowMs - beganAtMs;
      }
      if (nowMs >= this.#windowEndsMs) this.#endWindow(nowMs);
    }
    this.#admitWaiting(nowMs);
  }

  /** Refuses what waits, and from now on lets nothing wait. */
  stop(): void {
    this.#isStopping = true;
    this.#cancelSweep?.();
    this.#cancelSweep = undefined;
    const nowMs = this.#clock.monotonicNow();
    for (let waiter = this.#takeOldest(); waiter !== undefined; waiter = this.#takeOldest()) {
      refuse(waiter, 'stopping', nowMs);
    }
  }

  #endWindow(nowMs: number): void {
    // Some were served and none of them measured: the window goes on.
    if (this.#served > 0 && this.#measured === 0) return;
    this.#patienceMs += patienceWeight * (limits.admissionWaitMsMax - this.#patienceMs);
    this.#averageMs = this.#measured === 0 ? undefined : this.#measuredMs / this.#measured;
    this.#limit.endWindow({ averageMs: this.#averageMs, inFlightMax: this.#inFlightMax });
    this.#limitNow = this.#limit.value;
    this.#windowEndsMs = nowMs + limits.admissionWindowMs;
    this.#inFlightMax = this.#inFlight;
    this.#served = 0;
    this.#measured = 0;
    this.#measuredMs = 0;
  }

  #admitWaiting(nowMs: number): void {
    while (this.#inFlight < this.#limitNow) {
      const waiter = this.#isNewestFirst(nowMs) ? this.#takeNewest() : this.#takeOldest();
      if (waiter === undefined) return;
      if (this.#mayBegin(waiter, nowMs)) {
        this.tryEnter();
        waiter.resolve({ kind: 'admitted', waitedMs: nowMs - waiter.sinceMs });
      }
    }
  }

  #isNewestFirst(nowMs: number): boolean {
    const oldest = this.#queue[this.#first];
    return oldest !== undefined && nowMs - oldest.sinceMs >= lateShare * this.#patienceMs;
  }

  /** Whether somebody still waits for it; refuses it otherwise, and what came before `tooOldMs`. */
  #mayBegin(waiter: Waiter, nowMs: number, tooOldMs = Number.NEGATIVE_INFINITY): boolean {
    if (waiter.client?.isGone === true) {
      this.#observer.count('admission.dropped');
      this.#patienceMs += goneWeight * (nowMs - waiter.sinceMs - this.#patienceMs);
      refuse(waiter, 'client-gone', nowMs);
      return false;
    }
    if (nowMs < waiter.untilMs && waiter.sinceMs > tooOldMs) return true;
    this.#observer.count('admission.refused.late');
    refuse(waiter, 'too-late', nowMs);
    return false;
  }

  #takeOldest(): Waiter | undefined {
    const waiter = this.#queue[this.#first];
    if (waiter === undefined) return undefined;
    this.#first++;
    // What was taken is let go of at the latest when it is half of the array.
    if (this.#first * 2 >= this.#queue.length) {
      this.#queue.splice(0, this.#first);
      this.#first = 0;
    }
    return waiter;
  }

  #takeNewest(): Waiter | undefined {
    const waiter = this.#queue.pop();
    if (this.queued === 0) {
      this.#queue = [];
      this.#first = 0;
    }
    return waiter;
  }

  #sweepLater(nowMs: number): void {
    const dueMs = nowMs + limits.admissionSweepMs;
    this.#cancelSweep ??= this.#clock.startTimer(limits.admissionSweepMs, () => this.#sweep(dueMs));
  }

  /** Refuses what nobody waits for any more, and moves on when nothing else does: requests that hang end no window. */
  #sweep(dueMs: number): void {
    this.#cancelSweep = undefined;
    const nowMs = this.#clock.monotonicNow();
    const stoodStill = nowMs - dueMs > limits.admissionSweepMs;
    const tooOldMs = stoodStill ? undefined : nowMs - limits.admissionWaitMsMax;
    const waiting = this.#queue.slice(this.#first);
    this.#queue = waiting.filter((waiter) => this.#mayBegin(waiter, nowMs, tooOldMs));
    this.#first = 0;
    if (nowMs >= this.#windowEndsMs) this.#endWindow(nowMs);
    this.#admitWaiting(nowMs);
    if (this.queued > 0) this.#sweepLater(nowMs);
  }
}

function refuse(waiter: Waiter, reason: RefusalReason, nowMs: number): void {
  waiter.resolve({ kind: 'refused', reason, waitedMs: nowMs - waiter.sinceMs });
}

function refusedAtOnce(reason: RefusalReason): Promise<Admission> {
  return Promise.resolve({ kind: 'refused', reason, waitedMs: 0 });
}
