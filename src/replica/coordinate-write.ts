/**
 * One write, from its stamp to the last of its N owners.
 *
 * The record goes to all N owners at once and the client is answered at W durable holders (DeCandia et al.
 * 2007, §4.5, §4.6). The rest is never cancelled: an owner that has not acknowledged by the deadline, or
 * that can't be reached, gets a hint, durable on the node that keeps it. An acknowledgement counts once per
 * node, so a hint counts only where the node holds nothing else of this write.
 *
 * An owner that is up but overloaded makes no storm of hints: it has at least the configured time however
 * impatient the client is, an acknowledgement that is late cancels the hint, and hints that the quorum does
 * not need are kept at a limited rate.
 */

import type { NodeConfig, NodeId } from '../core/config.ts';
import type { ErrorCode } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import { WriteTally } from '../core/quorum.ts';
import type { StoredRecord } from '../core/record.ts';
import type { CancelTimer } from '../ports/clock.ts';
import type { Reply } from '../protocol/messages.ts';
import { preferenceOf, sendRecord, type Coordination } from './coordination.ts';
import type { WriteOutcome } from './node-api.ts';
import type { CallResult } from './remote-calls.ts';
import { nextFallback, planWrite, type Preference, type WriteAssignment } from './routing.ts';

/** Refusals that a hint would only meet again: the record itself is what the owner refuses. */
const refusalsOfTheRecord: ReadonlySet<ErrorCode> = new Set([
  'CLOCK_SKEW',
  'RECORD_CORRUPT',
  'RECORD_INVALID',
  'FORMAT_UNSUPPORTED',
  'NOT_OWNER',
  'STALE_VERSION',
  'LIMIT_EXCEEDED',
]);

export interface WriteOptions {
  readonly w: number;
  /** Only owners count. */
  readonly strict: boolean;
  readonly timeoutMs: number;
}

/** Sends a stamped record to its owners; resolves at W, at the deadline, or when W can't be reached any more. */
export function coordinateWrite(
  coordination: Coordination,
  record: StoredRecord,
  options: WriteOptions,
): Promise<WriteOutcome> {
  return new Promise((resolve) => {
    new CoordinatedWrite(coordination, record, options, resolve).start();
  });
}

/** A write whose owners somebody else has asked, and tells what they answer. */
export interface TakenOverWrite {
  /** Called once for each owner that had not acknowledged. */
  onResult(owner: NodeId, result: CallResult): void;
  onLateReply(owner: NodeId, reply: Reply): void;
}

/** Goes on with a write whose owners have all been asked, from what is known by now. */
export function takeOverWrite(
  coordination: Coordination,
  record: StoredRecord,
  options: WriteOptions & {
    /** Until the client is answered. */
    readonly remainingMs: number;
    readonly asked: readonly NodeId[];
    readonly acknowledged: readonly NodeId[];
    /** Undefined when the client has its answer already. */
    readonly resolve: ((outcome: WriteOutcome) => void) | undefined;
  },
): TakenOverWrite {
  const write = new CoordinatedWrite(coordination, record, options, options.resolve ?? (() => undefined));
  write.takeOver(options);
  return {
    onResult: (owner, result) => write.onOwnerResult(owner, result),
    onLateReply: (owner, reply) => write.onLateReply(owner, reply),
  };
}

class CoordinatedWrite {
  readonly #coordination: Coordination;
  readonly #record: StoredRecord;
  readonly #strict: boolean;
  readonly #timeoutMs: number;
  /** Owners have so long before they get a hint. */
  readonly #ownerTimeoutMs: number;
  readonly #resolve: (outcome: WriteOutcome) => void;
  readonly #preference: Preference;
  readonly #tally: WriteTally;
  /** Nodes that hold, or were asked to hold, any part of this write. */
  readonly #holders = new Set<NodeId>();
  /** Owners that acknowledged after they had been given up, and those that this node has a hint for. */
  #acknowledgedLate: Set<NodeId> | undefined;
  #hintsHere: Set<NodeId> | undefined;
  #diskFull = false;
  /** A holder said that this node's clock lags: what is kept as a hint from now on is no acknowledgement. */
  #clockLags = false;
  #answered = false;
  /** Holders that have not been heard of yet, and 1 while more may be asked. */
  #waiting = 1;
  #cancelDeadline: CancelTimer = () => undefined;

  constructor(
    coordination: Coordination,
    record: StoredRecord,
    options: WriteOptions,
    resolve: (outcome: WriteOutcome) => void,
  ) {
    this.#coordination = coordination;
    this.#record = record;
    this.#strict = options.strict;
    this.#timeoutMs = options.timeoutMs;
    this.#ownerTimeoutMs = Math.max(options.timeoutMs, coordination.config.timing.requestTimeoutMs);
    this.#resolve = resolve;
    this.#preference = preferenceOf(coordination.placement, record.token);
    this.#tally = new WriteTally(options.w);
  }

  start(): void {
    this.#coordination.writesUnderWay.begin(this.#record.version.dot.wallMs);
    const { clock, config, isUp } = this.#coordination;
    const planned = planWrite({
      preference: this.#preference,
      coordinator: config.id,
      isUp,
      strict: this.#strict,
    });
    const assignments = planned.filter(({ hintFor }) => hintFor === undefined || keepsHints(config));
    this.#cancelDeadline = clock.startTimer(this.#timeoutMs, () => this.#answer('deadline'));
    // All are counted as asked before any answer can come, or the tally would call the write missed too early.
    for (const assignment of assignments) {
      this.#holders.add(assignment.holder);
      this.#tally.ask(assignment.counts);
    }
    this.#sendToOwners(assignments.filter((assignment) => assignment.hintFor === undefined));
    for (const assignment of assignments) {
      if (assignment.hintFor !== undefined) this.#sendHint(assignment.hintFor, assignment);
    }
    this.#doneWithOne();
    this.#answerIfDecided();
  }

  /** Starts in the midst: the owners have been asked, and some have acknowledged. */
  takeOver(from: {
    readonly remainingMs: number;
    readonly asked: readonly NodeId[];
    readonly acknowledged: readonly NodeId[];
    readonly resolve: unknown;
  }): void {
    this.#coordination.writesUnderWay.begin(this.#record.version.dot.wallMs);
    if (from.resolve === undefined) this.#answered = true;
    else {
      const { clock } = this.#coordination;
      this.#cancelDeadline = clock.startTimer(from.remainingMs, () => this.#answer('deadline'));
    }
    for (const owner of from.asked) {
      this.#holders.add(owner);
      this.#tally.ask(true);
    }
    this.#waiting += from.asked.length;
    for (const owner of from.acknowledged) this.onOwnerResult(owner, { kind: 'stored' });
    this.#doneWithOne();
  }

  /** What became of the request to an owner. */
  onOwnerResult(owner: NodeId, result: CallResult): void {
    this.#onResult({ holder: owner, hintFor: undefined, counts: true }, result);
  }

  /** The write is over once nothing of it can reach anybody any more, long after the client has its answer. */
  #doneWithOne(): void {
    this.#waiting--;
    if (this.#waiting === 0) this.#coordination.writesUnderWay.end(this.#record.version.dot.wallMs);
  }

  /** The owners get one and the same frame. */
  #sendToOwners(assignments: readonly WriteAssignment[]): void {
    this.#waiting += assignments.length;
    sendRecord(this.#coordination, {
      record: this.#record,
      holders: assignments.map((assignment) => assignment.holder),
      hintFor: undefined,
      fresh: true,
      timeoutMs: this.#ownerTimeoutMs,
      onResult: (owner, result) => this.onOwnerResult(owner, result),
      ...(this.#record.bytes.length > limits.lateReplyRecordBytesMax
        ? {}
        : { onLateReply: (owner, reply) => this.onLateReply(owner, reply) }),
    });
  }

  /** The owner was only slow: a hint that this very node has kept for it is dropped. */
  onLateReply(owner: NodeId, reply: Reply): void {
    if (reply.kind !== 'stored') return;
    this.#acknowledgedLate ??= new Set();
    this.#acknowledgedLate.add(owner);
    if (this.#hintsHere?.has(owner) === true) {
      void this.#coordination.replica.cancelHint(owner, this.#record);
    }
  }

  #onHintKeptHere(owner: NodeId): void {
    this.#hintsHere ??= new Set();
    this.#hintsHere.add(owner);
    if (this.#acknowledgedLate?.has(owner) === true) {
      void this.#coordination.replica.cancelHint(owner, this.#record);
    }
  }

  #sendHint(owner: NodeId, assignment: WriteAssignment): void {
    this.#waiting++;
    sendRecord(this.#coordination, {
      record: this.#record,
      holders: [assignment.holder],
      hintFor: owner,
      fresh: !this.#clockLags,
      timeoutMs: this.#timeoutMs,
      onResult: (_, result) => this.#onResult(assignment, result),
    });
  }

  #onResult(assignment: WriteAssignment, result: CallResult): void {
    if (result.kind === 'stored') {
      const { hintFor, holder } = assignment;
      if (hintFor !== undefined && holder === this.#coordination.config.id) this.#onHintKeptHere(hintFor);
      this.#tally.acknowledge(assignment.counts);
    } else {
      if (result.kind === 'refused') this.#note(result);
      if (result.kind !== 'refused' || !refusalsOfTheRecord.has(result.code)) this.#reroute(assignment);
      this.#tally.fail(assignment.counts);
    }
    this.#doneWithOne();
    this.#answerIfDecided();
  }

  /** Finds another node to keep a hint for the owner that did not get the record. */
  #reroute(failed: WriteAssignment): void {
    const { config, clock, isUp, hintAdmission, observer } = this.#coordination;
    if (!keepsHints(config)) return;
    const owner = failed.hintFor ?? failed.holder;
    const fallback = nextFallback(this.#preference, isUp, this.#holders, owner);
    const holder = fallback ?? config.id;
    if (holder === owner || (failed.hintFor !== undefined && holder === failed.holder)) {
      observer.count('hints.refused');
      observer.log(
        'warn',
        'hint.not-kept',
        `no node could keep a hint for ${owner}; it lags until it is repaired`,
      );
      return;
    }
    const counts = !this.#strict && !this.#holders.has(holder);
    const isNeeded = counts && this.#tally.state !== 'met';
    if (!isNeeded && isUp(owner) && !hintAdmission.admit(owner, clock.monotonicNow())) {
      observer.count('hints.left-out');
      observer.log('warn', 'hint.left-out', `${owner} is overloaded; what it misses is left to anti-entropy`);
      return;
    }
    this.#holders.add(holder);
    const acknowledges = counts && !this.#clockLags;
    this.#tally.ask(acknowledges);
    this.#sendHint(owner, { holder, hintFor: owner, counts: acknowledges });
  }

  #note(refusal: CallResult & { kind: 'refused' }): void {
    if (refusal.code === 'DISK_FULL') this.#diskFull = true;
    if (refusal.code !== 'CLOCK_BEHIND') return;
    this.#clockLags = true;
    this.#coordination.observer.log('error', 'clock.lags', refusal.message, { code: refusal.code });
  }

  #answerIfDecided(): void {
    if (this.#tally.state !== 'pending') this.#answer(this.#tally.state);
  }

  #answer(reason: 'met' | 'missed' | 'deadline'): void {
    if (this.#answered) return;
    this.#answered = true;
    this.#cancelDeadline();
    const { acknowledged, required } = this.#tally;
    const { dot } = this.#record.version;
    if (reason === 'met') {
      this.#coordination.observer.count('puts.acknowledged');
      this.#resolve({ kind: 'stored', dot, acknowledged, required });
      return;
    }
    this.#coordination.observer.count('puts.unknown');
    this.#resolve({
      kind: 'unknown',
      code: this.#diskFull ? 'DISK_FULL' : 'QUORUM_NOT_MET',
      dot,
      acknowledged,
      required,
      message:
        `${acknowledged} of the required ${required} replicas acknowledged the write` +
        `${reason === 'deadline' ? ` within ${this.#timeoutMs} ms` : ''}; it may still take effect. ` +
        (this.#clockLags
          ? "This node's clock lags behind the others: write through another, and check NTP here."
          : 'Read the key, or write again.'),
    });
  }
}

function keepsHints(config: NodeConfig): boolean {
  return config.hintedHandoff !== false;
}
