/**
 * One read: R answers that are evidence, the newest version among them, and no going back in time.
 *
 * The full record is asked of one replica and versions of the others (Riak's head requests). When fewer
 * than R of those that answered hold the newest version it is written back before the client sees it, so that a
 * later read can't miss it (Attiya, Bar-Noy, Dolev 1995); other replicas that lag are repaired behind the
 * answer. A silent replica is replaced by the next after `hedgeAfterMs`, one that fails at once.
 */

import type { NodeId } from '../core/config.ts';
import { compareVersions, mergeRecords } from '../core/merge.ts';
import { ReadTally } from '../core/quorum.ts';
import { readsAsDeleted, verifyRecord, type StoredRecord } from '../core/record.ts';
import { tokenOf } from '../core/token.ts';
import type { CancelTimer } from '../ports/clock.ts';
import type { GetReply } from '../protocol/messages.ts';
import { preferenceOf, sendRecord, type Coordination } from './coordination.ts';
import type { ReadOutcome } from './node-api.ts';
import type { ReadRepair } from './read-repair.ts';
import type { CallResult } from './remote-calls.ts';
import { planRead } from './routing.ts';

/** One read in this many asks all N, so that replicas that no quorum needs are compared too. */
const askAllOneIn = 32;

export function coordinateRead(
  coordination: Coordination,
  readRepair: ReadRepair,
  request: { readonly key: Uint8Array; readonly r: number; readonly timeoutMs: number },
): Promise<ReadOutcome> {
  return new CoordinatedRead(coordination, readRepair, request).run();
}

class CoordinatedRead {
  readonly #coordination: Coordination;
  readonly #readRepair: ReadRepair;
  readonly #key: Uint8Array;
  readonly #timeoutMs: number;
  readonly #tally: ReadTally<NodeId>;
  /** Nodes that have not been asked yet, best first. */
  readonly #reserve: NodeId[];
  #outstanding = 0;
  /** The newest full record seen. */
  #record: StoredRecord | undefined;
  #expired = false;
  #settled = false;
  #cancelTimer: CancelTimer = () => undefined;
  #wake: () => void = () => undefined;

  constructor(
    coordination: Coordination,
    readRepair: ReadRepair,
    request: { readonly key: Uint8Array; readonly r: number; readonly timeoutMs: number },
  ) {
    this.#coordination = coordination;
    this.#readRepair = readRepair;
    this.#key = request.key;
    this.#timeoutMs = request.timeoutMs;
    this.#tally = new ReadTally(request.r);
    this.#reserve = planRead({
      preference: preferenceOf(coordination.placement, tokenOf(request.key)),
      coordinator: coordination.config.id,
      isUp: coordination.isUp,
    });
  }

  async run(): Promise<ReadOutcome> {
    this.#startTimers();
    this.#askFirst();
    const outcome = await this.#resolveQuorum();
    this.#settled = true;
    this.#cancelTimer();
    if (this.#record !== undefined) this.#readRepair.repair(this.#record, this.#laggards());
    this.#coordination.observer.count(outcome.kind === 'unavailable' ? 'gets.unavailable' : 'gets.answered');
    return outcome;
  }

  /** Collects answers, the record they name, and holders of it, until all three suffice or time is up. */
  async #resolveQuorum(): Promise<ReadOutcome> {
    for (;;) {
      await this.#until(() => this.#tally.enough || this.#exhausted);
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

  #askFirst(): void {
    const first = this.#reserve.shift();
    if (first === undefined) return;
    const askAll = this.#coordination.random.below(askAllOneIn) === 0;
    const others = this.#reserve.splice(0, askAll ? this.#reserve.length : this.#tally.required - 1);
    this.#ask([first], 'record');
    this.#ask(others, 'digest');
  }

  #ask(nodes: readonly NodeId[], want: 'record' | 'digest'): void {
    const { config, calls, replica } = this.#coordination;
    this.#outstanding += nodes.length;
    const peers = nodes.filter((node) => node !== config.id);
    if (peers.length > 0) {
      const request = { kind: 'get', timeoutMs: this.#timeoutMs, want, key: this.#key } as const;
      calls.ask(peers, request, this.#timeoutMs, (peer, result) => this.#onResult(peer, result));
    }
    if (peers.length < nodes.length) {
      void replica.get(this.#key, want).then((reply) => this.#onResult(config.id, reply));
    }
  }

  #onResult(from: NodeId, result: CallResult): void {
    this.#outstanding--;
    if (!this.#accept(from, result)) {
      const next = this.#settled ? undefined : this.#reserve.shift();
      if (next !== undefined) this.#ask([next], 'digest');
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
    this.#tally.add({ from, evidence: reply.evidence, digest });
    return reply.evidence;
  }

  #holdsNewestRecord(): boolean {
    const newest = this.#tally.newest;
    return (
      this.#record !== undefined && newest !== undefined && compareVersions(this.#record.version, newest) >= 0
    );
  }

  /** Asks holders of the newest version for the full record, one after the other. */
  async #fetchNewest(): Promise<boolean> {
    const asked = new Set<NodeId>();
    for (;;) {
      // A newer version may turn up while an older one is fetched: then its holders are asked.
      const holder = this.#tally.holders().find((node) => !asked.has(node));
      if (holder === undefined) return false;
      asked.add(holder);
      this.#ask([holder], 'record');
      await this.#until(() => this.#holdsNewestRecord() || this.#outstanding === 0);
      if (this.#holdsNewestRecord()) return true;
      if (this.#expired) return false;
    }
  }

  /** Brings owners that lag up to the newest version; false when too few could be brought there in time. */
  async #writeBack(): Promise<boolean> {
    const record = this.#record;
    if (record === undefined) return false;
    const { replica, observer } = this.#coordination;
    const laggards = this.#laggards().filter((node) => replica.owns(record.token, node));
    let waiting = laggards.length;
    observer.count('reads.written-back');
    sendRecord(this.#coordination, {
      record,
      holders: laggards,
      hintFor: undefined,
      fresh: false,
      timeoutMs: this.#timeoutMs,
      onResult: (from, result) => {
        waiting--;
        if (result.kind === 'stored') this.#tally.add({ from, evidence: true, digest: record.version });
        this.#wake();
      },
    });
    await this.#until(() => this.#tally.agreeing >= this.#tally.required || waiting === 0);
    if (this.#tally.agreeing >= this.#tally.required) return true;
    const next = this.#reserve.shift();
    if (next === undefined || this.#expired) return false;
    this.#ask([next], 'digest');
    await this.#until(() => this.#outstanding === 0);
    return true;
  }

  #laggards(): NodeId[] {
    return this.#record === undefined || !this.#holdsNewestRecord() ? [] : this.#tally.laggards();
  }

  get #exhausted(): boolean {
    return this.#outstanding === 0 && this.#reserve.length === 0;
  }

  /** Waits until a condition holds or time is up; the condition is looked at again at every answer. */
  async #until(condition: () => boolean): Promise<void> {
    while (!condition() && !this.#expired) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  #startTimers(): void {
    const { clock, config } = this.#coordination;
    const hedgeAfterMs = Math.min(config.timing.hedgeAfterMs, this.#timeoutMs);
    this.#cancelTimer = clock.startTimer(hedgeAfterMs, () => {
      this.#ask(this.#reserve.splice(0), 'digest');
      this.#cancelTimer = clock.startTimer(this.#timeoutMs - hedgeAfterMs, () => {
        this.#expired = true;
        this.#wake();
      });
      this.#wake();
    });
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
        `${this.#expired ? ` within ${this.#timeoutMs} ms` : ''}. Try again when more nodes are up.`,
    };
  }
}
