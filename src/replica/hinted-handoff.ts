/**
 * Hinted handoff (DeCandia et al. 2007, §4.6): what was kept for an absent owner goes to it when it is back.
 *
 * Invariant: a hint is removed only after its owner has acknowledged the record as durable, or has refused it as
 * older than the stability floor, below which nothing can be missing. One task per target, so that one that stays
 * away holds up nobody else; it sleeps until the target is heard again, sends messages of many records at the pace
 * that the target can take, and backs off when the target fails or refuses. What it has not handed over when it is
 * interrupted is still there: the next life goes on with it.
 */

import type { NodeId } from '../core/config.ts';
import { StoreError, type ErrorCode } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import type { StoredRecord } from '../core/record.ts';
import { sleep } from '../ports/clock.ts';
import type { Store } from '../storage/store.ts';
import { BackgroundTask } from './background-task.ts';
import type { Coordination } from './coordination.ts';
import { HandoffPace } from './handoff-pace.ts';
import { cutIntoBatches } from './record-batches.ts';

/** How long an idle task sleeps when nothing nudges it. */
const idleMs = 1_000;

export class HintedHandoff {
  readonly #coordination: Coordination;
  readonly #store: Store;
  readonly #tasks = new Map<NodeId, BackgroundTask>();
  readonly #paces = new Map<NodeId, HandoffPace>();
  /** Hints that their target refused, for each: what lies behind them is read all the same. */
  readonly #refused = new Map<NodeId, number>();
  #delivered = 0;

  constructor(options: { readonly coordination: Coordination; readonly store: Store }) {
    this.#coordination = options.coordination;
    this.#store = options.store;
    const { config, clock, observer } = this.#coordination;
    // This node is a target too: a fallback that is its own hint's owner appears when ownership changes.
    const { hintRetryMsMin, hintRetryMsMax } = config.timing;
    for (const { id } of config.members) {
      this.#paces.set(id, new HandoffPace({ min: hintRetryMsMin, max: hintRetryMsMax }));
      this.#tasks.set(
        id,
        new BackgroundTask({
          name: `handoff.${id}`,
          clock,
          observer,
          step: (signal) => this.#deliver(id, signal),
          pauseAfterErrorMs: hintRetryMsMax,
        }),
      );
    }
  }

  /** Hints delivered since the start. */
  get delivered(): number {
    return this.#delivered;
  }

  /** Why the newest attempt to deliver failed; empty when none did. */
  get lastError(): string {
    for (const task of this.#tasks.values()) {
      if (task.lastError !== '') return task.lastError;
    }
    return '';
  }

  start(): void {
    for (const task of this.#tasks.values()) task.start();
  }

  /** A target was heard again: its hints go out at once. */
  onTargetUp(target: NodeId): void {
    this.#paces.get(target)?.targetUp();
    this.#tasks.get(target)?.nudge();
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#tasks.values()].map((task) => task.stop()));
  }

  /** Hands over some of the hints; returns how long to wait before the next. */
  async #deliver(target: NodeId, signal: AbortSignal): Promise<number> {
    const { config, clock, isUp } = this.#coordination;
    const pace = this.#paces.get(target);
    const waiting = this.#store.hints().find((hint) => hint.target === target)?.count ?? 0;
    if (pace === undefined || waiting === 0 || !isUp(target)) return idleMs;
    const refusedBefore = this.#refused.get(target) ?? 0;
    const records = await this.#store.readHints(target, pace.batch + refusedBefore);
    const frameBytes = Math.min(limits.hintReplayFrameBytes, config.valueBytesMax);
    const batches = cutIntoBatches(records, { recordsMax: limits.hintReplayBatchMax, bytesMax: frameBytes });
    let refused = 0;
    let settled = 0;
    let pauseMs = idleMs;
    let reason = '';
    for (const batch of batches) {
      if (signal.aborted) return 0;
      if (settled > 0) await sleep(clock, pauseMs, signal);
      const startMs = clock.monotonicNow();
      const refusals = await this.#send(target, batch);
      if (typeof refusals === 'string') return this.#backOff(target, pace, refusals);
      await Promise.all(batch.map((record, index) => this.#settle(target, record, refusals[index])));
      const kept = refusals.filter((code) => code !== undefined && code !== 'STALE_VERSION');
      refused += kept.length;
      settled += batch.length - kept.length;
      reason = kept[0] ?? reason;
      const bytes = batch.reduce((sum, record) => sum + record.bytes.length, 0);
      pauseMs = pace.delivered({ bytes, tookMs: clock.monotonicNow() - startMs });
    }
    this.#refused.set(target, refused);
    return settled === 0 && refused > 0 ? this.#backOff(target, pace, reason) : pauseMs;
  }

  /** Removes a hint that its target has, or that it knows to be past. */
  async #settle(target: NodeId, record: StoredRecord, refusal: ErrorCode | undefined): Promise<void> {
    const { observer } = this.#coordination;
    if (refusal !== undefined && refusal !== 'STALE_VERSION') return;
    await this.#store.removeHint(target, record);
    if (refusal === 'STALE_VERSION') {
      observer.count('hints.stale');
      return;
    }
    this.#delivered++;
    observer.count('hints.delivered');
  }

  /** What became of each record, or why nothing is known of any. */
  async #send(
    target: NodeId,
    records: readonly StoredRecord[],
  ): Promise<readonly (ErrorCode | undefined)[] | string> {
    const { calls, config, replica } = this.#coordination;
    if (target === config.id) {
      return await replica.takeOver(records, replica.arrivals.originOf('handoff', target));
    }
    const timeoutMs = config.timing.requestTimeoutMs;
    const result = await calls.askOne(target, { kind: 'merge', timeoutMs, records }, timeoutMs);
    if (result.kind === 'refused') return `${result.code}: ${result.message}`;
    if (result.kind !== 'merged') return result.kind;
    return result.refusals.length === records.length ? result.refusals : 'an answer for other records';
  }

  /** Pauses longer with every failure in a row, up to the limit, and shows the reason. */
  #backOff(target: NodeId, pace: HandoffPace, reason: string): number {
    const pauseMs = pace.failed();
    if (pace.failures === 1) {
      const message = `${target} did not take its hints: ${reason}`;
      this.#coordination.observer.log('info', 'handoff.delayed', message, { target, pauseMs });
    }
    if (pauseMs >= this.#coordination.config.timing.hintRetryMsMax) {
      throw new StoreError('QUORUM_NOT_MET', `${target} keeps refusing its hints: ${reason}`, {
        retryable: true,
      });
    }
    return pauseMs;
  }
}
