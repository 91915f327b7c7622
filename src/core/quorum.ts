/**
 * Counting replies: when a write is acknowledged and on what a read's answer rests.
 *
 * Pure tallies beside the flows that use them (the split of `riak_kv_get_core` and its state machine): they know
 * nothing of messages or timers, and whoever sends decides what to ask next from what they say.
 */

import { compareVersions } from './merge.ts';
import type { VersionDigest } from './record.ts';

export type QuorumState = 'pending' | 'met' | 'missed';

/** Tally of one write: W holders must have it durable. */
export class WriteTally {
  readonly required: number;
  #acknowledged = 0;
  #outstanding = 0;

  constructor(required: number) {
    this.required = required;
  }

  get acknowledged(): number {
    return this.#acknowledged;
  }

  /** A holder was asked. `counts` is false for a hint on a node that counts already, or under `strict`. */
  ask(counts: boolean): void {
    if (counts) this.#outstanding++;
  }

  acknowledge(counts: boolean): void {
    if (!counts) return;
    this.#outstanding--;
    this.#acknowledged++;
  }

  fail(counts: boolean): void {
    if (counts) this.#outstanding--;
  }

  /** `missed` once nobody is left to acknowledge: until then the count may still grow, and it is reported. */
  get state(): QuorumState {
    if (this.#acknowledged >= this.required) return 'met';
    return this.#outstanding === 0 ? 'missed' : 'pending';
  }
}

/** One replica's answer to a read; `digest` is undefined when it holds nothing. */
export interface ReadAnswer<Replica> {
  readonly from: Replica;
  readonly evidence: boolean;
  readonly digest: VersionDigest | undefined;
}

/** Tally of one read: R answers that are evidence, the newest version among them, and who lags. */
export class ReadTally<Replica> {
  readonly required: number;
  /** One for each replica. A list, because it has two or three entries. */
  readonly #answers: ReadAnswer<Replica>[] = [];
  #newest: VersionDigest | undefined;
  #evidence = 0;

  constructor(required: number) {
    this.required = required;
  }

  /** Replicas whose answers are evidence. */
  get answered(): number {
    return this.#evidence;
  }

  get newest(): VersionDigest | undefined {
    return this.#newest;
  }

  /** Adds an answer, or replaces the one this replica gave before. */
  add(answer: ReadAnswer<Replica>): void {
    const before = this.#answers.findIndex(({ from }) => from === answer.from);
    if (before < 0) {
      this.#answers.push(answer);
    } else {
      if (this.#answers[before]?.evidence === true) this.#evidence--;
      this.#answers[before] = answer;
    }
    if (answer.evidence) this.#evidence++;
    if (answer.digest === undefined) return;
    if (this.#newest === undefined || compareVersions(answer.digest, this.#newest) > 0) {
      this.#newest = answer.digest;
    }
  }

  /** A replica has acknowledged a version: it holds that one now, or the newer one that it answered with meanwhile. */
  confirm(from: Replica, version: VersionDigest): void {
    const held = this.#answers.find((answer) => answer.from === from)?.digest;
    const isNewer = held !== undefined && compareVersions(held, version) > 0;
    this.add({ from, evidence: true, digest: isNewer ? held : version });
  }

  /**
   * A version that an owner knows to be past, from below the stability floor: those who hold it hold nothing, and are
   * no evidence.
   */
  discard(version: VersionDigest): void {
    this.#newest = undefined;
    for (const answer of [...this.#answers]) {
      const isPast = answer.digest !== undefined && compareVersions(answer.digest, version) === 0;
      this.add(isPast ? { from: answer.from, evidence: false, digest: undefined } : answer);
    }
  }

  get enough(): boolean {
    return this.#evidence >= this.required;
  }

  /** Replicas that hold the newest version. */
  holders(): Replica[] {
    return this.#select((answer) => this.#isNewest(answer));
  }

  /** How many of the answers that are evidence hold the newest version (or all, where nobody holds any). */
  get agreeing(): number {
    let agreeing = 0;
    for (const answer of this.#answers) {
      if (answer.evidence && this.#isNewest(answer)) agreeing++;
    }
    return agreeing;
  }

  /** Replicas that answered with something older, or nothing. */
  laggards(): Replica[] {
    return this.#select((answer) => !this.#isNewest(answer));
  }

  #isNewest(answer: ReadAnswer<Replica>): boolean {
    if (this.#newest === undefined) return true;
    return answer.digest !== undefined && compareVersions(answer.digest, this.#newest) === 0;
  }

  #select(predicate: (answer: ReadAnswer<Replica>) => boolean): Replica[] {
    const selected: Replica[] = [];
    for (const answer of this.#answers) {
      if (predicate(answer)) selected.push(answer.from);
    }
    return selected;
  }
}
