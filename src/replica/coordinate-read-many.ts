/**
 * Many reads of one turn that go to the same nodes: one message to each node, and each read answered by itself.
 *
 * This is the straight way of coordinate-read.ts, and nothing but that: R nodes answer with evidence, all name the same
 * version, and its record is there. A key of which anything else is heard (nodes that differ, that refuse it, that are no
 * witness) is read again by itself, where all the rest is decided; reads have no effect, so nothing is lost but a
 * round trip. A node that does not answer, or not soon, is made up for here, by the next one for all keys together.
 */

import { equalBytes } from '../core/bytes.ts';
import type { NodeId } from '../core/config.ts';
import { compareVersions } from '../core/merge.ts';
import { readsAsDeleted, verifyRecord, type StoredRecord, type VersionDigest } from '../core/record.ts';
import type { CancelTimer } from '../ports/clock.ts';
import type { GetManyAnswer } from '../protocol/many-messages.ts';
import { getMany } from './answer-many.ts';
import type { Coordination } from './coordination.ts';
import type { ReadOutcome } from './node-api.ts';
import { askAllOneIn, mayHedge } from './read-fan-out.ts';
import type { ReadRepair } from './read-repair.ts';
import type { CallResult } from './remote-calls.ts';

/** A key, and who waits for its value. */
export interface KeyRead {
  readonly key: Uint8Array;
  /** Called once. */
  resolve(outcome: ReadOutcome): void;
}

export interface ReadManyOptions {
  readonly r: number;
  readonly timeoutMs: number;
  /** Nodes whose answers count toward R. */
  readonly witnesses: readonly NodeId[];
  /** Reads a key by itself. */
  readonly readAlone: (read: KeyRead, remainingMs: number) => void;
}

/** Reads keys from the nodes of one route, best first; each read is resolved once, or read alone. */
export function coordinateReads(
  coordination: Coordination,
  readRepair: ReadRepair,
  reads: readonly KeyRead[],
  nodes: readonly NodeId[],
  options: ReadManyOptions,
): void {
  new CoordinatedReads(coordination, readRepair, reads, nodes, options).start();
}

/** What is known of one key. */
interface KeyState {
  /** Answers that are evidence and agree; all that came do. */
  agreeing: number;
  /** The version that they name; undefined for none. */
  version: VersionDigest | undefined;
  record: StoredRecord | undefined;
  isDone: boolean;
}

interface Asked {
  readonly node: NodeId;
  readonly want: 'record' | 'digest';
  readonly sentAtMs: number;
}

class CoordinatedReads {
  readonly #coordination: Coordination;
  readonly #readRepair: ReadRepair;
  readonly #reads: readonly KeyRead[];
  readonly #keys: readonly Uint8Array[];
  readonly #states: readonly KeyState[];
  readonly #options: ReadManyOptions;
  readonly #deadlineMs: number;
  /** Nodes that have not been asked yet, best first. */
  readonly #reserve: NodeId[];
  #waiting: Asked[] = [];
  #undone: number;
  #cancelTimer: CancelTimer = () => undefined;

  constructor(
    coordination: Coordination,
    readRepair: ReadRepair,
    reads: readonly KeyRead[],
    nodes: readonly NodeId[],
    options: ReadManyOptions,
  ) {
    this.#coordination = coordination;
    this.#readRepair = readRepair;
    this.#reads = reads;
    this.#keys = reads.map(({ key }) => key);
    this.#states = reads.map(() => ({
      agreeing: 0,
      version: undefined,
      record: undefined,
      isDone: false,
    }));
    this.#options = options;
    this.#deadlineMs = coordination.clock.monotonicNow() + options.timeoutMs;
    this.#reserve = nodes.slice();
    this.#undone = reads.length;
  }

  start(): void {
    const { hedging, random } = this.#coordination;
    const askAll = random.below(askAllOneIn) === 0;
    const first = this.#reserve.splice(0, 1);
    const others = this.#reserve.splice(0, askAll ? this.#reserve.length : this.#options.r - 1);
    if (first.length + others.length < this.#options.r) {
      this.#readRestAlone();
      return;
    }
    this.#lookAfter(hedging.startRead());
    this.#ask(first, 'record');
    this.#ask(others, 'digest');
  }

  #ask(nodes: readonly NodeId[], want: 'record' | 'digest'): void {
    const { config, calls, clock, replica } = this.#coordination;
    const sentAtMs = clock.monotonicNow();
    // Whoever is asked later has less time: nobody waits beyond the deadline.
    const timeoutMs = Math.max(1, Math.ceil(this.#deadlineMs - sentAtMs));
    for (const node of nodes) this.#waiting.push({ node, want, sentAtMs });
    const peers = nodes.filter((node) => node !== config.id);
    if (peers.length > 0) {
      const request = { kind: 'get-many', timeoutMs, want, keys: this.#keys } as const;
      calls.ask(peers, request, timeoutMs, (node, result) => this.#onResult(node, want, result));
    }
    if (peers.length < nodes.length) {
      // Never before the others have been asked too, even where all is at hand.
      void Promise.resolve(getMany(replica, this.#keys, want)).then((answers) =>
        this.#onAnswers(config.id, want, answers),
      );
    }
  }

  #onResult(node: NodeId, want: 'record' | 'digest', result: CallResult): void {
    if (result.kind === 'got-many' && result.answers.length === this.#reads.length) {
      this.#onAnswers(node, want, result.answers);
      return;
    }
    this.#noLongerWaitFor(node, want);
    if (this.#undone > 0 && !this.#askNext()) this.#readRestAlone();
  }

  #onAnswers(node: NodeId, want: 'record' | 'digest', answers: readonly GetManyAnswer[]): void {
    this.#noLongerWaitFor(node, want);
    const nowMs = this.#coordination.clock.wallNow();
    const counts = this.#options.witnesses.includes(node);
    let found = 0;
    let index = -1;
    for (const read of this.#reads) {
      index++;
      const state = this.#states[index];
      const answer = answers[index];
      if (state === undefined || answer === undefined) continue;
      if (state.isDone) {
        this.#repairIfBehind(node, state, answer);
      } else if (!counts || !this.#accept(node, read.key, state, answer)) {
        this.#readAlone(read, state);
      } else if (
        state.agreeing >= this.#options.r &&
        (state.version === undefined || state.record !== undefined)
      ) {
        this.#finish(state);
        found++;
        read.resolve(this.#outcomeOf(state, nowMs));
      }
    }
    if (found > 0) this.#coordination.observer.count('gets.answered', found);
    // Whoever was asked for the records may have failed while others answered.
    if (this.#undone > 0 && this.#waiting.length === 0 && !this.#askNext()) this.#readRestAlone();
  }

  /** Takes an answer in; false when it is none, can't be believed, or is not what others have said. */
  #accept(node: NodeId, key: Uint8Array, state: KeyState, answer: GetManyAnswer): boolean {
    if (answer.kind === 'refused' || !answer.evidence) return false;
    const { nodeClock, checksum, config, observer } = this.#coordination;
    let version: VersionDigest | undefined;
    if (answer.kind === 'digest') version = answer.digest;
    if (answer.kind === 'record') {
      const { record } = answer;
      if (node !== config.id && !(equalBytes(record.key, key) && verifyRecord(record, checksum)))
        return false;
      version = record.version;
      state.record = record;
    }
    // A version from the far future is refused like everywhere else: adopting it would bury later writes.
    if (version !== undefined && !nodeClock.observe(version.dot)) {
      observer.count('clock.refused');
      return false;
    }
    if (state.agreeing === 0) state.version = version;
    else if (!areSame(state.version, version)) return false;
    state.agreeing++;
    return true;
  }

  #outcomeOf({ agreeing, version, record }: KeyState, nowMs: number): ReadOutcome {
    const required = this.#options.r;
    if (record === undefined || readsAsDeleted(record.version, nowMs)) {
      return { kind: 'missing', digest: version, answered: agreeing, required };
    }
    return { kind: 'found', version: record.version, answered: agreeing, required };
  }

  /** A node that no quorum needed answers with something older. */
  #repairIfBehind(node: NodeId, { record }: KeyState, answer: GetManyAnswer): void {
    if (record === undefined || answer.kind === 'refused') return;
    const version = versionIn(answer);
    if (version === undefined || compareVersions(version, record.version) < 0) {
      this.#readRepair.repair(record, [node]);
    }
  }

  /** Asks the next node for all keys; false when there is none, nor anybody to wait for. */
  #askNext(): boolean {
    const next = this.#reserve.shift();
    if (next === undefined) return this.#waiting.length > 0;
    const hasRecords = this.#states.every(({ isDone, record }) => isDone || record !== undefined);
    const isAskedForRecords = this.#waiting.some(({ want }) => want === 'record');
    this.#ask([next], hasRecords || isAskedForRecords ? 'digest' : 'record');
    return true;
  }

  #readAlone(read: KeyRead, state: KeyState): void {
    this.#finish(state);
    // Whatever it was that was heard of it: a late answer has nothing to be compared with.
    state.record = undefined;
    this.#coordination.observer.count('gets.read-alone');
    const remainingMs = this.#deadlineMs - this.#coordination.clock.monotonicNow();
    if (remainingMs > 0) this.#options.readAlone(read, Math.ceil(remainingMs));
    else this.#expire(read, state.agreeing);
  }

  #expire(read: KeyRead, answered: number): void {
    const { r, timeoutMs } = this.#options;
    this.#coordination.observer.count('gets.unavailable');
    read.resolve({
      kind: 'unavailable',
      code: 'QUORUM_NOT_MET',
      answered,
      required: r,
      message:
        `${answered} of the required ${r} replicas answered the read within ${timeoutMs} ms. ` +
        'Try again when more nodes are up.',
    });
  }

  #readRestAlone(): void {
    for (const [index, read] of this.#reads.entries()) {
      const state = this.#states[index];
      if (state?.isDone === false) this.#readAlone(read, state);
    }
  }

  #finish(state: KeyState): void {
    state.isDone = true;
    this.#undone--;
    if (this.#undone === 0) this.#cancelTimer();
  }

  #noLongerWaitFor(node: NodeId, want: 'record' | 'digest'): void {
    this.#waiting = this.#waiting.filter((asked) => asked.node !== node || asked.want !== want);
  }

  #lookAfter(delayMs: number): void {
    const { clock } = this.#coordination;
    const nowMs = clock.monotonicNow();
    const dueAtMs = Math.min(nowMs + delayMs, this.#deadlineMs);
    this.#cancelTimer = clock.startTimer(dueAtMs - nowMs, () => this.#look(dueAtMs));
  }

  /** Looks who keeps these reads waiting, and whether another may be asked. */
  #look(dueAtMs: number): void {
    const { clock, hedging, suspicion } = this.#coordination;
    const nowMs = clock.monotonicNow();
    if (dueAtMs >= this.#deadlineMs) {
      this.#readRestAlone();
      return;
    }
    this.#lookAfter(hedging.nextLookMs);
    // What came in while this node stood still is still to be read: nobody is late yet.
    if (suspicion.timerFired({ dueAtMs, nowMs })) return;
    for (const { node, sentAtMs } of this.#waiting) suspicion.waitedFor(node, { sentAtMs, nowMs });
    if (this.#reserve.length > 0 && this.#mayAskAnother()) this.#hedge();
  }

  /** Whether one more may be asked although others have still to answer. */
  #mayAskAnother(): boolean {
    const { suspicion, isUp } = this.#coordination;
    const isStuck = this.#waiting.some(({ node }) => suspicion.isSuspect(node) || !isUp(node));
    return isStuck || mayHedge(this.#coordination);
  }

  /** The records may be what is overdue. */
  #hedge(): void {
    const next = this.#reserve.shift();
    if (next === undefined) return;
    const hasRecords = this.#states.every(({ isDone, record }) => isDone || record !== undefined);
    this.#ask([next], hasRecords ? 'digest' : 'record');
  }
}

function versionIn(answer: GetManyAnswer): VersionDigest | undefined {
  if (answer.kind === 'digest') return answer.digest;
  return answer.kind === 'record' ? answer.record.version : undefined;
}

function areSame(left: VersionDigest | undefined, right: VersionDigest | undefined): boolean {
  if (left === undefined || right === undefined) return left === right;
  return compareVersions(left, right) === 0;
}
