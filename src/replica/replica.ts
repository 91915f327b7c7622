/**
 * A replica: carries out what a coordinator (this node's own, or a peer's) asks of this node's store.
 *
 * Invariants: a record is stored only by an owner of its key or as a hint for one; a version whose
 * checksum fails or whose stamp lies too far ahead is refused, not adopted; `stored` is said only once the
 * store has made the version, or a later one that reads believe, as durable as configured.
 */

import { isMember, type NodeConfig, type NodeId } from '../core/config.ts';
import type { Checksum } from '../core/crc32.ts';
import type { Dot } from '../core/dot.ts';
import { assert, errorCodeOf, errorMessageOf, StoreError, type ErrorCode } from '../core/errors.ts';
import type { MaybePromise } from '../core/maybe-promise.ts';
import type { PlacementTable } from '../core/placement.ts';
import { verifyRecord, type StoredRecord, type VersionDigest } from '../core/record.ts';
import { partitionOf, tokenOf, type Token } from '../core/token.ts';
import type { Observer } from '../ports/observer.ts';
import type { RefusedRecord } from '../protocol/many-messages.ts';
import type { GetReply, Reply } from '../protocol/messages.ts';
import type { MergeResult, Store } from '../storage/store.ts';
import { ArrivalMemory, type ArrivalOrigin } from './arrival-memory.ts';
import type { NodeClock } from './node-clock.ts';
import type { WritePromise } from './write-promise.ts';

type RefusedReply = Reply & { readonly kind: 'refused' };

export class Replica {
  /** How what is held here came. */
  readonly arrivals: ArrivalMemory;
  readonly #config: NodeConfig;
  readonly #store: Store;
  readonly #placement: PlacementTable;
  /** For each partition 1 if this node owns it, which every request asks. */
  readonly #owned: Uint8Array;
  readonly #clock: NodeClock;
  readonly #checksum: Checksum;
  readonly #observer: Observer;
  readonly #isWitness: (partition: number) => boolean;
  readonly #promise: Pick<WritePromise, 'check'> | undefined;

  constructor(options: {
    readonly config: NodeConfig;
    readonly store: Store;
    readonly placement: PlacementTable;
    readonly clock: NodeClock;
    readonly checksum: Checksum;
    readonly observer: Observer;
    /**
     * Whether this node still has all that it acknowledged of a partition. A store that lost something can tell what
     * it has, but its answer proves nothing.
     */
    readonly isWitness: (partition: number) => boolean;
    /** What was promised for the stability floor. */
    readonly promise?: Pick<WritePromise, 'check'>;
  }) {
    this.#config = options.config;
    this.arrivals = new ArrivalMemory(options.config.members.map(({ id }) => id));
    this.#store = options.store;
    this.#placement = options.placement;
    const { partitions } = options.placement;
    this.#owned = Uint8Array.from({ length: partitions }, (_, partition) =>
      Number(options.placement.owners(partition).includes(options.config.id)),
    );
    this.#clock = options.clock;
    this.#checksum = options.checksum;
    this.#observer = options.observer;
    this.#isWitness = options.isWitness;
    this.#promise = options.promise;
  }

  /** Merges a record that a coordinator or a hint holder sent. Never throws. */
  async put(
    record: StoredRecord,
    hintFor: NodeId | undefined,
    fresh?: { readonly ageMsMax: number },
    origin: ArrivalOrigin = 0,
  ): Promise<Reply> {
    try {
      const wallMs = this.#clock.wallNow;
      this.check(record, hintFor, wallMs);
      if (fresh !== undefined) this.#checkFresh(record, fresh.ageMsMax, wallMs);
      await this.store(record, hintFor, origin);
      return { kind: 'stored' };
    } catch (error) {
      return this.#refuse('replica.put-refused', error);
    }
  }

  /**
   * Merges records that this node owns; resolves to those that were refused, once the others are durable. Each is judged
   * by itself, as if it had come alone. Never throws.
   */
  putAll(
    records: readonly StoredRecord[],
    origin: ArrivalOrigin,
    fresh?: { readonly ageMsMax: number },
  ): Promise<RefusedRecord[]> {
    const refusals: RefusedRecord[] = [];
    const wallMs = this.#clock.wallNow;
    let at = 0;
    for (const record of records) {
      try {
        this.check(record, undefined, wallMs);
        if (fresh !== undefined) this.#checkFresh(record, fresh.ageMsMax, wallMs);
      } catch (error) {
        refusals.push(this.#refusal(at, error));
      }
      at++;
    }
    // No async function, nor is `storeAll`: a message of few records would cost more in promises than in records.
    return refusals.length === 0
      ? this.storeAll(records, origin)
      : this.#storeOthers(records, origin, refusals);
  }

  /** Stores what has not been refused; adds what the store refuses. */
  async #storeOthers(
    records: readonly StoredRecord[],
    origin: ArrivalOrigin,
    refusals: RefusedRecord[],
  ): Promise<RefusedRecord[]> {
    const notTaken = new Set(refusals.map(({ index }) => index));
    const indexes = [...records.keys()].filter((index) => !notTaken.has(index));
    const taken = records.filter((_, index) => !notTaken.has(index));
    for (const refusal of await this.storeAll(taken, origin)) {
      refusals.push({ ...refusal, index: indexes[refusal.index] ?? refusal.index });
    }
    return refusals;
  }

  /** The same without the checks: for records that this very node has just stamped or checked. Never throws. */
  storeAll(records: readonly StoredRecord[], origin: ArrivalOrigin): Promise<RefusedRecord[]> {
    return this.#store.mergeAll(records).then((outcomes) => this.#settleAll(records, outcomes, origin));
  }

  #settleAll(
    records: readonly StoredRecord[],
    outcomes: readonly (MergeResult | StoreError)[],
    origin: ArrivalOrigin,
  ): RefusedRecord[] {
    const refusals: RefusedRecord[] = [];
    const wallMs = this.#clock.wallNow;
    let index = 0;
    for (const record of records) {
      const outcome = outcomes[index];
      try {
        assert(outcome !== undefined, 'a store tells what became of every record');
        if (outcome instanceof StoreError) throw this.#noted(outcome);
        this.#settle(record, outcome, origin, wallMs);
      } catch (error) {
        refusals.push(this.#refusal(index, error));
      }
      index++;
    }
    return refusals;
  }

  #refusal(index: number, error: unknown): RefusedRecord {
    const { code, message } = this.#refuse('replica.put-refused', error);
    return { index, code, message };
  }

  /**
   * Merges records whose giver lets go of them then, and says for each why it was refused. They are synced at every level of
   * durability: a hint or a copy that was on a disk must not end in memory alone. Never throws.
   */
  async takeOver(
    records: readonly StoredRecord[],
    origin: ArrivalOrigin,
  ): Promise<(ErrorCode | undefined)[]> {
    const codes = new Array<ErrorCode | undefined>(records.length).fill(undefined);
    for (const { index, code } of await this.putAll(records, origin)) codes[index] = code;
    if (this.#store.acknowledgesSynced) return codes;
    try {
      await this.#store.sync();
    } catch (error) {
      codes.fill(this.#refuse('replica.put-refused', error).code);
    }
    return codes;
  }

  /** Stores without the checks: for a record that this very node has just stamped or checked. */
  async store(record: StoredRecord, hintFor: NodeId | undefined, origin: ArrivalOrigin): Promise<void> {
    try {
      if (hintFor === undefined) {
        this.#settle(record, await this.#store.merge(record), origin, this.#clock.wallNow);
      } else {
        await this.#store.putHint(hintFor, record);
        this.#observer.count('hints.written');
      }
    } catch (error) {
      throw this.#noted(error);
    }
  }

  /** A merge is durable; throws the reason why its record is not here all the same, or will not be believed. */
  #settle(
    record: StoredRecord,
    { changed, held, isDamaged = false }: MergeResult,
    origin: ArrivalOrigin,
    wallMs: number,
  ): void {
    if (!changed) this.#checkBelieved(held.dot);
    if (isDamaged && !this.arrivals.isFetched(origin)) throw this.#lostAgainstDamage();
    if (changed) this.noteArrival(record, origin, wallMs);
  }

  #noted(error: unknown): unknown {
    if (errorCodeOf(error) === 'STALE_VERSION') this.#observer.count('floor.strays-refused');
    return error;
  }

  /** Remembers how a version came that is held from now on. */
  noteArrival({ token, version }: StoredRecord, origin: ArrivalOrigin, wallMs = this.#clock.wallNow): void {
    this.arrivals.note(token, version.dot, version.checksum, origin, wallMs);
  }

  /**
   * What this node stamped while its clock was ahead stays with it and wins here, but no read believes it: a write
   * that lost against it would be acknowledged and could not be read from here.
   */
  #checkBelieved(held: Dot): void {
    if (!this.#clock.isTooFarAhead(held)) return;
    this.#observer.count('clock.buried');
    throw new StoreError(
      'CLOCK_SKEW',
      `${this.#config.id} holds a version stamped ${held.wallMs}, far ahead of its clock, which was set back since`,
    );
  }

  /** What can't be read may be given up for what the other owners hold (`damage-inquiry.ts`), and the record is not here. */
  #lostAgainstDamage(): StoreError {
    return new StoreError(
      'RECORD_CORRUPT',
      `${this.#config.id} holds a newer version of the key, which it can no longer read: it can't vouch for this one`,
    );
  }

  /**
   * The owner has acknowledged the record after all: the hint that was kept here meanwhile is not needed. Unless that
   * acknowledgement was for a copy that is not synced: then the hint is handed over like any other.
   */
  async cancelHint(owner: NodeId, record: StoredRecord): Promise<void> {
    if (!this.#store.acknowledgesSynced) return;
    try {
      await this.#store.removeHint(owner, record);
      this.#observer.count('hints.cancelled');
    } catch (error) {
      // It stays, and is handed over like any other.
      this.#refuse('replica.hint-not-cancelled', error);
    }
  }

  /**
   * Answers from this node's store, or from a hint where it doesn't own the key; at once where the store does, which
   * spares most reads all their promises. Never throws or rejects.
   */
  get(key: Uint8Array, want: 'record' | 'digest'): MaybePromise<GetReply | RefusedReply> {
    const token = tokenOf(key);
    if (!this.owns(token)) return this.#refusing(this.#getHinted(key, token, want));
    const evidence = this.#isWitness(partitionOf(token, this.#placement.partitions));
    if (want === 'record') {
      const record = this.#store.get(key, token);
      if (!(record instanceof Promise)) return recordReply(record, evidence);
      return this.#refusing(record.then((later) => recordReply(later, evidence)));
    }
    const digest = this.#store.digest(key, token);
    if (!(digest instanceof Promise)) return digestReply(digest, evidence);
    return this.#refusing(digest.then((later) => digestReply(later, evidence)));
  }

  #refusing(reply: Promise<GetReply>): Promise<GetReply | RefusedReply> {
    return reply.catch((error: unknown) => this.#refuse('replica.get-refused', error));
  }

  owns(token: Token, node: NodeId = this.#config.id): boolean {
    const partition = partitionOf(token, this.#placement.partitions);
    if (node === this.#config.id) return this.#owned[partition] === 1;
    return this.#placement.owners(partition).includes(node);
  }

  /** Throws the reason why a record must not be stored here. */
  check(record: StoredRecord, hintFor: NodeId | undefined, wallMs = this.#clock.wallNow): void {
    if (!verifyRecord(record, this.#checksum)) {
      throw new StoreError(
        'RECORD_CORRUPT',
        'the record does not match its checksum: it was damaged on the way',
      );
    }
    if (hintFor !== undefined && !isMember(this.#config, hintFor)) {
      throw new StoreError('UNKNOWN_NODE', `no hint is kept for ${hintFor}: it is no member of this cluster`);
    }
    if (hintFor !== undefined) this.#checkPromise(record);
    const owner = hintFor ?? this.#config.id;
    if (!this.owns(record.token, owner)) {
      throw new StoreError(
        'NOT_OWNER',
        `${owner} does not own the key in placement epoch ${this.#placement.epoch}`,
      );
    }
    if (!this.#clock.observe(record.version.dot, wallMs)) {
      this.#observer.count('clock.refused');
      throw new StoreError(
        'CLOCK_SKEW',
        `the version is stamped ${record.version.dot.wallMs}, more than ${this.#config.timing.clockSkewMsMax} ms ` +
          `ahead of the clock of ${this.#config.id}. Check the clocks (NTP) of both machines.`,
      );
    }
  }

  /**
   * Refuses a new write whose coordinator's clock lags: it would be acknowledged and lose at once to versions that were
   * there before it, which nobody would notice.
   */
  #checkFresh(record: StoredRecord, ageMsMax: number, wallMs: number): void {
    if (!this.#clock.isTooFarBehind(record.version.dot, ageMsMax, wallMs)) {
      this.#checkPromise(record);
      return;
    }
    this.#observer.count('clock.lagging');
    throw new StoreError(
      'CLOCK_BEHIND',
      `the write is stamped ${record.version.dot.wallMs} by ${record.version.dot.actor}, whose clock lags behind that ` +
        `of ${this.#config.id}. Check the clocks (NTP) of both machines.`,
    );
  }

  /** Refuses what this node has promised not to take: the stability floor counts on it. */
  #checkPromise(record: StoredRecord): void {
    try {
      this.#promise?.check(record.version.dot.wallMs);
    } catch (error) {
      this.#observer.count('floor.late-writes-refused');
      throw error;
    }
  }

  async #getHinted(key: Uint8Array, token: Token, want: 'record' | 'digest'): Promise<GetReply> {
    const record = await this.#store.findHinted(key, token);
    if (record === undefined) return { kind: 'nothing', evidence: false };
    // Whether a fallback counts is for the coordinator to say, who knows the mode of the read.
    const evidence = true;
    return want === 'record'
      ? { kind: 'record', evidence, record }
      : { kind: 'digest', evidence, digest: record.version };
  }

  #refuse(event: string, error: unknown): RefusedReply {
    const code = errorCodeOf(error);
    this.#observer.count(`refused.${code}`);
    this.#observer.log('warn', event, errorMessageOf(error), { code });
    return { kind: 'refused', code, message: errorMessageOf(error) };
  }
}

function recordReply(record: StoredRecord | undefined, evidence: boolean): GetReply {
  return record === undefined ? { kind: 'nothing', evidence } : { kind: 'record', evidence, record };
}

function digestReply(digest: VersionDigest | undefined, evidence: boolean): GetReply {
  return digest === undefined ? { kind: 'nothing', evidence } : { kind: 'digest', evidence, digest };
}
