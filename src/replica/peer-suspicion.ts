/**
 * Which peers answer well, for the order in which a read asks them: never for ownership, nor for where writes go.
 *
 * A decider that takes `nowMs` as an argument. A peer becomes *suspect* by `strikesMax` signs of slowness in a row: a
 * request that timed out, or took, or is taking, long beyond what its peers and the way to it need. A suspect is asked
 * last, so it costs a few slow requests and no more; heartbeats and probes go on, and two quick answers in a row take the
 * suspicion back. Signs within `strikeSpacingMs` are one sign: all that was under way meets a single pause together.
 *
 * A node that stood still itself suspects itself first (Lifeguard, Dadgar et al. 2017): a timer that fires late
 * shows it, and nothing that was under way by then is held against a peer. Latency is an exponentially weighted
 * average of short replies to reads and heartbeats; what a disk's sync takes says nothing of how quickly a peer reads.
 */

import type { NodeId } from '../core/config.ts';
import { limits } from '../core/limits.ts';
import { LatencyQuantile } from './latency-quantile.ts';

/** When a request was sent, and now; both of the monotonic clock. */
export interface RequestTimes {
  readonly sentAtMs: number;
  readonly nowMs: number;
}

/** Asked first; clearly slower than the quickest peer; asked last. */
export type PeerRank = 0 | 1 | 2;

interface PeerRecord {
  /** Undefined until the first answer of this connection. */
  averageMs: number | undefined;
  /** The quickest answer of this connection: what the way to the peer takes. */
  quickestMs: number;
  strikes: number;
  lastStrikeMs: number;
  isSuspect: boolean;
  quickInRow: number;
  lastProbeMs: number;
  rank: PeerRank;
}

const strikesMax = 3;
const strikeSpacingMs = 10;
const quickAnswersToTrust = 2;
/** A peer that gets quicker is believed sooner than one that gets slower. */
const averageWeight = { up: 0.2, down: 0.5 };
/** Ranks follow the averages this often. */
const rankEveryMs = 10;
/** Slow is at least this, and so many times what the quickest other peer, and this one at its best, needed. */
const slowFactor = 4;
/** From here on a peer counts as clearly slower: distinct enough not to follow the noise of a busy machine. */
const slowerFactor = 3;
const slowerByMs = 2;

export class PeerSuspicion {
  readonly #peers = new Map<NodeId, PeerRecord>();
  readonly #onChange: (peer: NodeId, isSuspect: boolean) => void;
  /** Latencies of peers that are not suspect. */
  readonly #quantile = new LatencyQuantile(limits.suspectAfterMsMin / 2);
  #stoodStillUntilMs = Number.NEGATIVE_INFINITY;
  #rankedAtMs = Number.NEGATIVE_INFINITY;
  #anyDemoted = false;
  /** The quickest peer that is not suspect, its average, and the next one's. */
  #quickest: PeerRecord | undefined;
  #quickestMs = Number.POSITIVE_INFINITY;
  #secondMs = Number.POSITIVE_INFINITY;

  constructor(options: {
    readonly peers: readonly NodeId[];
    readonly onChange: (peer: NodeId, isSuspect: boolean) => void;
  }) {
    this.#onChange = options.onChange;
    for (const peer of options.peers) this.#peers.set(peer, newRecord());
  }

  /** A new connection is a new way to the peer, and often a new process. */
  connected(peer: NodeId): void {
    if (!this.#peers.has(peer)) return;
    this.#peers.set(peer, newRecord());
    this.#rankAll(Number.NEGATIVE_INFINITY);
  }

  /** A short reply to a read or a heartbeat arrived. */
  answered(peer: NodeId, { sentAtMs, nowMs }: RequestTimes): void {
    const record = this.#peers.get(peer);
    if (record === undefined) return;
    const latencyMs = nowMs - sentAtMs;
    const slowMs = this.#slowMs(record);
    if (latencyMs > slowMs) {
      if (this.#isExcused(sentAtMs)) return;
      this.#strike(peer, record, { sentAtMs, nowMs });
    } else {
      record.strikes = 0;
      if (!record.isSuspect) this.#quantile.add(latencyMs);
      else if (++record.quickInRow >= quickAnswersToTrust) this.#trust(peer, record, latencyMs);
    }
    this.#average(record, latencyMs, slowMs);
    if (nowMs - this.#rankedAtMs >= rankEveryMs) this.#rankAll(nowMs);
  }

  /** A read still waits for this peer. */
  waitedFor(peer: NodeId, times: RequestTimes): void {
    const record = this.#peers.get(peer);
    if (record === undefined) return;
    if (times.nowMs - times.sentAtMs > this.#slowMs(record)) this.#strike(peer, record, times);
  }

  /** A request of any kind ended without an answer. */
  timedOut(peer: NodeId, times: RequestTimes): void {
    const record = this.#peers.get(peer);
    if (record !== undefined) this.#strike(peer, record, times);
  }

  /** Told when a timer fires; true when it fires so late that this node itself stood still. */
  timerFired({ dueAtMs, nowMs }: { readonly dueAtMs: number; readonly nowMs: number }): boolean {
    if (nowMs - dueAtMs < limits.suspectAfterMsMin) return false;
    this.#stoodStillUntilMs = nowMs;
    for (const record of this.#peers.values()) record.strikes = 0;
    return true;
  }

  isSuspect(peer: NodeId): boolean {
    return this.#peers.get(peer)?.isSuspect === true;
  }

  /** Where a peer stands in the order in which reads ask; this node itself and strangers stand first. */
  rank(peer: NodeId): PeerRank {
    return this.#peers.get(peer)?.rank ?? 0;
  }

  /** Whether any peer does not stand first: what a read looks at before it looks at every peer. */
  get anyDemoted(): boolean {
    return this.#anyDemoted;
  }

  /** Whether a read should ask this suspect besides those that it needs; at most one read per `probeMs` does. */
  takeProbe(peer: NodeId, nowMs: number): boolean {
    const record = this.#peers.get(peer);
    if (record === undefined || !record.isSuspect || nowMs - record.lastProbeMs < limits.probeMs)
      return false;
    record.lastProbeMs = nowMs;
    return true;
  }

  /** Milliseconds that a short reply takes on average; undefined before the first. */
  latencyMs(peer: NodeId): number | undefined {
    return this.#peers.get(peer)?.averageMs;
  }

  /** Milliseconds within which all but a few percent of the answers of peers in good standing come. */
  get usualMsMax(): number {
    return this.#quantile.valueMs;
  }

  /** What counts as slow for a peer; nothing does while there is no other to compare with. */
  #slowMs(record: PeerRecord): number {
    const quickestOtherMs = record === this.#quickest ? this.#secondMs : this.#quickestMs;
    const atItsBestMs = record.averageMs === undefined ? 0 : record.quickestMs;
    return Math.max(limits.suspectAfterMsMin, slowFactor * quickestOtherMs, slowFactor * atItsBestMs);
  }

  /** A single answer counts no more than what is slow already, so that one pause demotes nobody. */
  #average(record: PeerRecord, latencyMs: number, slowMs: number): void {
    const isFirst = record.averageMs === undefined;
    const sampleMs = Math.min(latencyMs, slowMs);
    const averageMs = Math.min(record.averageMs ?? sampleMs, slowMs);
    const weight = sampleMs < averageMs ? averageWeight.down : averageWeight.up;
    record.averageMs = averageMs + weight * (sampleMs - averageMs);
    record.quickestMs = Math.min(record.quickestMs, latencyMs);
    if (isFirst) this.#rankedAtMs = Number.NEGATIVE_INFINITY;
  }

  #strike(peer: NodeId, record: PeerRecord, { sentAtMs, nowMs }: RequestTimes): void {
    if (this.#isExcused(sentAtMs)) return;
    record.quickInRow = 0;
    if (nowMs - record.lastStrikeMs < strikeSpacingMs) return;
    record.lastStrikeMs = nowMs;
    record.strikes++;
    if (record.isSuspect || record.strikes < strikesMax) return;
    record.isSuspect = true;
    this.#rankAll(nowMs);
    this.#onChange(peer, true);
  }

  /** A request that was under way while this node stood still says nothing of its peer. */
  #isExcused(sentAtMs: number): boolean {
    return sentAtMs <= this.#stoodStillUntilMs;
  }

  #trust(peer: NodeId, record: PeerRecord, latencyMs: number): void {
    record.isSuspect = false;
    record.quickInRow = 0;
    record.averageMs = latencyMs;
    this.#rankedAtMs = Number.NEGATIVE_INFINITY;
    this.#onChange(peer, false);
  }

  #rankAll(nowMs: number): void {
    this.#rankedAtMs = nowMs;
    this.#quickest = undefined;
    this.#quickestMs = this.#secondMs = Number.POSITIVE_INFINITY;
    for (const record of this.#peers.values()) {
      if (record.averageMs === undefined || record.isSuspect) continue;
      if (record.averageMs < this.#quickestMs) {
        this.#secondMs = this.#quickestMs;
        this.#quickestMs = record.averageMs;
        this.#quickest = record;
      } else this.#secondMs = Math.min(this.#secondMs, record.averageMs);
    }
    const slowerMs = slowerFactor * this.#quickestMs + slowerByMs;
    this.#anyDemoted = false;
    for (const record of this.#peers.values()) {
      record.rank = record.isSuspect ? 2 : (record.averageMs ?? 0) > slowerMs ? 1 : 0;
      if (record.rank > 0) this.#anyDemoted = true;
    }
  }
}

function newRecord(): PeerRecord {
  return {
    averageMs: undefined,
    quickestMs: Number.POSITIVE_INFINITY,
    strikes: 0,
    lastStrikeMs: Number.NEGATIVE_INFINITY,
    isSuspect: false,
    quickInRow: 0,
    lastProbeMs: Number.NEGATIVE_INFINITY,
    rank: 0,
  };
}
