/**
 * Hinted handoff (DeCandia et al. 2007, §4.6): what was kept for an absent owner goes to it when it is back.
 *
 * Invariant: a hint is removed only after its owner has acknowledged the record as durable. One task per
 * target, so that one that stays away holds up nobody else; it sleeps until the target is heard again, sends a
 * bounded batch, waits for the acknowledgements, and backs off when the target fails or refuses.
 */

import type { NodeId } from '../core/config.ts';
import { StoreError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import type { StoredRecord } from '../core/record.ts';
import type { Store } from '../storage/store.ts';
import { BackgroundTask } from './background-task.ts';
import type { Coordination } from './coordination.ts';
import type { CallResult } from './remote-calls.ts';

/** How long an idle task sleeps when nothing nudges it. */
const idleMs = 1_000;

export class HintedHandoff {
  readonly #coordination: Coordination;
  readonly #store: Store;
  readonly #tasks = new Map<NodeId, BackgroundTask>();
  readonly #failures = new Map<NodeId, number>();
  #delivered = 0;

  constructor(options: { readonly coordination: Coordination; readonly store: Store }) {
    this.#coordination = options.coordination;
    this.#store = options.store;
    const { config, clock, observer } = this.#coordination;
    // This node is a target too: a fallback that is its own hint's owner appears when ownership changes.
    for (const { id } of config.members) {
      this.#tasks.set(
        id,
        new BackgroundTask({
          name: `handoff.${id}`,
          clock,
          observer,
          step: (signal) => this.#deliver(id, signal),
          pauseAfterErrorMs: config.timing.hintRetryMsMin,
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
    this.#failures.delete(target);
    this.#tasks.get(target)?.nudge();
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#tasks.values()].map((task) => task.stop()));
  }

  /** One batch; returns how long to wait before the next. */
  async #deliver(target: NodeId, signal: AbortSignal): Promise<number> {
    if (!this.#store.hints().some((hint) => hint.target === target && hint.count > 0)) return idleMs;
    if (!this.#coordination.isUp(target)) return idleMs;
    const records = await this.#store.readHints(target, limits.hintReplayBatch);
    if (records.length === 0 || signal.aborted) return idleMs;
    const outcomes = await Promise.all(records.map((record) => this.#deliverOne(target, record)));
    const failure = outcomes.find((outcome) => outcome !== undefined);
    if (failure === undefined) {
      this.#failures.delete(target);
      return 0;
    }
    return this.#backOff(target, failure);
  }

  /** Undefined when the target has the record and the hint is gone; otherwise what went wrong. */
  async #deliverOne(target: NodeId, record: StoredRecord): Promise<string | undefined> {
    const result = await this.#send(target, record);
    if (result.kind !== 'stored') {
      return result.kind === 'refused' ? `${result.code}: ${result.message}` : result.kind;
    }
    await this.#store.removeHint(target, record);
    this.#delivered++;
    this.#coordination.observer.count('hints.delivered');
    return undefined;
  }

  #send(target: NodeId, record: StoredRecord): Promise<CallResult> {
    const { calls, config, replica } = this.#coordination;
    if (target === config.id) return replica.put(record, undefined);
    const timeoutMs = config.timing.requestTimeoutMs;
    return calls.askOne(
      target,
      { kind: 'put', timeoutMs, hintFor: undefined, fresh: false, record },
      timeoutMs,
    );
  }

  /** Doubles the pause with every failure in a row, up to the limit, and shows the reason. */
  #backOff(target: NodeId, reason: string): number {
    const { timing } = this.#coordination.config;
    const failures = (this.#failures.get(target) ?? 0) + 1;
    this.#failures.set(target, failures);
    const pauseMs = Math.min(timing.hintRetryMsMin * 2 ** (failures - 1), timing.hintRetryMsMax);
    if (failures === 1) {
      this.#coordination.observer.log(
        'info',
        'handoff.delayed',
        `${target} did not take its hints: ${reason}`,
        {
          target,
          pauseMs,
        },
      );
    }
    if (pauseMs >= timing.hintRetryMsMax) {
      throw new StoreError('QUORUM_NOT_MET', `${target} keeps refusing its hints: ${reason}`, {
        retryable: true,
      });
    }
    return pauseMs;
  }
}
