/**
 * Ownership hygiene: a record lies on its N owners and on nobody else's disk.
 *
 * After a change of the nodes file a node may hold records of partitions that it does not own any more. They are handed
 * to all owners like any other record, and each is forgotten here only after every one of its owners has said that it,
 * or a later version, is durable there. Until then it stays, whoever is away: this may be the last copy.
 */

import type { NodeId } from '../core/config.ts';
import { treeRange, treeRoot } from '../core/hash-tree.ts';
import { limits } from '../core/limits.ts';
import type { StoredRecord } from '../core/record.ts';
import type { TokenRange } from '../core/token.ts';
import type { Store } from '../storage/store.ts';
import { BackgroundTask } from './background-task.ts';
import type { Coordination } from './coordination.ts';
import type { HealingPace } from './healing-pace.ts';
import { cutIntoBatches } from './record-batches.ts';
import type { CallResult } from './remote-calls.ts';

/** How often foreign partitions are looked for; what is refused or unreachable is tried again then. */
const lookMs = 10_000;

export interface HygieneStatus {
  /** Partitions that others own, and of which this node holds records. */
  readonly foreignPartitions: number;
  readonly foreignRecords: number;
  /** Records that all owners have, and that were forgotten here since the start. */
  readonly handedOver: number;
  readonly lastError: string;
}

export class OwnershipHygiene {
  readonly #coordination: Coordination;
  readonly #store: Store;
  readonly #pace: HealingPace;
  readonly #task: BackgroundTask;
  #handedOver = 0;
  #lastError = '';

  constructor(options: {
    readonly coordination: Coordination;
    readonly store: Store;
    readonly pace: HealingPace;
  }) {
    this.#coordination = options.coordination;
    this.#store = options.store;
    this.#pace = options.pace;
    this.#task = new BackgroundTask({
      name: 'ownership-hygiene',
      clock: options.coordination.clock,
      observer: options.coordination.observer,
      step: (signal) => this.#step(signal),
      pauseAfterErrorMs: lookMs,
    });
  }

  start(): void {
    this.#task.start();
  }

  async stop(): Promise<void> {
    await this.#task.stop();
  }

  status(): HygieneStatus {
    const foreign = this.#foreignPartitions();
    return {
      foreignPartitions: foreign.length,
      foreignRecords: foreign.reduce((sum, partition) => sum + this.#store.partitionSum(partition).count, 0),
      handedOver: this.#handedOver,
      lastError: this.#task.lastError === '' ? this.#lastError : this.#task.lastError,
    };
  }

  async #step(signal: AbortSignal): Promise<number> {
    this.#lastError = '';
    for (const partition of this.#foreignPartitions()) {
      if (signal.aborted) break;
      await this.#handOver(partition, signal);
    }
    return lookMs;
  }

  #foreignPartitions(): number[] {
    const { placement, config } = this.#coordination;
    const foreign: number[] = [];
    for (let partition = 0; partition < placement.partitions; partition++) {
      if (this.#store.partitionSum(partition).count === 0) continue;
      if (!placement.owners(partition).includes(config.id)) foreign.push(partition);
    }
    return foreign;
  }

  /** Goes through a partition once; what could not be handed over is left for the next time. */
  async #handOver(partition: number, signal: AbortSignal): Promise<void> {
    const { placement, clock } = this.#coordination;
    const owners = placement.owners(partition);
    if (!owners.every((owner) => this.#coordination.isUp(owner))) {
      this.#lastError = `an owner of partition ${partition} is down (${owners.join(', ')})`;
      return;
    }
    let range: TokenRange | undefined = treeRange(treeRoot(partition), placement.partitions);
    while (range !== undefined && !signal.aborted) {
      const startMs = clock.monotonicNow();
      const page = await this.#store.readRange(range, limits.treeRecordsBytesPerReply);
      await this.#handOverRecords(page.records, owners, signal);
      const bytes = page.records.reduce((sum, record) => sum + record.bytes.length, 0);
      range = page.next === undefined ? undefined : { first: page.next, last: range.last };
      await this.#pace.rest({ workMs: clock.monotonicNow() - startMs, bytes, urgent: false }, signal);
    }
  }

  async #handOverRecords(
    records: readonly StoredRecord[],
    owners: readonly NodeId[],
    signal: AbortSignal,
  ): Promise<void> {
    const { config } = this.#coordination;
    const bytesMax = Math.min(limits.hintReplayFrameBytes, config.valueBytesMax);
    for (const batch of cutIntoBatches(records, { recordsMax: limits.healingMergesPerTurn, bytesMax })) {
      if (signal.aborted) return;
      const kept = await this.#keptBy(batch, owners, signal);
      const given = batch.filter((_, index) => kept[index] !== true);
      await Promise.all(given.map((record) => this.#store.removeRecord(record)));
      this.#handedOver += given.length;
      if (given.length > 0) this.#coordination.observer.count('ownership.handed-over', given.length);
    }
  }

  /** Hands records to all owners; true for those that not every one of them has synced: they stay here. */
  #keptBy(
    records: readonly StoredRecord[],
    owners: readonly NodeId[],
    signal: AbortSignal,
  ): Promise<readonly boolean[]> {
    const kept = records.map(() => false);
    return new Promise((resolve) => {
      let waiting = owners.length;
      const end = (): void => {
        signal.removeEventListener('abort', onAbort);
        resolve(kept);
      };
      const onAbort = (): void => {
        kept.fill(true);
        this.#lastError = 'this node is stopping';
        end();
      };
      signal.addEventListener('abort', onAbort, { once: true });
      const timeoutMs = this.#coordination.config.timing.requestTimeoutMs;
      this.#coordination.calls.ask(
        owners,
        { kind: 'merge', timeoutMs, records },
        timeoutMs,
        (owner, result) => {
          for (const [index, refusal] of refusalsIn(result, records.length).entries()) {
            // Below the stability floor all owners agreed, without this version.
            if (refusal === undefined || refusal === 'STALE_VERSION') continue;
            kept[index] = true;
            this.#lastError = `${owner} did not take a record: ${refusal}`;
          }
          if (--waiting === 0) end();
        },
      );
    });
  }
}

/** For each of so many records why an owner has not said that it has it; undefined where it has. */
function refusalsIn(result: CallResult, records: number): readonly (string | undefined)[] {
  if (result.kind === 'merged' && result.refusals.length === records) return result.refusals;
  const reason = result.kind === 'refused' ? result.code : result.kind;
  return new Array<string>(records).fill(reason);
}
